// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// ownedBySystem are the paths that are left out of a snapshot, with all below
// them; see Snapshot.
var ownedBySystem = map[string]bool{
	"/proc": true, "/sys": true, "/dev": true,
	"/var/log/wtmp": true, "/var/log/btmp": true, "/var/log/lastlog": true, "/var/log/faillog": true, "/var/log/journal": true,
	"/var/lib/sudo": true, "/run/sudo": true, "/run/motd.dynamic": true,
	"/etc/passwd-": true, "/etc/group-": true, "/etc/shadow-": true, "/etc/gshadow-": true, "/etc/subuid-": true, "/etc/subgid-": true,
	"/var/lib/systemd/random-seed": true, "/var/lib/systemd/timers": true,
	"/run/systemd": true, "/run/udev": true, "/run/log": true, "/run/host": true, "/run/credentials": true, "/run/user": true,
}

// lookAtFiles looks at all files as the host sees them: its own disk with the
// hash of each file, file systems in memory by name.
func (h *Host) lookAtFiles(ctx context.Context, found entries) error {
	s, err := h.spec()
	if err != nil {
		return err
	}
	images, err := readManifests(s.Lowers)
	if err != nil {
		return err
	}
	foreign := map[string]bool{}
	for _, m := range s.Mounts {
		foreign[filepath.Clean(m.Target)] = true
	}
	top := h.root()
	if leader := h.leader(); leader != 0 {
		top = fmt.Sprintf("/proc/%d/root", leader)
		for _, memory := range []string{"/run", "/dev/shm"} {
			if err := walk(ctx, top, memory, nil, found, nil); err != nil {
				return err
			}
		}
	}
	return walk(ctx, top, "/", foreign, found, images)
}

// privateTmp is a directory that systemd makes for a unit at every start of
// it, with two numbers of no meaning in its name.
var privateTmp = regexp.MustCompile(`/systemd-private-[0-9a-f]{32}-(.*)-[A-Za-z0-9]{6}`)

// walk adds what is at and below path, as seen from top, but for what is
// foreign. Without a manifest it adds names alone.
func walk(ctx context.Context, top, path string, foreign map[string]bool, found entries, images manifest) error {
	contents := images != nil
	err := filepath.WalkDir(top+path, func(name string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		shown := strings.TrimPrefix(name, top)
		if errors.Is(err, fs.ErrNotExist) { // removed while we looked
			return nil
		}
		if err != nil {
			return err
		}
		if ownedBySystem[shown] || foreign[shown] || (contents && shown == "/run") {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		text, err := describe(name, shown, images)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		shown = privateTmp.ReplaceAllString(shown, "/systemd-private-*-$1-*")
		if contents {
			found["file "+shown] = text
		} else {
			found["name "+shown] = text
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look at files: %w", err)
	}
	return nil
}

// fileStat is what a FileInfo knows of a file beyond what is common to all systems.
type fileStat struct {
	uid, gid int
	device   uint64 // which one a device file stands for
	changed  int64  // when the inode last changed, in nanoseconds
}

// describe gives a file's type, mode and owner, and its contents' hash, its
// target or its device number.
func describe(name, shown string, images manifest) (string, error) {
	info, err := os.Lstat(name)
	if err != nil {
		return "", err
	}
	st := statOf(info)
	text := info.Mode().String() + " " + strconv.Itoa(st.uid) + ":" + strconv.Itoa(st.gid)
	switch kind := info.Mode().Type(); {
	case kind == fs.ModeSymlink:
		target, err := os.Readlink(name)
		if err != nil {
			return "", err
		}
		return text + " -> " + target, nil
	case kind&fs.ModeDevice != 0:
		return text + " device " + strconv.FormatUint(st.device, 16), nil
	case kind == 0 && images != nil:
		hash, known := images[imageFile{shown, st.changed}]
		if !known {
			if hash, err = hashFile(name); err != nil {
				return "", err
			}
		}
		return text + " sha256 " + hash, nil
	}
	return text, nil
}

func hashFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	_, err = io.Copy(hash, f)
	return hex.EncodeToString(hash.Sum(nil)), errors.Join(err, f.Close())
}

// manifest gives the hashes of the files of images, so that only what a host
// has changed need be read. It can be trusted because an image never changes
// and the time of a file's last change, the inode's, is the kernel's alone to
// set: what overlayfs copies up has a new one.
type manifest map[imageFile]string

type imageFile struct {
	path    string
	changed int64 // in nanoseconds
}

const manifestName = "manifest"

// writeManifest writes the manifest of the image below dir.
func writeManifest(dir string) error {
	var text strings.Builder
	root := filepath.Join(dir, "root")
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.Contains(name, "\n") {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		hash, err := hashFile(name)
		fmt.Fprintf(&text, "%d %s %s\n", statOf(info).changed, hash, strings.TrimPrefix(name, root))
		return err
	})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, manifestName), []byte(text.String()), 0o600)
}

func readManifests(lowers []string) (manifest, error) {
	m := manifest{}
	for _, lower := range lowers {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(lower), manifestName))
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			changed, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			hash, path, _ := strings.Cut(rest, " ")
			at, err := strconv.ParseInt(changed, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("read the manifest of %s: %w", lower, err)
			}
			m[imageFile{path, at}] = hash
		}
	}
	return m, nil
}
