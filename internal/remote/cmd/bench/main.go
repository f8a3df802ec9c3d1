// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Command bench puts package remote to the works that its speed is measured
// by, against hosts that are there already:
//
//	bench w1|w2|w3 -hosts FILE [flags]   the works
//	bench idle -hosts FILE [flags]       what a live connection takes of memory
//
// w1 is one stage on each host: connect, log in, one script of 4 KB as root,
// 2 KB back. w2 is an install: six files of 20 MB in all into a work directory,
// verified on the host, three scripts as root, everything removed. w3 is w1 on
// more hosts. The directory of -work holds stage.sh, s1.sh to s3.sh and files/.
// What came back from each host goes to a file of its own below -out, with the
// exit codes.
//
// tools/bench.sh runs it beside a bare client that does the same works.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	client   *remote.Client
	hosts    []string
	port     int
	hostKey  string
	out      string
	parallel int
	scripts  []string
	files    []remote.File
}

func run(ctx context.Context, args []string) (err error) {
	if len(args) == 0 {
		return errors.New("usage: bench w1|w2|w3|idle -hosts FILE [flags]")
	}
	flags := flag.NewFlagSet("bench "+args[0], flag.ContinueOnError)
	hosts := flags.String("hosts", "", "file with the hosts' addresses, one a line")
	port := flags.Int("port", 22, "the hosts' port")
	user := flags.String("user", "bench", "user to log in as")
	key := flags.String("key", "", "file with the private key")
	hostKey := flags.String("hostkey", "", "file with the hosts' public key")
	work := flags.String("work", "", "directory with the scripts and files")
	out := flags.String("out", "", "directory for the results")
	parallel := flags.Int("par", 50, "hosts at once")
	profile := flags.String("cpuprofile", "", "file for a CPU profile")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	b := &bench{port: *port, out: *out, parallel: *parallel}
	texts := map[string]string{}
	for _, path := range []string{*hosts, *key, *hostKey} {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		texts[path] = string(text)
	}
	b.hosts, b.hostKey = strings.Fields(texts[*hosts]), strings.TrimSpace(texts[*hostKey])
	if b.client, err = remote.NewClient(remote.Config{User: *user,
		Credentials: remote.Credentials{PrivateKey: remote.Secret(texts[*key])}}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.client.Close()) }()
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return errors.Join(err, f.Close())
		}
		defer func() {
			pprof.StopCPUProfile()
			if closeErr := f.Close(); closeErr != nil {
				fmt.Fprintln(os.Stderr, "bench:", closeErr)
			}
		}()
	}
	switch args[0] {
	case "w1", "w3":
		if err := b.read(*work, "stage.sh"); err != nil {
			return err
		}
		return b.each(ctx, b.w1)
	case "w2":
		if err := b.read(*work, "s1.sh", "s2.sh", "s3.sh"); err != nil {
			return err
		}
		if err := b.readFiles(filepath.Join(*work, "files")); err != nil {
			return err
		}
		return b.each(ctx, b.w2)
	case "idle":
		return b.idle(ctx)
	}
	return fmt.Errorf("there is no work %q", args[0])
}

func (b *bench) read(dir string, names ...string) error {
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		b.scripts = append(b.scripts, string(text))
	}
	return nil
}

// readFiles takes the files into memory, so that reading them is not measured
// again for each host, and their sums, which a release knows of its files too.
func (b *bench) readFiles(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		b.files = append(b.files, remote.File{Name: e.Name(), Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:]), Mode: 0o600,
			Open: func() (io.ReadCloser, error) {
				return io.NopCloser(bytes.NewReader(content)), nil
			}})
	}
	return nil
}

// each does the work on every host, so many at once.
func (b *bench) each(ctx context.Context, work func(ctx context.Context, conn *remote.Conn, out *bytes.Buffer) error) error {
	next := make(chan string)
	var wg sync.WaitGroup
	var mu sync.Mutex
	failed := 0
	for range b.parallel {
		wg.Go(func() {
			for host := range next {
				if err := b.one(ctx, host, work); err != nil {
					fmt.Fprintln(os.Stderr, err)
					mu.Lock()
					failed++
					mu.Unlock()
				}
			}
		})
	}
	for _, h := range b.hosts {
		next <- h
	}
	close(next)
	wg.Wait()
	fmt.Printf("hosts=%d failed=%d\n", len(b.hosts), failed)
	if failed > 0 {
		return fmt.Errorf("%d of %d hosts failed", failed, len(b.hosts))
	}
	return nil
}

func (b *bench) one(ctx context.Context, host string, work func(context.Context, *remote.Conn, *bytes.Buffer) error) error {
	conn, err := b.client.Dial(ctx, b.target(host))
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := errors.Join(work(ctx, conn, &out), conn.Close()); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.out, host), out.Bytes(), 0o600)
}

func (b *bench) target(host string) remote.Target {
	return remote.Target{Address: host, Port: b.port, HostKey: b.hostKey}
}

func (b *bench) w1(ctx context.Context, conn *remote.Conn, out *bytes.Buffer) error {
	res, err := conn.Run(ctx, remote.Script{Name: "stage", Text: b.scripts[0], Root: true})
	if err != nil {
		return err
	}
	out.Write(res.Stdout)
	fmt.Fprintf(out, "rc=%d\n", res.ExitCode)
	return nil
}

func (b *bench) w2(ctx context.Context, conn *remote.Conn, out *bytes.Buffer) error {
	dir, err := conn.Upload(ctx, b.files, nil)
	if err != nil {
		return err
	}
	// Upload has had the host compare the sums, or it would have failed.
	fmt.Fprintf(out, "verified %d host=%s\n", len(b.files), conn.Target().Address)
	for i, text := range b.scripts {
		res, err := conn.Run(ctx, remote.Script{Name: fmt.Sprintf("s%d", i+1), Text: text, Args: []string{dir}, Root: true})
		if err != nil {
			return err
		}
		out.Write(res.Stdout)
		fmt.Fprintf(out, "rc s%d=%d\n", i+1, res.ExitCode)
	}
	return nil
}

// idle opens a connection to each host, runs a script over each, and tells
// what of this process's memory they take while they wait.
func (b *bench) idle(ctx context.Context) error {
	used := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	var mu sync.Mutex
	var open []*remote.Conn
	defer func() {
		for _, c := range open {
			_ = c.Close() // what was measured is measured
		}
	}()
	visit := func(host string) error {
		conn, err := b.client.Dial(ctx, b.target(host))
		if err != nil {
			return err
		}
		mu.Lock()
		open = append(open, conn)
		mu.Unlock()
		_, err = conn.Run(ctx, remote.Script{Name: "true", Text: "true", Root: true})
		return err
	}
	if err := visit(b.hosts[0]); err != nil {
		return err
	}
	before, start := used(), len(open)
	limit := make(chan struct{}, b.parallel)
	errs := make(chan error, len(b.hosts))
	var wg sync.WaitGroup
	for _, h := range b.hosts[1:] {
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { <-limit }()
			if err := visit(h); err != nil {
				errs <- err
			}
		})
	}
	wg.Wait()
	close(errs)
	if err := <-errs; err != nil {
		return err
	}
	n := len(open) - start
	fmt.Printf("connections=%d KiB_each=%.1f\n", n, float64(used()-before)/float64(n)/1024)
	return nil
}
