// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sync/errgroup"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
)

// registry is where the registries list the provider.
const registry = "registry.terraform.io/dcos-install/dcos"

func writeKey(dir string) (string, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "key")
	return path, os.WriteFile(path, pem.EncodeToMemory(block), 0o600)
}

// hostMap is an HCL expression for a map of hosts. Terraform's range gives 1,024
// numbers at most.
func hostMap(n int) string {
	return fmt.Sprintf(`{
    for i in flatten([for k in range(%d) : range(k * 1000, min(%d, (k + 1) * 1000))]) :
    format("h%%05d", i) => { address = "127.${1 + floor(i / 62500)}.${floor(i / 250) %% 250}.${1 + i %% 250}" }
  }`, (n+999)/1000, n)
}

// terraformFloor applies and plans an empty resource that holds the map, or an
// empty resource for each of its elements.
func (b *bench) terraformFloor(ctx context.Context, n int, one bool) (result, error) {
	resource := "resource \"terraform_data\" \"fleet\" {\n  input = %s\n}\n"
	if !one {
		resource = "resource \"terraform_data\" \"fleet\" {\n  for_each = %s\n  input = each.value\n}\n"
	}
	return b.measure(ctx, "floor", fmt.Sprintf(resource, hostMap(n)))
}

// provider applies and plans hosts as a pool or as nodes, and gives what was
// done on each host.
func (b *bench) provider(ctx context.Context, n int, pool bool) (r result, w work, err error) {
	fleet, err := b.fleet(ctx)
	if err != nil {
		return r, w, err
	}
	resource := fmt.Sprintf("resource \"dcos_node\" \"fleet\" {\n  for_each = %s\n  address = each.value.address\n  role = \"agent\"\n"+
		"  bundle = dcos_cluster_config.bench.bundle\n}\n", hostMap(n))
	name := "nodes"
	if pool {
		name = "pool"
		resource = fmt.Sprintf("resource \"dcos_node_pool\" \"fleet\" {\n  hosts = %s\n  role = \"agent\"\n"+
			"  bundle = dcos_cluster_config.bench.bundle\n  max_parallel = %d\n  max_failures = \"100%%\"\n}\n", hostMap(n), b.parallel)
	}
	r, err = b.measure(ctx, name, fmt.Sprintf(`terraform {
  required_providers {
    dcos = { source = "dcos-install/dcos" }
  }
}
provider "dcos" {
  ssh = {
    user        = "root"
    port        = %d
    private_key = file(%q)
  }
}
resource "dcos_cluster_config" "bench" {
  release                   = { source = %q }
  cluster_name              = "bench"
  master_discovery          = "static"
  master_list               = ["127.200.0.1"]
  exhibitor_storage_backend = "static"
  resolvers                 = ["192.0.2.53"]
  oauth_enabled             = false
  ip_detect_script          = provider::dcos::ip_detect("route")
}
`, fleet.port, b.key, b.release)+resource)
	if err != nil {
		return r, w, err
	}
	c, err := fleet.count()
	if err != nil {
		return r, w, err
	}
	if c.Installed != int64(n) {
		fmt.Printf("  %d of %d hosts were installed\n", c.Installed, n)
	}
	w = work{scripts: c.Scripts / int64(n), size: c.Input / max(c.Scripts, 1)}
	return r, w, fleet.close()
}

// measure applies a configuration and plans it again without refresh.
func (b *bench) measure(ctx context.Context, name, configuration string) (r result, err error) {
	dir, err := os.MkdirTemp(b.dir, name)
	if err != nil {
		return r, err
	}
	files := map[string]string{
		"main.tf":  configuration,
		"cli.tfrc": fmt.Sprintf("provider_installation {\n  dev_overrides { %q = %q }\n  direct {}\n}\n", registry, b.plugins),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return r, err
		}
	}
	if strings.Contains(configuration, "terraform_data") {
		if _, _, _, err := b.tf(ctx, dir, "init", "-input=false"); err != nil {
			return r, err
		}
	}
	// What Terraform prints of ten thousand entries is not what is measured:
	// it goes nowhere.
	if r.wall, r.cpu, r.peak, err = b.tf(ctx, dir, "apply", "-auto-approve", "-no-color", "-input=false", "-refresh=false",
		fmt.Sprintf("-parallelism=%d", b.parallel)); err != nil {
		return r, err
	}
	info, err := os.Stat(filepath.Join(dir, "terraform.tfstate"))
	if err != nil {
		return r, err
	}
	r.state = info.Size()
	_, r.plan, _, err = b.tf(ctx, dir, "plan", "-no-color", "-input=false", "-refresh=false", "-detailed-exitcode")
	return r, err
}

// tf runs Terraform, and gives its time, that of its whole process tree on the
// processors, and the most memory that a provider held.
func (b *bench) tf(ctx context.Context, dir string, args ...string) (wall, cpu time.Duration, peak int64, err error) {
	cmd := exec.CommandContext(ctx, b.terraform, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+filepath.Join(dir, "cli.tfrc"), "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, 0, err
	}
	stop := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() { peak = watchPeak(cmd.Process.Pid, stop) })
	err = cmd.Wait()
	wall = time.Since(start)
	close(stop)
	watch.Wait()
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		cpu = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
		if peak == 0 {
			peak = usage.Maxrss << 10
		}
	}
	if err != nil {
		text := errs.String()
		return wall, cpu, peak, fmt.Errorf("terraform %s: %w: %s", args[0], err, text[:min(len(text), 4000)])
	}
	return wall, cpu, peak, nil
}

// watchPeak looks at the providers that a process has started.
func watchPeak(parent int, stop <-chan struct{}) (peak int64) {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return peak
		case <-ticker.C:
		}
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", parent, parent))
		if err != nil {
			children = nil
		}
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent))
		if err == nil {
			for _, task := range tasks {
				if more, err := os.ReadFile(task); err == nil {
					children = append(append(children, ' '), more...)
				}
			}
		}
		for _, pid := range strings.Fields(string(children)) {
			status, err := os.ReadFile("/proc/" + pid + "/status")
			if err != nil || !strings.HasPrefix(string(status), "Name:\tterraform-provi") {
				continue
			}
			_, rest, _ := strings.Cut(string(status), "VmHWM:")
			fields := strings.Fields(rest)
			if len(fields) > 0 {
				if kib, err := strconv.ParseInt(fields[0], 10, 64); err == nil {
					peak = max(peak, kib<<10)
				}
			}
		}
	}
}

// sshFloor is a bare client: one connection and so many scripts for each host.
func (b *bench) sshFloor(ctx context.Context, n int, w work) (r result, err error) {
	fleet, err := b.fleet(ctx)
	if err != nil {
		return r, err
	}
	text, err := os.ReadFile(b.key)
	if err != nil {
		return r, err
	}
	signer, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return r, err
	}
	cfg := &ssh.ClientConfig{User: "root", Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, Timeout: time.Minute,
		HostKeyCallback: ssh.InsecureIgnoreHostKey()} //nolint:gosec // it measures
	line := strings.Repeat("x", 63) + "\n"
	script := "word\n" + strings.Repeat(line, int(w.size)/len(line)) + "word\n"
	var before, after syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &before); err != nil {
		return r, err
	}
	start := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(b.parallel)
	for i := range n {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return bare(fmt.Sprintf("%s:%d", simhosts.Address(i), fleet.port), cfg, w.scripts, script)
		})
	}
	if err := group.Wait(); err != nil {
		return r, err
	}
	r.wall = time.Since(start)
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &after); err != nil {
		return r, err
	}
	r.cpu = time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	return r, fleet.close()
}

func bare(address string, cfg *ssh.ClientConfig, scripts int64, script string) error {
	client, err := ssh.Dial("tcp", address, cfg)
	if err != nil {
		return err
	}
	defer client.Close() // it is over
	for range scripts {
		session, err := client.NewSession()
		if err != nil {
			return err
		}
		session.Stdin = strings.NewReader(script)
		session.Stdout, session.Stderr = io.Discard, io.Discard
		if err := session.Run("exec sh word"); err != nil {
			return err
		}
	}
	return nil
}
