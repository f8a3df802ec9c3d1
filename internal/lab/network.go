// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	network    = "198.18.0.0/15" // set aside for tests of networks (RFC 2544), so it is nobody's
	prefixBits = "15"
	gateway    = "198.18.0.1"
	bridge     = "br0"
)

// Gateway is the address of the lab's own end of the network, where a test's
// servers may listen so that hosts reach them.
func (l *Lab) Gateway() string { return gateway }

func (l *Lab) namespace() string { return filepath.Join("/run/netns", l.namespaceName()) }

// outside is the network namespace that the lab was made in.
func (l *Lab) outside() string { return filepath.Join(l.dir, "outside") }

// namespaceName tells labs of one name in two cache directories apart.
func (l *Lab) namespaceName() string { return "dcos-lab-" + l.name + "-" + shortHash(l.dir)[:4] }

// Inside says whether this process is in the lab's network.
func (l *Lab) Inside() bool {
	inside, err := insideNamespace(l.namespace())
	return err == nil && inside
}

// Command is a command in the lab's network. Its children end with ctx.
func (l *Lab) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	argv := append([]string{"--net=" + l.namespace(), "--", name}, args...)
	cmd := exec.CommandContext(ctx, "nsenter", argv...)
	killGroup(cmd)
	return cmd
}

// Enter replaces this process by a command in the lab's network.
func (l *Lab) Enter(argv, env []string) error {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	return execInNamespace(l.namespace(), path, argv, env)
}

// Dial connects to an address in the lab's network, from wherever this process is.
func (l *Lab) Dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	err = inNamespace(l.namespace(), func() error {
		var d net.Dialer
		conn, err = d.DialContext(ctx, network, address) // a literal address: no goroutine in between
		return err
	})
	return conn, err
}

// Listen listens at an address in the lab's network, from wherever this process is.
func (l *Lab) Listen(ctx context.Context, network, address string) (ln net.Listener, err error) {
	err = inNamespace(l.namespace(), func() error {
		var c net.ListenConfig
		ln, err = c.Listen(ctx, network, address)
		return err
	})
	return ln, err
}

// repair makes the lab's network if it is not there, as after a boot of the
// machine.
func (l *Lab) repair(ctx context.Context) error {
	if l.networkUp() {
		return nil
	}
	unlock, err := lockFile(l.dir + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	return l.raiseNetwork(ctx)
}

// raiseNetwork makes the lab's namespace and bridge. Nothing leads out of it.
func (l *Lab) raiseNetwork(ctx context.Context) error {
	// Each host's systemd takes six or so of the machine's inotify instances, and the usual 128 are too few for
	// more than twenty hosts. The limit stays raised: another lab may have come to need it.
	const limit, enough = "/proc/sys/fs/inotify/max_user_instances", 8192
	text, err := os.ReadFile(limit)
	if err != nil {
		return err
	}
	if n, err := strconv.Atoi(strings.TrimSpace(string(text))); err != nil || n < enough {
		if err := os.WriteFile(limit, []byte(strconv.Itoa(enough)), 0); err != nil {
			return err
		}
	}
	if l.networkUp() {
		return nil
	}
	if err := l.dropNetwork(ctx); err != nil { // half made, or from before the machine was booted
		return err
	}
	if err := l.keepOutside(); err != nil {
		return fmt.Errorf("keep the machine's network namespace: %w", err)
	}
	ns := l.namespaceName()
	return run(ctx, "", []string{"ip", "netns", "add", ns},
		[]string{"ip", "-n", ns, "link", "set", "lo", "up"},
		[]string{"ip", "-n", ns, "link", "add", bridge, "type", "bridge", "forward_delay", "0", "stp_state", "0"},
		[]string{"nsenter", "--net=" + l.namespace(), "nft", cutRules},
		[]string{"ip", "-n", ns, "link", "set", bridge, "up"},
		[]string{"ip", "-n", ns, "addr", "add", gateway + "/" + prefixBits, "dev", bridge})
}

// keepOutside keeps a handle on the machine's network namespace, which a
// process in the lab's has no other way to.
func (l *Lab) keepOutside() error {
	source := "/proc/thread-self/ns/net"
	labs, err := Labs()
	if err != nil {
		return err
	}
	for _, other := range labs {
		if other.Inside() {
			source = other.outside()
		}
	}
	if err := os.WriteFile(l.outside(), nil, 0o600); err != nil {
		return err
	}
	return bindMount(source, l.outside())
}

// networkUp says whether the namespace has all that raiseNetwork gives it: the address comes last.
func (l *Lab) networkUp() bool {
	up := false
	err := inNamespace(l.namespace(), func() error {
		i, err := net.InterfaceByName(bridge)
		if err != nil {
			return err
		}
		addrs, err := i.Addrs()
		for _, a := range addrs {
			up = up || a.String() == gateway+"/"+prefixBits
		}
		return err
	})
	return err == nil && up
}

func (l *Lab) dropNetwork(ctx context.Context) error {
	if err := unmount(l.outside()); err != nil {
		return err
	}
	if _, err := os.Lstat(l.namespace()); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return run(ctx, "", []string{"ip", "netns", "delete", l.namespaceName()})
}

// run runs commands one after the other, the input given to each.
func run(ctx context.Context, input string, commands ...[]string) error {
	for _, c := range commands {
		cmd := exec.CommandContext(ctx, c[0], c[1:]...)
		cmd.Stdin = strings.NewReader(input)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(c, " "), err, lastLines(string(out), 3))
		}
	}
	return nil
}
