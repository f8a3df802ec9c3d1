// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// Snapshot is everything about a host that a removed installation must have
// left as it was. The key of an entry says what it is about ("file /etc/fstab",
// "unit ssh.service", "listen tcp 0.0.0.0:22"), the value how it is. It can be
// kept as JSON.
//
// What the system keeps for itself is not in it, and this is the whole list:
//   - files that logins, sudo and shadow-utils write: /var/log/{wtmp,btmp,lastlog,faillog}, /var/lib/sudo, /run/sudo,
//     /run/motd.dynamic, the backups /etc/{passwd,group,shadow,gshadow,subuid,subgid}-;
//   - what systemd keeps about itself: the journal, /run/systemd, /run/udev, /run/log, /run/host, /run/credentials,
//     /var/lib/systemd/{random-seed,timers}, units of sessions and scopes, units that are inactive, and targets and slices
//     that are active (their files count);
//   - what WithMount has mounted, which is no host's own;
//   - times of files, and sizes of directories;
//   - processes and units of SSH sessions;
//   - empty chains of the firewall that let everything pass;
//   - state of the kernel that is the machine's and not the host's: modules, sysctls but net's.
type Snapshot struct {
	Entries map[string]string
}

// Change is one difference between two snapshots.
type Change struct {
	Name          string // the entry's key
	Before, After string // its values; "" where there is none
}

// String gives the change as a line.
func (c Change) String() string {
	switch {
	case c.Before == "":
		return "added: " + c.Name + " (" + c.After + ")"
	case c.After == "":
		return "removed: " + c.Name + " (" + c.Before + ")"
	}
	return "changed: " + c.Name + " (" + c.Before + ", now " + c.After + ")"
}

// Diff gives what differs, by name.
func Diff(before, after *Snapshot) []Change {
	var changes []Change
	for name, was := range before.Entries {
		if now := after.Entries[name]; now != was {
			changes = append(changes, Change{name, was, now})
		}
	}
	for name, now := range after.Entries {
		if _, ok := before.Entries[name]; !ok {
			changes = append(changes, Change{name, "", now})
		}
	}
	slices.SortFunc(changes, func(a, b Change) int { return strings.Compare(a.Name, b.Name) })
	return changes
}

// Snapshot looks at the host from outside, so that looking leaves no trace.
// One that is just booting is waited for; one that is off has its files alone.
func (h *Host) Snapshot(ctx context.Context) (*Snapshot, error) {
	parts := []func(context.Context, entries) error{h.lookAtFiles}
	leader := h.leader()
	if leader != 0 {
		// A host with failed units, or one that is at work for long, is looked at as it is.
		if _, err := h.Exec(ctx, "sh", "-c", "timeout 30 systemctl is-system-running --wait >/dev/null 2>&1 || :"); err != nil {
			return nil, err
		}
		live := liveHost{Host: h, leader: leader}
		parts = append(parts, live.lookAtProcesses, live.lookAtMounts, live.lookAtSockets, live.lookAtNetwork, live.lookAtCgroups)
	}
	found := make([]entries, len(parts)+1)
	group, groupCtx := errgroup.WithContext(ctx)
	for i, look := range parts {
		found[i] = entries{}
		group.Go(func() error { return look(groupCtx, found[i]) })
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("snapshot of host %s: %w", h.Name, err)
	}
	if leader != 0 { // runs commands inside, so after the look at processes
		found[len(parts)] = entries{}
		if err := (liveHost{h, leader}).lookInside(ctx, found[len(parts)]); err != nil {
			return nil, fmt.Errorf("snapshot of host %s: %w", h.Name, err)
		}
	}
	s := &Snapshot{Entries: map[string]string{}}
	for _, e := range found {
		maps.Copy(s.Entries, e)
	}
	return s, nil
}

// entries is a part of a snapshot in the making.
type entries map[string]string
