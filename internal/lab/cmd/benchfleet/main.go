// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

// Command benchfleet measures what the provider costs on many hosts: real
// Terraform, the real provider, and simulated SSH hosts in a process of their
// own. Beside a pool stand Terraform's own floor, an empty resource that holds
// the same map, and the floor of SSH, a bare client that makes the same
// handshakes and runs as many scripts of the same size; beside nodes as many
// empty resources. With several rounds they take turns, and what is printed are
// medians.
//
//	go run ./internal/lab/cmd/benchfleet -hosts 100,1000,10000 -nodes 100 -rounds 3
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var err error
	if len(os.Args) > 1 && os.Args[1] == "hosts" {
		err = hosts(ctx, os.Args[2:], os.Stdout)
	} else {
		err = run(ctx, os.Args[1:])
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchfleet:", err)
		os.Exit(1)
	}
}

// hosts is the process of the simulated hosts. It says its port, and what it
// has seen for each line that it gets; it ends with its input.
func hosts(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("hosts", flag.ContinueOnError)
	delay := flags.Duration("delay", 0, "how long each script takes")
	failures := flags.Float64("failures", 0, "share of hosts that fail")
	transfer := flags.Bool("transfer", false, "take what is transferred")
	if err := flags.Parse(args); err != nil {
		return err
	}
	fleet, err := simhosts.Start(simhosts.Options{Delay: *delay, Failures: *failures, Transfer: *transfer})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, fleet.Port())
	lines := bufio.NewScanner(os.Stdin)
	for ctx.Err() == nil && lines.Scan() {
		c := fleet.Count()
		fmt.Fprintln(out, c.Connections, c.Scripts, c.Installed, c.Input, c.Bytes)
	}
	return fleet.Close()
}

// bench is one run of the command.
type bench struct {
	terraform, dir, plugins, release, key string
	parallel, nodes, rounds               int
	hostsArgs                             []string
}

func run(ctx context.Context, args []string) error {
	b := &bench{}
	flags := flag.NewFlagSet("benchfleet", flag.ContinueOnError)
	sizes := flags.String("hosts", "100,1000", "numbers of hosts")
	flags.IntVar(&b.parallel, "parallel", 100, "hosts at once")
	flags.IntVar(&b.nodes, "nodes", 100, "number of dcos_node to measure, 0 for none")
	flags.IntVar(&b.rounds, "rounds", 1, "how often everything is measured, in turns")
	delay := flags.Duration("delay", 0, "how long each script takes on a host")
	failures := flags.Float64("failures", 0, "share of hosts that fail, from 0 to 1")
	transfer := flags.Bool("transfer", false, "transfer all packages to each host, which throws them away")
	if err := flags.Parse(args); err != nil {
		return err
	}
	b.hostsArgs = []string{"hosts", "-delay", delay.String(), "-failures", fmt.Sprint(*failures), fmt.Sprintf("-transfer=%v", *transfer)}
	if b.rounds < 1 {
		return fmt.Errorf("-rounds %d: there is nothing to measure", b.rounds)
	}
	cleanup, err := b.prepare(ctx)
	if err != nil {
		return err
	}
	defer cleanup()
	fmt.Printf("%-22s %7s %8s %8s %9s %10s %9s %8s %8s\n", "what", "hosts", "wall s", "CPU s", "ms/host", "CPU ms/h", "peak MiB", "plan CPU",
		"state KB")
	for text := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return fmt.Errorf("-hosts %s: not a list of numbers", *sizes)
		}
		if err := b.size(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// prepare builds what is measured.
func (b *bench) prepare(ctx context.Context) (cleanup func(), err error) {
	b.terraform = os.Getenv("TF")
	if b.terraform == "" {
		if b.terraform, err = exec.LookPath("terraform"); err != nil {
			if b.terraform, err = exec.LookPath("tofu"); err != nil {
				return nil, fmt.Errorf("neither terraform nor tofu is on PATH")
			}
		}
	}
	if b.dir, err = os.MkdirTemp("", "benchfleet-"); err != nil {
		return nil, err
	}
	cleanup = func() {
		if err := os.RemoveAll(b.dir); err != nil {
			fmt.Fprintln(os.Stderr, "benchfleet:", err)
		}
	}
	b.plugins = filepath.Join(b.dir, "plugins")
	build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(b.plugins, "terraform-provider-dcos"), ".")
	if out, err := build.CombinedOutput(); err != nil {
		cleanup()
		return nil, fmt.Errorf("building the provider: %w: %s", err, out)
	}
	b.release, err = samplerelease.Kept(ctx, samplerelease.V22)
	if err == nil {
		b.key, err = writeKey(b.dir)
	}
	if err != nil {
		cleanup()
		return nil, err
	}
	return cleanup, nil
}

// size measures everything for a number of hosts.
func (b *bench) size(ctx context.Context, n int) error {
	var floors, pools, bares, nodes, nodeFloors []result
	var w work
	for range b.rounds {
		floor, err := b.terraformFloor(ctx, n, true)
		if err != nil {
			return err
		}
		pool, did, err := b.provider(ctx, n, true)
		if err != nil {
			return err
		}
		w = did
		bare, err := b.sshFloor(ctx, n, w)
		if err != nil {
			return err
		}
		floors, pools, bares = append(floors, floor), append(pools, pool), append(bares, bare)
		if b.nodes > 0 && n >= b.nodes {
			floor, err := b.terraformFloor(ctx, b.nodes, false)
			if err != nil {
				return err
			}
			node, _, err := b.provider(ctx, b.nodes, false)
			if err != nil {
				return err
			}
			nodes, nodeFloors = append(nodes, node), append(nodeFloors, floor)
		}
	}
	floor, pool, bare := medians(floors), medians(pools), medians(bares)
	floor.print("empty resource", n)
	pool.print("dcos_node_pool", n)
	bare.print("bare SSH", n)
	fmt.Printf("  %d scripts a host, of %d bytes; pool: %.2f x the wall of bare SSH; a no-change plan %.2f x the CPU of the empty "+
		"resource's\n",
		w.scripts, w.size, pool.wall.Seconds()/bare.wall.Seconds(), pool.plan.Seconds()/floor.plan.Seconds())
	if len(nodes) > 0 {
		medians(nodeFloors).print("empty resources", b.nodes)
		medians(nodes).print("dcos_node", b.nodes)
	}
	return nil
}

// fleet starts the simulated hosts in a process of their own.
func (b *bench) fleet(ctx context.Context) (*fleetProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, b.hostsArgs...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	f := &fleetProcess{cmd: cmd, in: in, out: bufio.NewReader(out)}
	if _, err := fmt.Fscan(f.out, &f.port); err != nil {
		return nil, fmt.Errorf("starting the simulated hosts: %w", err)
	}
	return f, nil
}

// fleetProcess is the process of the simulated hosts.
type fleetProcess struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	port int
}

// count asks what the hosts have seen.
func (f *fleetProcess) count() (c simhosts.Count, err error) {
	if _, err := io.WriteString(f.in, "\n"); err != nil {
		return c, err
	}
	_, err = fmt.Fscan(f.out, &c.Connections, &c.Scripts, &c.Installed, &c.Input, &c.Bytes)
	return c, err
}

func (f *fleetProcess) close() error {
	if err := f.in.Close(); err != nil {
		return err
	}
	return f.cmd.Wait()
}

// work is what was done on each host.
type work struct {
	scripts int64
	size    int64 // bytes, of each on average
}

// result is what a measurement gives.
type result struct {
	wall, cpu time.Duration
	plan      time.Duration // on the processors, of a plan without changes and refresh
	peak      int64         // bytes, of the provider; of Terraform where there is none
	state     int64         // bytes
}

// medians gives the median of each figure.
func medians(rounds []result) result {
	d := func(figure func(result) time.Duration) time.Duration {
		return time.Duration(median(rounds, func(r result) int64 { return int64(figure(r)) }))
	}
	return result{
		wall:  d(func(r result) time.Duration { return r.wall }),
		cpu:   d(func(r result) time.Duration { return r.cpu }),
		plan:  d(func(r result) time.Duration { return r.plan }),
		peak:  median(rounds, func(r result) int64 { return r.peak }),
		state: median(rounds, func(r result) int64 { return r.state }),
	}
}

func median(rounds []result, figure func(result) int64) int64 {
	values := make([]int64, len(rounds))
	for i, r := range rounds {
		values[i] = figure(r)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func (r result) print(what string, n int) {
	fmt.Printf("%-22s %7d %8.2f %8.2f %9.2f %10.2f %9.0f %8.2f %8d\n", what, n, r.wall.Seconds(), r.cpu.Seconds(),
		r.wall.Seconds()*1000/float64(n), r.cpu.Seconds()*1000/float64(n), float64(r.peak)/(1<<20), r.plan.Seconds(), r.state/1000)
}
