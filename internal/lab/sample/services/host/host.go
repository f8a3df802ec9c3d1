// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package host is what the sample's services know of the host they run on:
// where things are, what the rendered configuration says, and who the masters
// are. It also has the little that all of them need to serve and ask over
// HTTP.
package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A Host is the host that a service runs on. Tests make one in a temporary
// directory.
type Host struct {
	Root     string // /opt/mesosphere
	StateDir string // /var/lib/dcos
	RunDir   string // /run/dcos
	Getenv   func(string) string
}

// Default is a node.
func Default() Host {
	return Host{Root: "/opt/mesosphere", StateDir: "/var/lib/dcos", RunDir: "/run/dcos", Getenv: os.Getenv}
}

// Etc is the path of a rendered file.
func (h Host) Etc(name string) string { return filepath.Join(h.Root, "etc", name) }

// State is the path of a service's state.
func (h Host) State(name string) string { return filepath.Join(h.StateDir, name) }

// IP runs the site's ip-detect script.
func (h Host) IP(ctx context.Context) (string, error) {
	path := h.Getenv("MESOS_IP_DISCOVERY_COMMAND")
	if path == "" {
		path = filepath.Join(h.Root, "bin/detect_ip")
	}
	out, err := exec.CommandContext(ctx, path).Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	ip := net.ParseIP(strings.TrimSpace(string(out)))
	if ip == nil {
		return "", fmt.Errorf("%s printed %q, which is no address", path, out)
	}
	return ip.String(), nil
}

// MasterCount is the size of the masters' ensemble.
func (h Host) MasterCount() (int, error) {
	text, err := os.ReadFile(h.Etc("master_count"))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// Masters finds the masters as the site's master discovery says: from the
// fixed list, or from exhibitor, which on agents is behind the load balancer.
func (h Host) Masters(ctx context.Context) ([]string, error) {
	var masters []string
	switch source := h.Getenv("MASTER_SOURCE"); source {
	case "master_list":
		text, err := os.ReadFile(h.Etc("master_list"))
		if err != nil {
			return nil, err
		}
		err = json.Unmarshal(text, &masters)
		return masters, err
	case "exhibitor_uri":
		var status []struct{ Hostname string }
		if err := do(ctx, patient, http.MethodGet, h.Getenv("EXHIBITOR_URI"), nil, &status); err != nil {
			return nil, err
		}
		for _, s := range status {
			masters = append(masters, s.Hostname)
		}
		if len(masters) == 0 {
			return nil, errors.New("exhibitor knows no master yet")
		}
		return masters, nil
	default:
		return nil, fmt.Errorf("MASTER_SOURCE is %q", source)
	}
}

// Roles are the roles of this host, by the files in /etc/mesosphere/roles.
func Roles() ([]string, error) {
	entries, err := os.ReadDir("/etc/mesosphere/roles")
	var roles []string
	for _, e := range entries {
		roles = append(roles, e.Name())
	}
	return roles, err
}

// Wait waits for d, or until ctx is done, and tells whether it waited.
func Wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// WriteFile writes a file so that a reader sees the old text or the new.
func WriteFile(path string, text []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	// Others may have left a file of theirs in a shared directory.
	tmp := fmt.Sprintf("%s.%d.tmp", path, os.Getpid())
	if err := os.WriteFile(tmp, text, mode); err != nil {
		return errors.Join(err, os.Remove(tmp)) // half a file, on a disk that is full
	}
	return os.Rename(tmp, path)
}

// Address joins a host and a port for a URL.
func Address(hostname, port string) string {
	return (&url.URL{Scheme: "http", Host: net.JoinHostPort(hostname, port)}).String()
}
