// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package health is what the sample says of its own condition: the
// dcos-diagnostics service, the dcos-checks commands, and dcos-check-runner,
// which runs the checks that the site is configured with.
//
// Left out: the bundles of logs that dcos-diagnostics makes, and of DC/OS's
// checks all that ask for what the sample does not have.
//
// Compared: never with the real ones run beside it.
package health

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/host"
)

// A Unit is a systemd unit and how it is: 0 = well.
type Unit struct {
	ID          string `json:"id"`
	Health      int    `json:"health"`
	Output      string `json:"output"`
	Description string `json:"description"`
	Name        string `json:"name"`
	Help        string `json:"help"`
}

// A Report is what dcos-diagnostics says of its node.
type Report struct {
	Units       []Unit `json:"units"`
	Hostname    string `json:"hostname"`
	IP          string `json:"ip"`
	DCOSVersion string `json:"dcos_version"`
	Role        string `json:"node_role"`
	Version     string `json:"dcos_diagnostics_version"`
}

// installerUnits are looked at too, beside those that dcos.target wants.
var installerUnits = []string{"dcos-link-env.service", "dcos-download.service", "dcos-setup.service"}

const wants = "/etc/systemd/system/dcos.target.wants"

// units asks systemd for the condition of all units of DC/OS.
func units(ctx context.Context) ([]Unit, error) {
	entries, err := os.ReadDir(wants)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	names := append([]string{}, installerUnits...)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	args := append([]string{"show", "--property=Id,Description,LoadState,ActiveState,SubState,Result", "--"}, names...)
	out, err := exec.CommandContext(ctx, "systemctl", args...).Output()
	if err != nil {
		return nil, fmt.Errorf("systemctl show: %w", err)
	}
	return parseUnits(out), nil
}

// parseUnits reads what `systemctl show` printed: blocks of NAME=VALUE lines.
func parseUnits(out []byte) []Unit {
	all := []Unit{}
	for block := range strings.SplitSeq(strings.TrimSpace(string(out)), "\n\n") {
		p := map[string]string{}
		for line := range strings.Lines(block) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			p[name] = value
		}
		u := Unit{ID: p["Id"], Description: p["Description"], Name: strings.TrimPrefix(p["Description"], "Sample DC/OS: ")}
		if p["LoadState"] != "loaded" || p["ActiveState"] == "failed" || p["SubState"] == "auto-restart" {
			u.Health = 1
			u.Output = fmt.Sprintf("%s is %s, %s (%s), result %s", u.ID, p["LoadState"], p["ActiveState"], p["SubState"], p["Result"])
		}
		all = append(all, u)
	}
	return all
}

// Main is the dcos-diagnostics service: on masters on port 1050, on agents on
// a socket behind Admin Router.
func Main(ctx context.Context, h host.Host) error {
	var config struct {
		Role   string `json:"role"`
		Bundle string `json:"diagnostics-bundle-dir"`
	}
	text, err := os.ReadFile(h.Etc("dcos-diagnostics-config.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &config); err != nil {
		return err
	}
	if config.Bundle != "" {
		if err := os.MkdirAll(config.Bundle, 0o700); err != nil {
			return err
		}
	}
	ip, err := h.IP(ctx)
	if err != nil {
		return err
	}
	var version struct{ Version string }
	if text, err = os.ReadFile(h.Etc("dcos-version.json")); err != nil {
		return err
	}
	if err := json.Unmarshal(text, &version); err != nil {
		return err
	}
	d := &diagnostics{host: h, ip: ip, role: config.Role, dcos: version.Version, version: h.Getenv("SAMPLE_VERSION")}
	if config.Role == "master" {
		ln, err := host.Listen(ctx, "tcp", ":1050")
		if err != nil {
			return err
		}
		return host.Serve(ctx, ln, d.handler())
	}
	path := filepath.Join(h.RunDir, "dcos-diagnostics.sock")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	ln, err := host.Listen(ctx, "unix", path)
	if err != nil {
		return err
	}
	return host.Serve(ctx, ln, d.handler())
}

type diagnostics struct {
	host                    host.Host
	ip, role, dcos, version string
}

const basePath = "/system/health/v1"

func (d *diagnostics) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+basePath, func(w http.ResponseWriter, r *http.Request) {
		report, err := d.own(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		host.JSON(w, http.StatusOK, report)
	})
	if d.role == "master" {
		mux.HandleFunc("GET "+basePath+"/nodes", d.serveNodes)
		mux.HandleFunc("GET "+basePath+"/units", d.serveUnits)
		mux.HandleFunc("GET "+basePath+"/report", func(w http.ResponseWriter, r *http.Request) {
			host.JSON(w, http.StatusOK, map[string]any{"Nodes": d.all(r.Context())})
		})
	}
	return mux
}

func (d *diagnostics) own(ctx context.Context) (*Report, error) {
	all, err := units(ctx)
	if err != nil {
		return nil, err
	}
	name, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	return &Report{Units: all, Hostname: name, IP: d.ip, DCOSVersion: d.dcos, Role: d.role, Version: d.version}, nil
}

// all asks every node of the cluster. One that does not answer has one unit
// that says so.
func (d *diagnostics) all(ctx context.Context) []Report {
	urls := map[string]string{}
	masters, err := d.host.Masters(ctx)
	if err != nil {
		masters = []string{d.ip}
	}
	for _, ip := range masters {
		urls[ip] = host.Address(ip, "1050")
	}
	var agents struct {
		Slaves []struct{ Hostname string }
	}
	if err := host.Get(ctx, "http://127.0.0.1:5050/slaves", &agents); err == nil {
		for _, a := range agents.Slaves {
			urls[a.Hostname] = host.Address(a.Hostname, "61001")
		}
	}
	var (
		mu  sync.Mutex
		wg  sync.WaitGroup
		all = []Report{}
	)
	for ip, url := range urls {
		wg.Go(func() {
			var r Report
			if err := host.Get(ctx, url+basePath, &r); err != nil {
				r = Report{IP: ip, Units: []Unit{{ID: "dcos-diagnostics", Health: 1, Output: err.Error()}}}
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, r)
		})
	}
	wg.Wait()
	return all
}

func (r Report) health() int {
	worst := 0
	for _, u := range r.Units {
		worst = max(worst, u.Health)
	}
	return worst
}

func (d *diagnostics) serveNodes(w http.ResponseWriter, r *http.Request) {
	nodes := []map[string]any{}
	for _, report := range d.all(r.Context()) {
		nodes = append(nodes, map[string]any{"host_ip": report.IP, "health": report.health(), "role": report.Role})
	}
	host.JSON(w, http.StatusOK, map[string]any{"nodes": nodes})
}

func (d *diagnostics) serveUnits(w http.ResponseWriter, r *http.Request) {
	worst := map[string]Unit{}
	for _, report := range d.all(r.Context()) {
		for _, u := range report.Units {
			if seen, ok := worst[u.ID]; !ok || u.Health > seen.Health {
				worst[u.ID] = u
			}
		}
	}
	all := []Unit{}
	for _, u := range worst {
		all = append(all, u)
	}
	host.JSON(w, http.StatusOK, map[string]any{"units": all})
}
