// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

// hostCommands are about hosts.
func hostCommands() []command {
	return []command{
		{"create", "[FLAG...] HOST", "make a host and boot it", create},
		{"lb", "[FLAG...] HOST BACKEND...", "make a host that is a load balancer with DC/OS's listeners, in front of other hosts", balancer},
		{"destroy", "HOST...", "remove hosts", each((*lab.Host).Destroy)},
		{"start", "HOST...", "switch hosts on", each((*lab.Host).Start)},
		{"stop", "HOST...", "switch hosts off in an orderly way", each((*lab.Host).Stop)},
		{"reboot", "HOST...", "reboot hosts in an orderly way", each((*lab.Host).Reboot)},
		{"power-cut", "HOST...", "switch hosts off at once", each((*lab.Host).PowerCut)},
		{"cut", "[-refuse] HOST...", "cut hosts off the network: packets vanish, or with -refuse connections are refused", cut},
		{"rejoin", "HOST...", "undo cut", each((*lab.Host).Rejoin)},
		{"ssh", "[USER@]HOST [COMMAND...]", "log in to a host (as alice if no user is given)", ssh},
		{"exec", "HOST COMMAND...", "run a command as root in a host, not over SSH", execute},
		{"fill-disk", "[-leave SIZE] HOST...", "fill the disk of hosts that were made with -disk", fillDisk},
		{"free-disk", "HOST...", "undo fill-disk", each((*lab.Host).FreeDisk)},
		{"snapshot", "HOST", "print everything about a host that a removed installation must leave as it was", snapshot},
		{"diff", "SNAPSHOT [SNAPSHOT|HOST]", "compare a snapshot with another or with a host as it is now; fails if they differ\n" +
			"A snapshot is a file that `lab snapshot` has printed.", diff},
	}
}

// each makes a command that does one thing to every host it is given, to
// several at once.
func each(do func(*lab.Host, context.Context) error) func(context.Context, *call) error {
	return func(ctx context.Context, c *call) error {
		if err := c.parse(1, -1); err != nil {
			return err
		}
		return c.onHosts(ctx, do)
	}
}

func (c *call) onHosts(ctx context.Context, do func(*lab.Host, context.Context) error) error {
	hosts := make([]*lab.Host, len(c.args))
	for i, name := range c.args {
		h, err := c.host(name)
		if err != nil {
			return err
		}
		hosts[i] = h
	}
	var group errgroup.Group
	group.SetLimit(4)
	errs := make([]error, len(hosts))
	for i, h := range hosts {
		group.Go(func() error { errs[i] = do(h, ctx); return nil })
	}
	_ = group.Wait() // all errors are in errs
	return errors.Join(errs...)
}

// wishes are the flags for a new host.
type wishes struct{ options []lab.Option }

func (c *call) wishes() *wishes {
	w := &wishes{}
	add := func(o lab.Option) { w.options = append(w.options, o) }
	c.flags.Func("address", "its `ADDRESS`, in 198.18.0.0/15, instead of a free one",
		func(s string) error { add(lab.WithAddress(s)); return nil })
	c.flags.Func("package", "a Debian `PACKAGE` to be there as well (may be given again)",
		func(s string) error { add(lab.WithPackages(s)); return nil })
	c.flags.Func("mount", "a directory of this machine to be there, `SOURCE:TARGET` (may be given again)", func(s string) error {
		source, target, ok := strings.Cut(s, ":")
		if !ok {
			return errors.New("must be SOURCE:TARGET")
		}
		add(lab.WithMount(source, target))
		return nil
	})
	c.flags.Func("sshd", "a `LINE` for sshd's configuration (may be given again)", func(s string) error { add(lab.WithSSHD(s)); return nil })
	c.flags.BoolFunc("no-sftp", "leave SFTP out", func(string) error { add(lab.WithoutSFTP()); return nil })
	c.flags.BoolFunc("off", "do not switch it on", func(string) error { add(lab.NotStarted()); return nil })
	c.flags.Func("disk", "give it a disk of that `SIZE` of its own, as 512M or 2G", func(s string) error {
		n, err := size(s)
		add(lab.WithDisk(n))
		return err
	})
	return w
}

func create(ctx context.Context, c *call) error {
	w := c.wishes()
	if err := c.parse(1, 1); err != nil {
		return err
	}
	l, err := lab.New(ctx, c.labName)
	if err != nil {
		return err
	}
	h, err := l.Create(ctx, c.args[0], w.options...)
	if err == nil {
		fmt.Fprintln(c.out, h.Name, h.Address)
	}
	return err
}

func balancer(ctx context.Context, c *call) error {
	w := c.wishes()
	check := c.flags.Int("check", 5050, "the TCP `PORT` whose answer makes a backend healthy")
	if err := c.parse(2, -1); err != nil {
		return err
	}
	l, err := lab.New(ctx, c.labName)
	if err != nil {
		return err
	}
	lb := lab.LoadBalancer{CheckPort: *check}
	for _, backend := range c.args[1:] {
		if h, err := l.Find(backend); err == nil {
			backend = h.Address
		}
		lb.Backends = append(lb.Backends, backend)
	}
	h, err := l.LoadBalancer(ctx, c.args[0], lb, w.options...)
	if err == nil {
		fmt.Fprintln(c.out, h.Name, h.Address)
	}
	return err
}

func cut(ctx context.Context, c *call) error {
	refuse := c.flags.Bool("refuse", false, "refuse connections and reset open ones, instead of losing every packet")
	if err := c.parse(1, -1); err != nil {
		return err
	}
	mode := lab.BlackHole
	if *refuse {
		mode = lab.Refuse
	}
	return c.onHosts(ctx, func(h *lab.Host, ctx context.Context) error { return h.Cut(ctx, mode) })
}

func ssh(_ context.Context, c *call) error {
	if err := c.parse(1, -1); err != nil {
		return err
	}
	user, name, ok := strings.Cut(c.args[0], "@")
	if !ok {
		user, name = lab.UserNoPassword, c.args[0]
	}
	l, err := c.lab()
	if err != nil {
		return err
	}
	h, err := l.Find(name)
	if err != nil {
		return err
	}
	return l.Enter(append(h.SSH(user), c.args[1:]...), os.Environ())
}

func execute(ctx context.Context, c *call) error {
	if err := c.parse(2, -1); err != nil {
		return err
	}
	h, err := c.host(c.args[0])
	if err != nil {
		return err
	}
	cmd, err := h.Command(ctx, c.args[1:]...)
	if err != nil {
		return err
	}
	cmd.SysProcAttr, cmd.Cancel = nil, nil // the terminal's, with all that comes from it
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, c.out, os.Stderr
	return cmd.Run()
}

func fillDisk(ctx context.Context, c *call) error {
	leave := c.flags.String("leave", "0", "how much to leave free, as 64K or 10M")
	if err := c.parse(1, -1); err != nil {
		return err
	}
	n, err := size(*leave)
	if err != nil {
		return err
	}
	return c.onHosts(ctx, func(h *lab.Host, ctx context.Context) error { return h.FillDisk(ctx, n) })
}

func snapshot(ctx context.Context, c *call) error {
	if err := c.parse(1, 1); err != nil {
		return err
	}
	h, err := c.host(c.args[0])
	if err != nil {
		return err
	}
	s, err := h.Snapshot(ctx)
	if err != nil {
		return err
	}
	out := json.NewEncoder(c.out)
	out.SetIndent("", " ")
	out.SetEscapeHTML(false)
	return out.Encode(s)
}

func diff(ctx context.Context, c *call) error {
	if err := c.parse(2, 2); err != nil {
		return err
	}
	before, err := readSnapshot(c.args[0])
	if err != nil {
		return err
	}
	var after *lab.Snapshot
	if h, herr := c.host(c.args[1]); herr == nil {
		after, err = h.Snapshot(ctx)
	} else {
		after, err = readSnapshot(c.args[1])
	}
	if err != nil {
		return err
	}
	changes := lab.Diff(before, after)
	for _, change := range changes {
		fmt.Fprintln(c.out, change)
	}
	if len(changes) > 0 {
		return fmt.Errorf("%d of %d entries differ", len(changes), len(before.Entries))
	}
	return nil
}

func readSnapshot(path string) (*lab.Snapshot, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s := &lab.Snapshot{}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("read snapshot %s: %w", path, err)
	}
	return s, nil
}

// address reads HOST or HOST:PORT, where a host may be given by its name.
func address(l *lab.Lab, text string) (string, error) {
	name, port, err := net.SplitHostPort(text)
	if err != nil {
		name, port = text, ""
	}
	if h, err := l.Find(name); err == nil {
		name = h.Address
		if port == "" {
			port = strconv.Itoa(h.Port)
		}
	}
	if port == "" {
		port = "22"
	}
	if net.ParseIP(name) == nil {
		return "", fmt.Errorf("there is no host %q in lab %s", name, l.Name())
	}
	return net.JoinHostPort(name, port), nil
}

// size reads a number of bytes, as 1048576, 64K, 10M or 2G.
func size(text string) (int64, error) {
	digits, factor := text, int64(1)
	for suffix, f := range map[string]int64{"K": 1 << 10, "M": 1 << 20, "G": 1 << 30} {
		if rest, ok := strings.CutSuffix(strings.ToUpper(text), suffix); ok {
			digits, factor = rest, f
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is no size: a number of bytes, with K, M or G after it perhaps", text)
	}
	return n * factor, nil
}
