// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// Exec runs a command as root inside the host, not over SSH, and gives its
// standard output. An error has the end of its standard error.
func (h *Host) Exec(ctx context.Context, command ...string) (string, error) {
	cmd, err := h.Command(ctx, command...)
	if err != nil {
		return "", err
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("on host %s: %s: %w: %s", h.Name, strings.Join(command, " "), err, lastLines(stderr.String(), 5))
	}
	return stdout.String(), nil
}

// Shell is Exec of a script for sh, which ends at its first failure.
func (h *Host) Shell(ctx context.Context, script string) (string, error) {
	return h.Exec(ctx, "sh", "-ec", script)
}

// Command is a command as root inside the host, not over SSH. It can do what
// root can do there and no more, and ends with ctx.
func (h *Host) Command(ctx context.Context, command ...string) (*exec.Cmd, error) {
	leader := h.leader()
	if leader == 0 {
		return nil, fmt.Errorf("host %s is off", h.Name)
	}
	drop, err := missingCapabilities(leader)
	if err != nil {
		return nil, err
	}
	args := []string{"-t", strconv.Itoa(leader), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "--", "setpriv", "--inh-caps=-all"}
	if drop != "" {
		args = append(args, "--bounding-set="+drop)
	}
	cmd := exec.CommandContext(ctx, "nsenter", append(append(args, "--"), command...)...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"}
	killGroup(cmd)
	return cmd, nil
}

// SSH gives the words of an OpenSSH command that logs in as user; to be run in
// the lab's network. The host's key is checked.
func (h *Host) SSH(user string) []string {
	return []string{
		"ssh", "-F", "none", "-i", h.lab.KeyFile(), "-o", "IdentitiesOnly=yes", "-o", "UserKnownHostsFile=" + h.lab.KnownHostsFile(),
		"-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=10", "-p", strconv.Itoa(h.Port), user + "@" + h.Address,
	}
}

// missingCapabilities gives the capabilities that process 1 of a host does
// not have, in setpriv's form. Who enters a host without giving them up could
// do there what root can do on the machine: set its clock, say.
func missingCapabilities(leader int) (string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", leader))
	if err != nil {
		return "", err
	}
	last, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	if err != nil {
		return "", err
	}
	highest, err := strconv.Atoi(strings.TrimSpace(string(last)))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		rest, ok := strings.CutPrefix(line, "CapBnd:")
		if !ok {
			continue
		}
		set, err := strconv.ParseUint(strings.TrimSpace(rest), 16, 64)
		if err != nil {
			return "", err
		}
		var drop []string
		for c := range highest + 1 {
			if set>>c&1 == 0 {
				drop = append(drop, "-cap_"+strconv.Itoa(c))
			}
		}
		return strings.Join(drop, ","), nil
	}
	return "", fmt.Errorf("read /proc/%d/status: no bounding set", leader)
}
