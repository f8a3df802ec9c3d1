// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/ulikunitz/xz"
)

// tarTime is the modification time of everything in a tarball: any fixed time
// that no tar finds implausible will do, since nothing on a node looks at it.
var tarTime = time.Date(2017, 1, 1, 0, 0, 0, 0, time.UTC)

// dictionaryCap is what xz remembers; the packages we make are smaller.
const dictionaryCap = 1 << 20

// tarball packs a package as pkgpanda expects it: a root entry ".", names
// that start with "./", owner 0:0, directories 0755. Unlike upstream's, whose
// tarballs have the times and owner names of the machine that made them, it is
// the same on any machine.
func tarball(p Package) ([]byte, error) {
	var out bytes.Buffer
	compressed, err := xz.WriterConfig{DictCap: dictionaryCap, CheckSum: xz.CRC64}.NewWriter(&out)
	if err != nil {
		return nil, err
	}
	if err := writeTar(compressed, p.Files); err != nil {
		return nil, err
	}
	if err := compressed.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func writeTar(w io.Writer, files []File) error {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	t := tar.NewWriter(w)
	written := map[string]bool{}
	var directory func(dir string) error
	directory = func(dir string) error {
		if written[dir] {
			return nil
		}
		written[dir] = true
		name := "."
		if dir != "/" {
			if err := directory(path.Dir(dir)); err != nil {
				return err
			}
			name = "." + dir
		}
		return t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755, ModTime: tarTime, Format: tar.FormatGNU})
	}
	if err := directory("/"); err != nil {
		return err
	}
	for _, f := range files {
		if path.Clean("/"+f.Path) != f.Path || f.Path == "/" || written[f.Path] {
			return fmt.Errorf("%q cannot be the path of a file here", f.Path)
		}
		if err := directory(path.Dir(f.Path)); err != nil {
			return err
		}
		written[f.Path] = true
		h := &tar.Header{Typeflag: tar.TypeReg, Name: "." + f.Path, Mode: int64(f.Mode.Perm()),
			Size: int64(len(f.Content)), ModTime: tarTime, Format: tar.FormatGNU}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		if _, err := t.Write(f.Content); err != nil {
			return err
		}
	}
	return t.Close()
}
