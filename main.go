// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Command terraform-provider-dcos is the Terraform and OpenTofu provider that
// installs, upgrades and removes DC/OS clusters over SSH.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"runtime/debug"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
	"golang.org/x/term"

	"github.com/dcos-install/terraform-provider-dcos/internal/provider"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
	"github.com/dcos-install/terraform-provider-dcos/internal/takeover"
)

// version is set by the linker when a release is built.
var version = "dev"

const usage = `Usage: terraform-provider-dcos runlog [--help | --follow | --summary | --json] [FILE]
       terraform-provider-dcos takeover [--help | OPTIONS] GENCONF | [USER@]MASTER[:PORT]
       terraform-provider-dcos --version | --address | --debug

The Terraform and OpenTofu provider that installs, upgrades and removes DC/OS clusters
over SSH. Without arguments it is for Terraform to start, not for people.

  runlog     show a run log: what each host is at, how fast it goes, what failed and why
  takeover   write the configuration that takes over a running cluster
  --version  print the version
  --address  print the provider's address in the registry
  --debug    serve until interrupted, for a debugger: prints how Terraform can reach it
`

// heapGrowth is by how many percent the heap may grow before garbage is
// collected, unless GOGC says so. With thousands of hosts in work much is
// short-lived and little stays: what waits to be collected is cheaper than
// collecting it (make bench-fleet).
const heapGrowth = 300

func main() {
	if len(os.Args) > 1 && os.Args[1] == "runlog" {
		os.Exit(showRunLog(os.Args[2:]))
	}
	if len(os.Args) > 1 && os.Args[1] == "takeover" {
		os.Exit(takeOver(os.Args[2:]))
	}
	wait := flag.Bool("debug", false, "wait for a debugger: print how Terraform can reach this process, and serve until interrupted")
	showVersion := flag.Bool("version", false, "print the version and exit")
	showAddress := flag.Bool("address", false, "print the address of the provider in the registry and exit")
	flag.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	flag.Parse()

	switch {
	case *showVersion:
		fmt.Println("terraform-provider-dcos", version)
		return
	case *showAddress:
		fmt.Println(provider.Address)
		return
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
	w := newWork()
	server := newServer(w)
	if *wait {
		if err := tf6server.Serve(provider.Address, server, tf6server.WithManagedDebug()); err != nil {
			log.Fatal(err)
		}
		return
	}
	go endWithParent(os.Getppid(), w)
	serve(server, w)
}

// newServer makes the whole of what answers Terraform.
func newServer(w *work) func() tfprotov6.ProviderServer {
	return func() tfprotov6.ProviderServer { return applier{provider.NewServer(version, w.closing)(), w} }
}

// takeOver writes the configuration of a running cluster.
func takeOver(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	return takeover.Command{Args: args, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Address: provider.Address}.Run(ctx)
}

// showRunLog shows what is in a run log.
func showRunLog(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	stdout := int(os.Stdout.Fd())
	return runlog.Command{
		Args: args, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Now: time.Now,
		Terminal: term.IsTerminal(stdout),
		Size: func() (columns, rows int) {
			columns, rows, err := term.GetSize(stdout)
			if err != nil {
				return 0, 0
			}
			return columns, rows
		},
	}.Run(ctx)
}
