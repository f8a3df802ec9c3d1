// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Command dcos-sample is everything that the sample release runs on a host. It
// is called by the names of DC/OS's programs, which are links to it.
//
// Left out: of CockroachDB all but the one answer that a check asks for; of
// dcos-signal and nfsplugin everything.
//
// Compared: never with the real ones run beside it.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/adminrouter"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/exhibitor"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/health"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/host"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/marathon"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/mesos"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/network"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/pkgpanda"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/rexray"
)

func main() {
	log.SetFlags(0) // the journal has the time
	// Many of these run on one machine; they can do with little.
	debug.SetGCPercent(50)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	name, args := filepath.Base(os.Args[0]), os.Args[1:]
	if name == "dcos-sample" && len(args) > 0 {
		name, args = args[0], args[1:]
	}
	code := run(ctx, host.Default(), name, args)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, h host.Host, name string, args []string) int {
	switch name {
	case "pkgpanda":
		// DC/OS's is a program in Python, which finds its modules by what DC/OS's environment says.
		if _, err := os.Stat(filepath.Join(os.Getenv("PYTHONPATH"), "gen/__init__.py")); err != nil || os.Getenv("PYTHONPATH") == "" {
			fmt.Fprintln(os.Stderr, "pkgpanda: no modules: PYTHONPATH, which DC/OS's environment sets, leads to none")
			return 1
		}
		return pkgpanda.Main(ctx, args, os.Stdout, os.Stderr)
	case "bootstrap":
		return pkgpanda.BootstrapMain(args, os.Stderr)
	case "check-time":
		return health.CheckTime(h, os.Stderr)
	case "dcos-checks":
		return health.Checks(ctx, h, args, os.Stdout)
	case "dcos-check-runner":
		return health.Runner(ctx, h, args, os.Stdout, os.Stderr)
	}
	if err := service(ctx, h, name, args); err != nil {
		log.Printf("%s: %v", name, err)
		return 1
	}
	return 0
}

func service(ctx context.Context, h host.Host, name string, args []string) error {
	switch name {
	case "exhibitor":
		return exhibitor.Main(ctx, h, args)
	case "mesos-master":
		return mesos.MasterMain(ctx, h)
	case "mesos-agent":
		return mesos.AgentMain(ctx, h)
	case "marathon":
		return marathon.Main(ctx, h)
	case "adminrouter":
		return adminrouter.Main(ctx, h, args)
	case "dcos-diagnostics":
		return health.Main(ctx, h)
	case "dcos-net":
		return network.Main(ctx, h)
	case "gen_resolvconf":
		if len(args) != 1 {
			return errors.New("usage: gen_resolvconf FILE")
		}
		return network.Resolvconf(ctx, h, args[0])
	case "cockroach":
		return cockroach(ctx)
	case "rexray":
		return rexray.Main(ctx, h, args, os.Stdout)
	case "dcos-signal", "nfsplugin":
		log.Printf("%s does nothing in the sample", name)
		return nil
	}
	return fmt.Errorf("dcos-sample has no program called %s", name)
}

// cockroach answers the one question that a check asks CockroachDB.
func cockroach(ctx context.Context) error {
	ln, err := host.Listen(ctx, "tcp", "127.0.0.1:8090")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_status/nodes", func(w http.ResponseWriter, _ *http.Request) {
		host.JSON(w, http.StatusOK, map[string]any{"nodes": []any{}})
	})
	return host.Serve(ctx, ln, mux)
}
