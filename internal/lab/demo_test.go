// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

// The load balancer leads to what is healthy, and back to what is so again.
func TestLoadBalancer(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	var addresses []string
	var backends []*lab.Host
	for _, name := range []string{"b1", "b2"} {
		h := l.Host(t, name, lab.WithPackages("nginx-light"), lab.WithFile("/etc/nginx/conf.d/dcos.conf",
			"server { listen 5050; listen 8181; listen 80; location / { return 200 \"$hostname $server_port $http_x_forwarded_for\\n\"; } }\n",
			0o644), lab.WithFile("/etc/nginx/sites-enabled/default", "", 0o644))
		backends = append(backends, h)
		addresses = append(addresses, h.Address)
	}
	lb, err := l.LoadBalancer(t.Context(), "balancer", lab.LoadBalancer{Backends: addresses})
	check(t, err)
	t.Cleanup(func() {
		if err := lb.Destroy(context.Background()); err != nil {
			t.Log(err)
		}
	})
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answers := func(port int) map[string]int {
		seen := map[string]int{}
		for range 6 {
			resp, err := client.Get(fmt.Sprintf("http://%s:%d/", lb.Address, port))
			if err != nil {
				seen[err.Error()]++
				continue
			}
			text, err := io.ReadAll(resp.Body)
			check(t, errors.Join(err, resp.Body.Close()))
			seen[strings.Fields(string(text))[0]]++
		}
		return seen
	}
	both := func() bool { a := answers(8181); return a["b1"] > 0 && a["b2"] > 0 }
	await(t, "both backends at 8181", both)
	await(t, "both backends at 80", func() bool { a := answers(80); return a["b1"] > 0 && a["b2"] > 0 })
	check(t, backends[0].Cut(t.Context(), lab.BlackHole))
	await(t, "the other backend alone", func() bool { return answers(8181)["b2"] == 6 })
	check(t, backends[0].Rejoin(t.Context()))
	await(t, "both backends again", both)
	check(t, lb.SetLoadBalancer(t.Context(), lab.LoadBalancer{Backends: addresses[:1]}))
	await(t, "the first backend alone", func() bool { return answers(8181)["b1"] == 6 })
}

// The demo's hosts come up whatever was there before, and what is right is
// left alone.
func TestRaiseDemo(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	raise := func() (*lab.Demo, string) {
		t.Helper()
		var said bytes.Buffer
		demo, err := l.RaiseDemo(t.Context(), &said)
		check(t, err)
		return demo, said.String()
	}
	demo, said := raise()
	t.Cleanup(func() {
		for _, h := range append(demo.Nodes(), demo.LoadBalancer) {
			if err := h.Destroy(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
	if strings.Count(said, "made and booted") != 6 || !demo.Fresh || len(demo.Nodes()) != 5 {
		t.Errorf("at first: %+v\n%s", demo, said)
	}
	shell(t, demo.Masters[0], "echo shared >"+lab.ExhibitorDir+"/file")
	if got := shell(t, demo.Masters[2], "cat "+lab.ExhibitorDir+"/file"); got != "shared" {
		t.Errorf("the masters share %q", got)
	}
	demo, said = raise()
	if strings.Count(said, "is there") != 6 || demo.Fresh {
		t.Errorf("again: %+v\n%s", demo, said)
	}
	check(t, demo.Masters[0].PowerCut(t.Context()))
	check(t, demo.Masters[1].Cut(t.Context(), lab.BlackHole))
	check(t, demo.Agents[0].Destroy(t.Context()))
	check(t, os.Remove(filepath.Join(l.Dir(), "hosts", "p1", "whole"))) // as an interruption leaves it
	demo, said = raise()
	if strings.Count(said, "is there") != 3 || strings.Count(said, "made and booted") != 2 || !strings.Contains(said, " booted") ||
		!demo.Fresh {
		t.Errorf("after damage: %+v\n%s", demo, said)
	}
	for _, h := range demo.Nodes() {
		if out, err := ssh(t, h, lab.UserNoPassword, "hostname"); err != nil || out != h.Name {
			t.Errorf("%s: %v: %s", h.Name, err, out)
		}
	}
}
