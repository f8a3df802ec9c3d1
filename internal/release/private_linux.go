// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// onlyUserWrites tells whether a directory that its group may write to is still
// this user's alone, as in a home directory that was made with umask 002: the
// group is the user's own. Debian's OpenSSH has this rule for its StrictModes
// (user-group-modes.patch; upstream's safe_path allows no group). Here it holds
// only where all members can be known.
func (a accountFiles) onlyUserWrites(path string, fi fs.FileInfo) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok || fi.Mode().Perm()&0o002 != 0 {
		return false
	}
	// Where there is an access list, the mode has the most that anybody of it may.
	for _, list := range []string{"system.posix_acl_access", "system.nfs4_acl"} {
		if n, err := syscall.Getxattr(path, list, nil); err == nil && n > 0 {
			return false
		}
	}
	return a.alone(os.Geteuid(), int(st.Gid))
}

// alone tells whether a user is the only member of a group, by the ids of both.
// It is false where others than these files may know of members.
func (a accountFiles) alone(uid, gid int) bool {
	if !a.onlyFiles() {
		return false
	}
	var names []string // of the user
	member := false
	for _, f := range a.lines("passwd", 7) {
		switch owner, group := f[2] == strconv.Itoa(uid), f[3] == strconv.Itoa(gid); {
		case owner:
			names = append(names, f[0])
			member = member || group
		case group:
			return false
		}
	}
	for _, f := range a.lines("group", 4) {
		if f[2] != strconv.Itoa(gid) {
			continue
		}
		for name := range strings.SplitSeq(f[3], ",") {
			switch {
			case slices.Contains(names, name):
				member = true
			case name != "":
				return false
			}
		}
	}
	return member
}

// onlyFiles tells whether the C library asks nobody but files for users and
// groups, and systemd for those of units and of homes that it keeps: no directory
// on the network, of whose members nothing is known here.
func (a accountFiles) onlyFiles() bool {
	text, err := os.ReadFile(filepath.Join(string(a), "nsswitch.conf"))
	if err != nil {
		return os.IsNotExist(err) // as with musl, and what is asked without it
	}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		database, services, _ := strings.Cut(strings.TrimSpace(line), ":")
		if !slices.Contains([]string{"passwd", "group", "initgroups"}, strings.TrimSpace(database)) {
			continue
		}
		for service := range strings.FieldsSeq(services) {
			if !strings.Contains(service, "=") && !slices.Contains([]string{"files", "systemd", "[", "]"}, service) {
				return false
			}
		}
	}
	return true
}

// lines gives the fields of a file's lines, of those that have so many.
func (a accountFiles) lines(name string, fields int) [][]string {
	text, err := os.ReadFile(filepath.Join(string(a), name))
	if err != nil {
		return nil
	}
	var all [][]string
	for line := range strings.Lines(string(text)) {
		if f := strings.Split(strings.TrimSpace(line), ":"); len(f) == fields {
			all = append(all, f)
		}
	}
	return all
}
