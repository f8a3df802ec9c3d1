// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Command dcos-sample is everything that the sample release runs on a host. It
// is called by the names of DC/OS's programs, which are links to it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/pkgpanda"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	name, args := filepath.Base(os.Args[0]), os.Args[1:]
	if name == "dcos-sample" && len(args) > 0 {
		name, args = args[0], args[1:]
	}
	os.Exit(run(ctx, name, args))
}

func run(ctx context.Context, name string, args []string) int {
	switch name {
	case "pkgpanda":
		return pkgpanda.Main(ctx, args, os.Stdout, os.Stderr)
	}
	fmt.Fprintf(os.Stderr, "dcos-sample has no program called %s\n", name)
	return 2
}
