// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
)

// labCommands are about a lab and its network.
func labCommands() []command {
	return []command{
		{"up", "[-demo]", "make the lab, or repair it; with -demo also the demo's hosts, in a lab of that name", up},
		{"down", "[-all]", "take the lab down with all its hosts, and what tests that were killed have left", down},
		{"list", "", "list the labs and their hosts", list},
		{"image", "[ARCHIVE]", "print the id of the hosts' images; with an archive, make them from it or it from them\n" +
			"For CI, which keeps ARCHIVE and ARCHIVE.zookeeper between its runs, under that id.", image},
		{"enter", "COMMAND...", "run a command on this machine, but in the lab's network\nTerraform, say: " +
			"it reaches the hosts there and nothing else.", enter},
		{"release", "VERSION", "print the path of a sample release, " + string(samplerelease.V21) + " or " + string(samplerelease.V22) +
			", which is built if it is not there\nThe format is that of DC/OS, the services are stand-ins.", release},
		{"proxy", "[FLAG...] HOST[:PORT]", "listen in the lab's network, and be a bad path to a host, until interrupted", proxy},
	}
}

func up(ctx context.Context, c *call) error {
	demo := c.flags.Bool("demo", false, "make the demo's hosts: a load balancer, three masters, an agent, a public agent")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	if *demo {
		_, _, err := lab.RaiseDemo(ctx, c.out)
		return err
	}
	l, err := lab.New(ctx, c.labName)
	if err == nil {
		access(c.out, l)
	}
	return err
}

// access says how the hosts of a lab are reached.
func access(out io.Writer, l *lab.Lab) {
	fmt.Fprintf(out, `user         %s (sudo without a password; lab help names others)
key          %s
known_hosts  %s (of all its hosts, also of those that are made later)
network      its own: lab enter COMMAND runs a command in it
`, lab.UserNoPassword, l.KeyFile(), l.KnownHostsFile())
}

func down(ctx context.Context, c *call) error {
	all := c.flags.Bool("all", false, "take down every lab of this machine, whoever uses it")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	if *all {
		labs, err := lab.Labs()
		errs := []error{err}
		for _, l := range labs {
			errs = append(errs, l.Destroy(ctx))
		}
		return errors.Join(errs...)
	}
	l, err := c.lab()
	if errors.Is(err, os.ErrNotExist) {
		err = nil // as good as down
	} else if err == nil {
		err = l.Destroy(ctx)
	}
	return errors.Join(err, lab.RemoveLeftovers(ctx))
}

func list(_ context.Context, c *call) error {
	if err := c.parse(0, 0); err != nil {
		return err
	}
	labs, err := lab.Labs()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(c.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "LAB\tHOST\tADDRESS\tSTATE")
	for _, l := range labs {
		hosts, err := l.Hosts()
		if err != nil {
			return err
		}
		if len(hosts) == 0 {
			fmt.Fprintf(w, "%s\t-\t-\t-\n", l.Name())
		}
		for _, h := range hosts {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", l.Name(), h.Name, h.Address, h.State())
		}
	}
	return w.Flush()
}

func image(ctx context.Context, c *call) error {
	if err := c.parse(0, 1); err != nil {
		return err
	}
	id, err := lab.ImagesID()
	if err != nil {
		return err
	}
	if len(c.args) == 1 {
		if err := lab.KeepImage(ctx, c.args[0]); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(c.out, id)
	return err
}

func release(ctx context.Context, c *call) error {
	if err := c.parse(1, 1); err != nil {
		return err
	}
	version := samplerelease.Version(c.args[0])
	if !slices.Contains([]samplerelease.Version{samplerelease.V21, samplerelease.V22}, version) {
		return usageError(fmt.Sprintf("there is no sample release %q", version))
	}
	path, err := samplerelease.Kept(ctx, version)
	if err == nil {
		fmt.Fprintln(c.out, path)
	}
	return err
}

func enter(_ context.Context, c *call) error {
	if err := c.parse(1, -1); err != nil {
		return err
	}
	l, err := c.lab()
	if err != nil {
		return err
	}
	return l.Enter(c.args, os.Environ())
}

func proxy(ctx context.Context, c *call) error {
	var f lab.Faults
	listen := c.flags.String("listen", "", "listen at this `ADDRESS:PORT` of the lab's network instead of at a free port")
	c.flags.DurationVar(&f.Latency, "latency", 0, "delay each way")
	c.flags.DurationVar(&f.Jitter, "jitter", 0, "more delay, up to so much, at random")
	c.flags.Float64Var(&f.Loss, "loss", 0, "fraction of segments that come late, as if sent again")
	bandwidth := c.flags.String("bandwidth", "0", "bytes a second, each way, as 64K or 10M")
	fault := c.flags.String("fault", "", "close, reset, stall or corrupt, once in each connection")
	at := c.flags.String("at", "0", "how many bytes from the client pass before the fault")
	down := c.flags.Bool("down", false, "count the bytes from the server instead")
	if err := c.parse(1, 1); err != nil {
		return err
	}
	l, err := c.lab()
	if err != nil {
		return err
	}
	target, err := address(l, c.args[0])
	if err != nil {
		return err
	}
	if f.Bandwidth, err = size(*bandwidth); err != nil {
		return err
	}
	var once lab.Fault
	if once.At, err = size(*at); err != nil {
		return err
	}
	kinds := map[string]lab.FaultKind{"": lab.NoFault, "close": lab.Close, "reset": lab.Reset, "stall": lab.Stall, "corrupt": lab.Corrupt}
	kind, ok := kinds[*fault]
	if !ok {
		return usageError(fmt.Sprintf("there is no fault %q", *fault))
	}
	once.Kind = kind
	if *down {
		f.Down = once
	} else {
		f.Up = once
	}
	if *listen == "" {
		*listen = l.Gateway() + ":0"
	}
	p, err := l.OpenProxy(ctx, *listen, target, f)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s leads to %s, until interrupted\n", p.Address(), target)
	started := time.Now()
	<-ctx.Done()
	p.Close()
	up, downBytes := p.Bytes()
	fmt.Fprintf(c.out, "%d connections, %d bytes up, %d down in %s\n", p.Connections(), up, downBytes, time.Since(started).Round(time.Second))
	return nil
}
