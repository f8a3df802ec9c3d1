// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package sample

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

// A tree is a file system in the making: its entries by their slash-separated
// path, without a leading slash. Directories are made as they are needed, and
// empty ones can be put in.
type tree map[string]entry

type entry struct {
	mode    fs.FileMode // permissions, and fs.ModeDir or fs.ModeSymlink
	content []byte
	link    string
}

func (t tree) file(name string, content []byte) {
	t[name] = entry{mode: 0o644, content: content}
}

func (t tree) program(name string, content []byte) {
	t[name] = entry{mode: 0o755, content: content}
}

func (t tree) symlink(name, target string) {
	t[name] = entry{mode: fs.ModeSymlink | 0o777, link: target}
}

func (t tree) dir(name string) {
	t[name] = entry{mode: fs.ModeDir | 0o755}
}

// normal is the entry with the permissions that it has whatever the umask was.
func (e entry) normal() entry {
	switch {
	case e.mode&fs.ModeSymlink != 0:
	case e.mode.IsDir() || e.mode&0o100 != 0:
		e.mode = e.mode.Type() | 0o755
	default:
		e.mode = 0o644
	}
	return e
}

// graft puts all of other into t, below prefix.
func (t tree) graft(prefix string, other tree) {
	for name, e := range other {
		t[path.Join(prefix, name)] = e
	}
}

// names gives all paths, those of directories included, sorted so that a
// directory comes before what is in it.
func (t tree) names() []string {
	all := map[string]bool{}
	for name := range t {
		for ; name != "." && !all[name]; name = path.Dir(name) {
			all[name] = true
		}
	}
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func (t tree) entry(name string) entry {
	if e, ok := t[name]; ok {
		return e
	}
	return entry{mode: fs.ModeDir | 0o755}
}

// epoch is the time of every file in the release, so that the same inputs give
// the same bytes.
var epoch = time.Unix(1604516023, 0).UTC()

// tar writes the tree as a tar archive with names starting with prefix.
func (t tree) tar(w io.Writer, prefix string) error {
	tw := tar.NewWriter(w)
	for _, name := range t.names() {
		e := t.entry(name)
		h := &tar.Header{
			Name: prefix + name, Mode: int64(e.mode.Perm()), ModTime: epoch,
			Typeflag: tar.TypeReg, Size: int64(len(e.content)), Format: tar.FormatGNU,
		}
		switch {
		case e.mode.IsDir():
			h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
		case e.mode&fs.ModeSymlink != 0:
			h.Typeflag, h.Linkname = tar.TypeSymlink, e.link
		}
		if err := tw.WriteHeader(h); err != nil {
			return err
		}
		if _, err := tw.Write(e.content); err != nil {
			return err
		}
	}
	return tw.Close()
}

// tarXZ gives the tree as a compressed tar archive, made by the xz command:
// it is many times faster than xz in Go. One thread, because more would make
// other bytes.
func (t tree) tarXZ(ctx context.Context) ([]byte, error) {
	var plain, packed, stderr bytes.Buffer
	if err := t.tar(&plain, "./"); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "xz", "-0", "-T1", "--check=crc64")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &plain, &packed, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("xz: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return packed.Bytes(), nil
}

// write makes the tree below dir.
func (t tree) write(dir string) error {
	for _, name := range t.names() {
		e, to := t.entry(name), filepath.Join(dir, filepath.FromSlash(name))
		var err error
		switch {
		case e.mode.IsDir():
			err = os.MkdirAll(to, 0o755)
		case e.mode&fs.ModeSymlink != 0:
			err = os.Symlink(e.link, to)
		default:
			err = os.WriteFile(to, e.content, e.mode.Perm())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readTree reads what write made; links from below dir into it are shown as if
// dir were the root.
func readTree(dir string) (tree, error) {
	t := tree{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		name, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		info, err := d.Info()
		if err != nil {
			return err
		}
		e := entry{mode: info.Mode() & (fs.ModePerm | fs.ModeDir | fs.ModeSymlink)}
		switch {
		case d.IsDir():
		case info.Mode()&fs.ModeSymlink != 0:
			e.link, err = os.Readlink(p)
			if rest, ok := strings.CutPrefix(e.link, dir+"/"); ok {
				e.link = "/" + rest
			}
		default:
			e.content, err = os.ReadFile(p)
		}
		t[name] = e
		return err
	})
	return t, err
}
