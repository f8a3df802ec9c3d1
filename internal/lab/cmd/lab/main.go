// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Command lab makes test hosts and does to them what happens to hosts. It is the hand's way to what package lab
// gives tests; `lab help` lists what it can do.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

// command is one thing that the program can do.
type command struct {
	name, args, help string
	run              func(ctx context.Context, c *call) error
}

// call is a command as it was given.
type call struct {
	labName string
	flags   *flag.FlagSet
	args    []string
	out     io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	var exit *exec.ExitError
	var misuse usageError
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		os.Exit(exit.ExitCode()) // the command on the host has said why
	case errors.As(err, &misuse):
		fmt.Fprintf(os.Stderr, "lab: %v\n", err)
		os.Exit(2)
	default:
		fmt.Fprintf(os.Stderr, "lab: %v\n", err)
		os.Exit(1)
	}
}

// usageError is a call that cannot be meant.
type usageError string

func (e usageError) Error() string { return string(e) + " (see `lab help`)" }

func run(ctx context.Context, args []string, out io.Writer) error {
	commands := append(labCommands(), hostCommands()...)
	top := flag.NewFlagSet("lab", flag.ContinueOnError)
	name := top.String("lab", "lab", "the lab's `name`")
	top.Usage = func() { help(os.Stderr, commands) }
	if err := top.Parse(args); err != nil {
		return usage(err)
	}
	if top.NArg() == 0 || top.Arg(0) == "help" {
		help(out, commands)
		return nil
	}
	i := slices.IndexFunc(commands, func(c command) bool { return c.name == top.Arg(0) })
	if i < 0 {
		return usageError(fmt.Sprintf("there is no command %q", top.Arg(0)))
	}
	c := &call{labName: *name, args: top.Args()[1:], out: out}
	c.flags = flag.NewFlagSet(commands[i].name, flag.ContinueOnError)
	c.flags.Usage = func() {
		fmt.Fprintf(os.Stderr, "usage: lab %s %s\n%s\n", commands[i].name, commands[i].args, commands[i].help)
		c.flags.PrintDefaults()
	}
	return commands[i].run(ctx, c)
}

func usage(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	return usageError(err.Error())
}

// parse reads the command's own flags and checks how many words follow them.
func (c *call) parse(atLeast, atMost int) error {
	if err := c.flags.Parse(c.args); err != nil {
		return usage(err)
	}
	c.args = c.flags.Args()
	if len(c.args) < atLeast || atMost >= 0 && len(c.args) > atMost {
		c.flags.Usage()
		return usageError("wrong number of words after " + c.flags.Name())
	}
	return nil
}

func (c *call) lab() (*lab.Lab, error) { return lab.Open(c.labName) }

func (c *call) host(name string) (*lab.Host, error) {
	l, err := c.lab()
	if err != nil {
		return nil, err
	}
	return l.Find(name)
}

func help(w io.Writer, commands []command) {
	fmt.Fprint(w, `usage: lab [-lab NAME] COMMAND ...

Test hosts on this machine: real Linux systems with systemd, OpenSSH, sudo and an address each, in a network
from which nothing leads out. Needs root. Accounts: alice (sudo without a password), tina (only on a terminal),
paul (with the password paul-secret), nora (no sudo), root.

`)
	width := 0
	for _, c := range commands {
		width = max(width, len(c.name)+1+len(c.args))
	}
	for _, c := range commands {
		fmt.Fprintf(w, "  %-*s  %s\n", width, strings.TrimSpace(c.name+" "+c.args), strings.Split(c.help, "\n")[0])
	}
	fmt.Fprint(w, `
"lab COMMAND -h" says more. Images and labs are kept in $DCOS_LAB_CACHE, or else in the user's cache directory;
the image comes from the Debian mirror of this machine's apt, or from $DCOS_LAB_MIRROR.
`)
}
