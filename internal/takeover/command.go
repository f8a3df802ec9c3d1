// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package takeover

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

const usage = `Usage: terraform-provider-dcos takeover [options] GENCONF
       terraform-provider-dcos takeover [options] [USER@]MASTER[:PORT]

Writes the configuration with which Terraform or OpenTofu takes over a running DC/OS
cluster: main.tf, imports.tf and variables.tf. It is made from GENCONF, the genconf
directory that the cluster was installed from (config.yaml, ip-detect, ssh_key), or
from what a master says. Nothing is changed on any host, and no file is written over.

  --out DIRECTORY      where the files are written; it is made if need be. Default: .
  --release SOURCE     the release that the cluster was installed from: path or URL of
                       its dcos_generate_config.sh, as release.source takes it.
                       Default: the one beside GENCONF, else a variable
  --masters A,B,C      addresses of the masters, of the agents and of the public agents.
  --agents A,B,C       Default: what config.yaml or the master says
  --public-agents A,B,C
  --user NAME          who logs in to the hosts. Default: ssh_user of config.yaml, or USER
  --port NUMBER        port of their SSH servers. Default: ssh_port, or PORT
  --key FILE           private key. Default: GENCONF/ssh_key if it is there, else the SSH
                       agent's
  --ssh-config FILE    an OpenSSH client configuration, for jump hosts and the like

The password for sudo on a MASTER, if it wants one, is taken from DCOS_SUDO_PASSWORD.
`

// A Command is one call of "terraform-provider-dcos takeover".
type Command struct {
	Args           []string // behind the name
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	// Address is the provider's in the registry.
	Address string
}

// options are what is given on the command line.
type options struct {
	out, release, user, key, sshConfig string
	masters, agents, public            string
	port                               int
	from                               string
}

// Run runs it, and gives the exit code.
func (c Command) Run(ctx context.Context) int {
	var o options
	flags := flag.NewFlagSet("takeover", flag.ContinueOnError)
	flags.SetOutput(c.Stderr)
	flags.Usage = func() { fmt.Fprint(c.Stderr, usage) }
	flags.StringVar(&o.out, "out", ".", "")
	flags.StringVar(&o.release, "release", "", "")
	flags.StringVar(&o.masters, "masters", "", "")
	flags.StringVar(&o.agents, "agents", "", "")
	flags.StringVar(&o.public, "public-agents", "", "")
	flags.StringVar(&o.user, "user", "", "")
	flags.IntVar(&o.port, "port", 0, "")
	flags.StringVar(&o.key, "key", "", "")
	flags.StringVar(&o.sshConfig, "ssh-config", "", "")
	if err := flags.Parse(c.Args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if flags.NArg() != 1 || flags.Arg(0) == "" {
		fmt.Fprint(c.Stderr, usage)
		return 2
	}
	o.from = flags.Arg(0)
	if err := c.takeOver(ctx, o); err != nil {
		fmt.Fprintf(c.Stderr, "terraform-provider-dcos takeover: %v\n", err)
		return 1
	}
	return 0
}

func (c Command) takeOver(ctx context.Context, o options) error {
	if o.port < 0 || o.port > 65535 {
		return fmt.Errorf("--port is %d, which is no port", o.port)
	}
	s, err := c.find(ctx, &o)
	if err != nil {
		return err
	}
	if err := s.settle(&o); err != nil {
		return err
	}
	files := s.files()
	if err := writeNew(o.out, files); err != nil {
		return err
	}
	s.report(c.Stdout, o.out, files)
	return nil
}

// find says what cluster it is.
func (c Command) find(ctx context.Context, o *options) (*site, error) {
	info, err := os.Stat(o.from)
	switch {
	case err == nil && info.IsDir():
		return c.genconf(o)
	case err == nil:
		return nil, fmt.Errorf("%s is a file; give the directory genconf, in which config.yaml is", o.from)
	case strings.ContainsRune(o.from, os.PathSeparator) || strings.ContainsRune(o.from, '/'):
		return nil, fmt.Errorf("there is no directory %s; give the genconf directory of the cluster, or the address of one of its masters",
			o.from)
	}
	return c.master(ctx, o)
}

// writeNew writes files that are not there yet: all or none.
func writeNew(dir string, files []file) error {
	for _, f := range files {
		if _, err := os.Lstat(filepath.Join(dir, f.name)); err == nil {
			return fmt.Errorf("%s is there already, and nothing is written over; give another directory as --out", filepath.Join(dir, f.name))
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // it is the user's, and holds no secret
		return err
	}
	for i, f := range files {
		if err := createFile(filepath.Join(dir, f.name), f.content); err != nil {
			for _, written := range files[:i] {
				err = errors.Join(err, os.Remove(filepath.Join(dir, written.name)))
			}
			return err
		}
	}
	return nil
}

func createFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // as above
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // as above
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}
