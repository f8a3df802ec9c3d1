// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package pkgpanda

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"os/user"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Users makes the accounts that packages ask for.
type Users struct {
	// Add makes missing accounts. When false, one that is missing is an error.
	Add bool
	// Run runs a command; nil = really.
	Run func(ctx context.Context, name string, args ...string) error
}

var (
	userPattern  = regexp.MustCompile(`^dcos_[a-z0-9_]+$`)
	groupPattern = regexp.MustCompile(`^[a-z_][a-z0-9_-]*$`)
)

// Ensure makes the account name, unless it is there. Its group is one of its
// own name, or group, which must be there.
func (u *Users) Ensure(ctx context.Context, name, group string) error {
	if !userPattern.MatchString(name) {
		return fmt.Errorf("user name %q must be dcos_ and then lower-case letters, digits and underscores", name)
	}
	if group != "" && !groupPattern.MatchString(group) {
		return fmt.Errorf("group name %q is not valid", group)
	}
	account, err := user.Lookup(name)
	if err == nil {
		return checkGroup(account, group)
	}
	var unknown user.UnknownUserError
	if !errors.As(err, &unknown) {
		return err
	}
	if !u.Add {
		return fmt.Errorf("user %s is not there, and /etc/mesosphere/manual_host_users says that users are made by hand", name)
	}
	args := []string{"--system", "--home-dir", "/opt/mesosphere", "--shell", "/sbin/nologin", "-c", "DCOS System User"}
	if group == "" || group == name {
		args = append(args, "--user-group")
	} else {
		if _, err := user.LookupGroup(group); err != nil {
			return fmt.Errorf("user %s needs the group %s: %w", name, group, err)
		}
		args = append(args, "-g", group)
	}
	run := u.Run
	if run == nil {
		run = command
	}
	return run(ctx, "useradd", append(args, name)...)
}

// ID gives the number of an account.
func (u *Users) ID(name string) (int, error) {
	account, err := user.Lookup(name)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(account.Uid)
}

func checkGroup(account *user.User, group string) error {
	if group == "" {
		return nil
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return err
	}
	ids, err := account.GroupIds()
	if err != nil {
		return err
	}
	if account.Gid != g.Gid && !slices.Contains(ids, g.Gid) {
		return fmt.Errorf("user %s is there but not in the group %s", account.Username, group)
	}
	return nil
}

func command(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
