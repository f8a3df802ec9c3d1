// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

// Command demo runs the whole way that a user of the provider goes, on the test hosts of internal/lab: it builds
// the provider, starts the hosts, applies examples/demo with a real Terraform or OpenTofu, and shows the cluster as
// read through its load balancer. `demo destroy` destroys the cluster, shows that every host is what it was before
// the installation, and takes the hosts down.
//
// It is run by `make demo` and `make demo-destroy`, from the root of the tree. Everything it writes is in .demo
// there and in the lab's own directories. Both may be run again at any time, also after an interruption.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

const usage = `usage: demo up|show|offer|destroy

  up       start the hosts, apply examples/demo, show the cluster
  show     show the running cluster, read through its load balancer
  offer    print the command that upgrades the cluster
  destroy  terraform destroy, compare every host with its snapshot, take the hosts down
`

func main() {
	flag.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	switch flag.Arg(0) {
	case "up":
		err = up(ctx)
	case "show":
		err = show(ctx)
	case "offer":
		var w *workspace
		if w, err = openWorkspace(); err == nil {
			fmt.Println(w.upgrade())
		}
	case "destroy":
		err = destroy(ctx)
	default:
		flag.Usage()
		os.Exit(2)
	}
	stop()
	if err != nil {
		if errors.Is(err, context.Canceled) {
			fmt.Fprintln(os.Stderr, "demo: interrupted; run it again to go on, or `make demo-destroy` to clean up")
		} else {
			fmt.Fprintln(os.Stderr, "demo:", err)
		}
		os.Exit(1)
	}
}
