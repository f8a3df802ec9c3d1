// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	commit      = "0123456789abcdef0123456789abcdef01234567"
	bootstrapID = "fedcba9876543210fedcba9876543210fedcba98"
	genDir      = "opt/mesosphere/packages/dcos-image--aaaa/lib/python3.6/site-packages/gen/"
)

// files is a file tree by path; a value that starts with "-> " is a symbolic
// link, "=> " a hard link; "/" is a directory.
type files map[string]string

// smallRelease is the image of a release with two packages.
func smallRelease() files {
	f := files{
		"installer_internal_wrapper": "#!/bin/sh\nset -euo pipefail\n\nexport DCOS_IMAGE_COMMIT=" + commit +
			"\nexport BOOTSTRAP_ID=" + bootstrapID + "\nexport BOOTSTRAP_VARIANT=\n\nexec true \"$@\"\n",
		"artifacts/complete/complete.latest.json": `{"bootstrap": "` + bootstrapID +
			`", "packages": ["dcos-image--aaaa", "mesos--bbbb"]}`,
		"artifacts/bootstrap/bootstrap.latest":                     bootstrapID,
		"artifacts/bootstrap/" + bootstrapID + ".active.json":      `["dcos-image--aaaa"]`,
		"artifacts/bootstrap/" + bootstrapID + ".bootstrap.tar.xz": strings.Repeat("bootstrap ", 1000),
		"artifacts/packages/mesos/mesos--bbbb.tar.xz":              strings.Repeat("mesos", 700),
		"artifacts/packages/dcos-image/dcos-image--aaaa.tar.xz":    "image",
		"opt/mesosphere/active/dcos-image":                         "-> /opt/mesosphere/packages/dcos-image--aaaa",
		"opt/mesosphere/lib/python3.6/site-packages/gen/calc.py": "-> /opt/mesosphere/packages/dcos-image--aaaa/" +
			"lib/python3.6/site-packages/gen/calc.py",
		"opt/mesosphere/packages/python--cccc/lib/python3.6/other.py": "pass\n",
		genDir + "calc.py": "import os\n\nDCOS_VERSION = '2.2.1'\n\nentry = {\n    'must': {\n        'dcos_version': DCOS_VERSION,\n    },\n}\n",
	}
	for _, name := range []string{"dcos-config.yaml", "cloud-config.yaml", "dcos-metadata.yaml", "dcos-services.yaml"} {
		f[genDir+name] = "# " + name + "\n"
	}
	f[genDir+"ip-detect/aws.sh"] = "#!/bin/sh\n"
	return f
}

func (f files) with(more files) files {
	f = maps.Clone(f)
	maps.Copy(f, more)
	return f
}

func (f files) without(paths ...string) files {
	f = maps.Clone(f)
	for _, p := range paths {
		delete(f, p)
	}
	return f
}

// writeDir lays the tree out in a new directory.
func (f files) writeDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range f {
		to := filepath.Join(dir, filepath.FromSlash(name))
		check(t, os.MkdirAll(filepath.Dir(to), 0o755))
		if target, ok := strings.CutPrefix(content, "-> "); ok {
			check(t, os.Symlink(target, to))
		} else {
			check(t, os.WriteFile(to, []byte(content), 0o644))
		}
	}
	return dir
}

// tar makes a tar of the tree, sorted by path.
func (f files) tar(t testing.TB) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, name := range slices.Sorted(maps.Keys(f)) {
		content := f[name]
		h := &tar.Header{Name: name, Mode: 0o644, Typeflag: tar.TypeReg, Size: int64(len(content))}
		if target, ok := strings.CutPrefix(content, "-> "); ok {
			h.Typeflag, h.Linkname, h.Size, content = tar.TypeSymlink, target, 0, ""
		} else if target, ok := strings.CutPrefix(content, "=> "); ok {
			h.Typeflag, h.Linkname, h.Size, content = tar.TypeLink, target, 0, ""
		} else if content == "/" {
			h.Typeflag, h.Size, content = tar.TypeDir, 0, ""
		}
		check(t, w.WriteHeader(h))
		_, err := w.Write([]byte(content))
		check(t, err)
	}
	check(t, w.Close())
	return buf.Bytes()
}

// dockerSave makes what docker save writes for an image of these layers,
// lowest first, in the layout of Docker up to 24.
func dockerSave(t testing.TB, layers ...files) []byte {
	t.Helper()
	save := files{}
	var names, diffIDs []string
	for _, layer := range layers {
		content := layer.tar(t)
		sum := sha256.Sum256(content)
		id := hex.EncodeToString(sum[:])
		save[id+"/VERSION"] = "1.0"
		save[id+"/json"] = "{}"
		save[id+"/layer.tar"] = string(content)
		names = append(names, id+"/layer.tar")
		diffIDs = append(diffIDs, "sha256:"+id)
	}
	save["config.json"] = mustJSON(t, map[string]any{"rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs}})
	save["manifest.json"] = mustJSON(t, []any{map[string]any{"Config": "config.json", "Layers": names}})
	save["repositories"] = "{}"
	return save.tar(t)
}

// script makes a dcos_generate_config.sh of a saved image.
func script(t testing.TB, image []byte) []byte {
	t.Helper()
	name := "dcos-genconf." + commit[:18] + "-" + bootstrapID[:18] + ".tar"
	head := "#!/bin/bash\n# variant: \nset -o errexit\nsed '1,/^#EOF#$/d' \"$0\" | tar xv\ndocker load -i " + name + "\nexit 0\n\n#EOF#\n"
	return append([]byte(head), files{name: string(image)}.tar(t)...)
}

func write(t testing.TB, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dcos_generate_config.sh")
	check(t, os.WriteFile(path, content, 0o755))
	return path
}

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	check(t, err)
	return string(text)
}

func sum(content []byte) string {
	s := sha256.Sum256(content)
	return hex.EncodeToString(s[:])
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// savedFiles is the tree of a tar that dockerSave made.
func savedFiles(t testing.TB, content []byte) files {
	t.Helper()
	f := files{}
	for r := tar.NewReader(bytes.NewReader(content)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return f
		}
		check(t, err)
		text, err := io.ReadAll(r)
		check(t, err)
		f[h.Name] = string(text)
	}
}
