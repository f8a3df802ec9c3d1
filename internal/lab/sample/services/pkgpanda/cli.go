// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package pkgpanda

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

const usage = `usage:
  pkgpanda setup | uninstall | list | active | check [--list]
  pkgpanda fetch --repository-url=URL ID...
  pkgpanda add FILE
  pkgpanda remove ID...
  pkgpanda activate ID...
  pkgpanda swap ID

options:
  --config-dir=DIR       roles and setup flags [/etc/mesosphere]
  --no-systemd           neither stop nor start services
  --no-block-systemd     do not wait for services
  --root=DIR             install root [/opt/mesosphere]
  --repository=DIR       packages [/opt/mesosphere/packages]
  --state-dir-root=DIR   state directories [/var/lib/dcos]
  --rooted-systemd       dcos.target.wants is in the install root
  --silent               print nothing
`

// options are pkgpanda's flags; values holds those that take one.
type options struct {
	values map[string]string
	set    map[string]bool
	args   []string
}

// parse reads flags anywhere among the arguments. Like the library of
// pkgpanda's own command line it takes an unambiguous beginning of a name.
func parse(args []string) (*options, error) {
	o := &options{
		values: map[string]string{
			"config-dir": "/etc/mesosphere", "root": "/opt/mesosphere", "repository": "/opt/mesosphere/packages",
			"state-dir-root": "/var/lib/dcos", "repository-url": "",
		},
		set: map[string]bool{"no-systemd": false, "no-block-systemd": false, "rooted-systemd": false, "silent": false, "list": false},
	}
	names := append(sortedKeys(o.values), sortedKeys(o.set)...)
	for i := 0; i < len(args); i++ {
		name, ok := strings.CutPrefix(args[i], "--")
		if !ok {
			o.args = append(o.args, args[i])
			continue
		}
		name, value, hasValue := strings.Cut(name, "=")
		var match []string
		for _, n := range names {
			if n == name {
				match = []string{n}
				break
			}
			if strings.HasPrefix(n, name) {
				match = append(match, n)
			}
		}
		if len(match) != 1 {
			return nil, fmt.Errorf("option --%s is unknown or ambiguous", name)
		}
		if _, ok := o.set[match[0]]; ok {
			if hasValue {
				return nil, fmt.Errorf("option --%s takes no value", match[0])
			}
			o.set[match[0]] = true
			continue
		}
		if !hasValue {
			if i++; i == len(args) {
				return nil, fmt.Errorf("option --%s needs a value", match[0])
			}
			value = args[i]
		}
		o.values[match[0]] = value
	}
	return o, nil
}

// understood tells whether there is such a command, with so many arguments.
func (o *options) understood() bool {
	if len(o.args) == 0 {
		return false
	}
	n := len(o.args) - 1
	switch o.args[0] {
	case "setup", "uninstall", "list", "active", "check":
		return n == 0
	case "add", "swap":
		return n == 1
	case "fetch", "remove", "activate":
		return n > 0
	}
	return false
}

// Main is the pkgpanda command; it returns the exit code.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args)
	if err != nil || !o.understood() {
		fmt.Fprint(stderr, usage)
		return 1
	}
	syscall.Umask(0o022)
	if o.set["silent"] {
		stdout = io.Discard
	}
	if err := o.run(ctx, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "ERROR: %v\n", err)
		return 1
	}
	return 0
}

func (o *options) install(out io.Writer) (*Install, error) {
	for _, name := range []string{"root", "config-dir", "state-dir-root", "repository"} {
		path, err := filepath.Abs(o.values[name])
		if err != nil {
			return nil, err
		}
		o.values[name] = path
	}
	_, err := os.Stat("/etc/mesosphere/manual_host_users")
	in := &Install{
		Root:      o.values["root"],
		ConfigDir: o.values["config-dir"],
		StateDir:  o.values["state-dir-root"],
		Wants:     "/etc/systemd/system/" + target + ".wants",
		Systemd:   Systemd{Run: Systemctl, Block: !o.set["no-block-systemd"]},
		Users:     &Users{Add: err != nil},
		Out:       out,
	}
	in.Step = (&breakpoint{dir: breakpoints, in: in}).step
	if o.set["rooted-systemd"] {
		in.Wants = in.path(target + ".wants")
	}
	if o.set["no-systemd"] {
		in.Systemd.Run = nil
	}
	return in, nil
}

func (o *options) run(ctx context.Context, stdout, stderr io.Writer) error {
	in, err := o.install(stdout)
	if err != nil {
		return err
	}
	repo := Repository{Path: o.values["repository"]}
	command, args := o.args[0], o.args[1:]
	switch command {
	case "setup":
		return Setup(ctx, in, repo)
	case "uninstall":
		return Uninstall(ctx, in)
	case "list":
		ids, err := repo.List()
		printGrouped(stdout, ids)
		return err
	case "active":
		ids, err := in.Active()
		return printAll(stdout, ids, err)
	case "check":
		return check(ctx, in, repo, o.set["list"], stdout, stderr)
	case "fetch":
		if o.values["repository-url"] == "" {
			return errors.New("fetch needs --repository-url")
		}
		for _, id := range args {
			if repo.Has(id) {
				fmt.Fprintln(stdout, "there is something at the place of", id)
			}
			if err := repo.Fetch(ctx, o.values["repository-url"], id); err != nil {
				return err
			}
			fmt.Fprintln(stdout, "Fetched:", id)
		}
		return nil
	case "add":
		id, ok := strings.CutSuffix(filepath.Base(args[0]), ".tar.xz")
		if !ok {
			return fmt.Errorf("%s is not called ID.tar.xz", args[0])
		}
		return repo.Add(ctx, id, args[0])
	case "remove":
		return remove(in, repo, args, stdout)
	case "activate":
		packages, err := repo.LoadAll(args)
		if err != nil {
			return err
		}
		if err := in.Activate(ctx, shuffled(packages)); err != nil {
			return err
		}
		return in.StartTarget(ctx, in.Systemd.Block)
	case "swap":
		if err := Swap(ctx, in, repo, args[0]); err != nil {
			return err
		}
		return in.StartTarget(ctx, in.Systemd.Block)
	}
	return fmt.Errorf("unknown command %s", command)
}

// printGrouped prints ids, and of a name that has several, the versions below it.
func printGrouped(w io.Writer, ids []string) {
	for len(ids) > 0 {
		name, _, _ := strings.Cut(ids[0], "--")
		n := 1
		for n < len(ids) && strings.HasPrefix(ids[n], name+"--") {
			n++
		}
		if n == 1 {
			fmt.Fprintln(w, ids[0])
		} else {
			fmt.Fprintln(w, name+":")
			for _, id := range ids[:n] {
				fmt.Fprintln(w, "  "+strings.TrimPrefix(id, name+"--"))
			}
		}
		ids = ids[n:]
	}
}

func printAll(w io.Writer, ids []string, err error) error {
	for _, id := range ids {
		fmt.Fprintln(w, id)
	}
	return err
}

func remove(in *Install, repo Repository, ids []string, stdout io.Writer) error {
	active, err := in.Active()
	if err != nil {
		return err
	}
	for _, id := range ids {
		if slices.Contains(active, id) {
			return fmt.Errorf("package %s is active and stays", id)
		}
		if err := repo.Remove(id); err != nil {
			return err
		}
		fmt.Fprintln(stdout, "Removed:", id)
	}
	return nil
}

// check runs the programs in the check directories of the active packages.
func check(ctx context.Context, in *Install, repo Repository, list bool, stdout, stderr io.Writer) error {
	active, err := in.Active()
	if err != nil {
		return err
	}
	var failed []string
	for _, id := range active {
		programs, err := filepath.Glob(filepath.Join(repo.Path, id, "check", "*"))
		if err != nil {
			return err
		}
		for _, path := range programs {
			if info, err := os.Stat(path); err != nil || info.Mode()&0o111 == 0 {
				fmt.Fprintf(stderr, "warning: %s cannot be run\n", path)
				continue
			}
			if list {
				fmt.Fprintf(stdout, "%s\n - %s\n", id, filepath.Base(path))
				continue
			}
			cmd := exec.CommandContext(ctx, path)
			cmd.Stdout, cmd.Stderr = stdout, stderr
			if err := cmd.Run(); err != nil {
				failed = append(failed, filepath.Base(path))
			}
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("checks failed: %s", strings.Join(failed, ", "))
	}
	return nil
}
