// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package mesos

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/host"
)

// MasterMain is the dcos-mesos-master service.
func MasterMain(ctx context.Context, h host.Host) error {
	ip, err := h.IP(ctx)
	if err != nil {
		return err
	}
	n, err := h.MasterCount()
	if err != nil {
		return err
	}
	out, err := logFile(h)
	if err != nil {
		return err
	}
	if err := reversePath(); err != nil {
		return err
	}
	m, err := NewMaster(MasterConfig{
		Hostname: ip, Count: n, Cluster: h.Getenv("MESOS_CLUSTER"), Version: h.Getenv("SAMPLE_VERSION"),
		WorkDir: h.Getenv("MESOS_WORK_DIR"), Exhibitor: "http://127.0.0.1:8181", Flags: flags(os.Environ()), Log: out,
		URL:       func(hostname string) string { return host.Address(hostname, masterPort) },
		ClusterID: h.State("cluster-id"),
		Interval:  300 * time.Millisecond, Settle: 5 * time.Second, Timeout: 15 * time.Second,
	})
	if err != nil {
		return err
	}
	if err := m.Ready(ctx); err != nil {
		return nil //nolint:nilerr // stopped before there was a quorum
	}
	ln, err := host.Listen(ctx, "tcp", ":"+masterPort)
	if err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.Run(ctx)
	}()
	err = host.Serve(ctx, ln, m.Handler())
	<-done
	return err
}

// AgentMain is the dcos-mesos-slave service, and the public one.
func AgentMain(ctx context.Context, h host.Host) error {
	graceful := make(chan os.Signal, 1)
	signal.Notify(graceful, syscall.SIGUSR1)
	ip, err := h.IP(ctx)
	if err != nil {
		return err
	}
	out, err := logFile(h)
	if err != nil {
		return err
	}
	if err := reversePath(); err != nil {
		return err
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return err
	}
	_, noSystemd := os.Stat("/run/systemd/system")
	a, err := NewAgent(AgentConfig{
		Info: AgentInfo{
			Hostname: ip, Port: 5051, Version: h.Getenv("SAMPLE_VERSION"), Role: role(h.Getenv("MESOS_DEFAULT_ROLE")),
			Attributes: attributes(h.Getenv("MESOS_ATTRIBUTES")),
			Resources:  map[string]any{"cpus": float64(runtime.NumCPU()), "mem": 1024.0, "disk": 1024.0},
		},
		WorkDir: h.Getenv("MESOS_WORK_DIR"), Masters: h.Masters, Flags: flags(os.Environ()), BootID: string(boot), Log: out,
		URL:      func(hostname string) string { return host.Address(hostname, masterPort) },
		Scopes:   noSystemd == nil,
		Notice:   func(id string) error { return host.WriteFile(h.State("cluster-id"), []byte(id+"\n"), 0o644) },
		Interval: time.Second,
	})
	if err != nil {
		return err
	}
	ln, err := host.Listen(ctx, "tcp", ":5051")
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ran := make(chan struct{})
	go func() {
		defer close(ran)
		a.Run(ctx)
	}()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if !asked(ctx, graceful) {
			return
		}
		stop()
		<-ran
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if err := a.Shutdown(grace); err != nil {
			a.log.Printf("graceful stop: %v", err) // the masters may be gone already
		}
	}()
	err = host.Serve(ctx, ln, a.Handler())
	stop()
	<-ran
	<-ended
	return err
}

// asked waits for the end and tells whether it shall be a graceful one. It may
// have been asked for just before an ordinary stop.
func asked(ctx context.Context, graceful <-chan os.Signal) bool {
	select {
	case <-graceful:
		return true
	case <-ctx.Done():
	}
	select {
	case <-graceful:
		return true
	default:
		return false
	}
}

// logFile writes to the journal and to the file that the site names.
func logFile(h host.Host) (io.Writer, error) {
	path := h.Getenv("MESOS_EXTERNAL_LOG_FILE")
	if path == "" {
		return os.Stderr, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	return io.MultiWriter(os.Stderr, f), nil
}

// reversePath makes the kernel's reverse path filter loose on all links, as
// DC/OS's units do before Mesos starts.
func reversePath() error {
	paths, err := filepath.Glob("/proc/sys/net/ipv4/conf/*/rp_filter")
	for _, path := range paths {
		if e := os.WriteFile(path, []byte("2\n"), 0o644); e != nil {
			// Where the kernel's settings are read-only they are not ours to set.
			fmt.Fprintln(os.Stderr, e)
		}
	}
	return err
}

// flags are the MESOS_ variables, by the names of Mesos's flags.
func flags(environ []string) map[string]string {
	all := map[string]string{}
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		if name, ok := strings.CutPrefix(name, "MESOS_"); ok {
			all[strings.ToLower(name)] = value
		}
	}
	return all
}

// attributes reads "name:value;name:value".
func attributes(text string) map[string]string {
	all := map[string]string{}
	for item := range strings.SplitSeq(text, ";") {
		if name, value, ok := strings.Cut(item, ":"); ok {
			all[name] = value
		}
	}
	return all
}

func role(name string) string {
	if name == "" {
		return "*"
	}
	return name
}
