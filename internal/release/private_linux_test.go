// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestGroupOfOne holds which directories that a group may write to are still
// their user's alone, as a home directory is that was made with umask 002.
func TestGroupOfOne(t *testing.T) {
	t.Parallel()
	top, err := os.MkdirTemp("/tmp", "dcos-home-") //nolint:usetesting // others may look into it, unlike t.TempDir
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(top)) })
	must(t, os.Chmod(top, 0o755))
	home := filepath.Join(top, "home")
	must(t, os.Mkdir(home, 0o755))
	must(t, os.Chmod(home, 0o775))
	fi, err := os.Stat(home)
	must(t, err)
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		t.Fatal("the directory has no group")
	}
	uid, gid := os.Geteuid(), int(st.Gid)

	ours := fmt.Sprintf("daemon:x:98765:98765::/:/bin/sh\nme:x:%d:%d::/home/me:/bin/sh\n", uid, gid)
	elsewhere := fmt.Sprintf("me:x:%d:%d::/home/me:/bin/sh\n", uid, gid+1)
	alone := map[string]string{"passwd": ours, "group": fmt.Sprintf("me:x:%d:\n", gid)}
	const refused = "others may write to "
	for name, c := range map[string]struct {
		files map[string]string // in the place of those of alone
		says  string
	}{
		"a group of its own":            {nil, ""},
		"listed in it":                  {map[string]string{"group": fmt.Sprintf("me:x:%d:me\n", gid)}, ""},
		"another's in which they are":   {map[string]string{"passwd": elsewhere, "group": fmt.Sprintf("us:x:%d:me\n", gid)}, ""},
		"a member":                      {map[string]string{"group": fmt.Sprintf("me:x:%d:me,other\n", gid)}, refused},
		"a member on another line":      {map[string]string{"group": fmt.Sprintf("me:x:%[1]d:\nus:x:%[1]d:other\n", gid)}, refused},
		"somebody else's group as well": {map[string]string{"passwd": ours + fmt.Sprintf("other:x:98764:%d::/:/bin/sh\n", gid)}, refused},
		"a group that they are not in":  {map[string]string{"passwd": elsewhere}, refused},
		"a user who is not known":       {map[string]string{"passwd": ""}, refused},
		"files only":                    {map[string]string{"nsswitch.conf": "passwd: files # sss\ngroup: files [SUCCESS=merge] systemd\n"}, ""},
		"a directory on the network":    {map[string]string{"nsswitch.conf": "passwd: files systemd\ngroup: files sss\n"}, refused},
		"one for the groups of users":   {map[string]string{"nsswitch.conf": "initgroups: files ldap\n"}, refused},
	} {
		t.Run(name, func(t *testing.T) {
			etc := t.TempDir()
			for _, files := range []map[string]string{alone, c.files} {
				for file, text := range files {
					must(t, os.WriteFile(filepath.Join(etc, file), []byte(text), 0o600))
				}
			}
			err := privateDirectory(filepath.Join(home, "cache"), accountFiles(etc))
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says+home) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}

	etc := t.TempDir()
	for file, text := range alone {
		must(t, os.WriteFile(filepath.Join(etc, file), []byte(text), 0o600))
	}
	t.Run("all may write", func(t *testing.T) {
		must(t, os.Chmod(home, 0o777))
		defer func() { must(t, os.Chmod(home, 0o775)) }()
		if err := privateDirectory(filepath.Join(home, "cache"), accountFiles(etc)); err == nil {
			t.Error("a directory that all may write to is believed")
		}
	})
	t.Run("another on an access list", func(t *testing.T) {
		// What setfacl -m u:98764:rwx writes; acl(5), linux/posix_acl_xattr.h.
		list := binary.LittleEndian.AppendUint32(nil, 2)
		for _, e := range []struct {
			tag, may uint16
			id       uint32
		}{{1, 7, 1<<32 - 1}, {2, 7, 98764}, {4, 5, 1<<32 - 1}, {16, 7, 1<<32 - 1}, {32, 5, 1<<32 - 1}} {
			list = binary.LittleEndian.AppendUint16(list, e.tag)
			list = binary.LittleEndian.AppendUint16(list, e.may)
			list = binary.LittleEndian.AppendUint32(list, e.id)
		}
		if err := syscall.Setxattr(home, "system.posix_acl_access", list, 0); err != nil {
			t.Skipf("the file system of /tmp has no access lists: %v", err)
		}
		if err := privateDirectory(filepath.Join(home, "cache"), accountFiles(etc)); err == nil {
			t.Error("a directory that another may write to is believed")
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
