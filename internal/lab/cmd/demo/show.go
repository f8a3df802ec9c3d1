// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

// cluster is what a user sees of the demo's cluster, all of it read through the load balancer.
type cluster struct {
	Ensemble []member
	Leader   string
	Version  string
	Agents   []agent
	Banner   string
}

type member struct {
	Hostname    string `json:"hostname"`
	Description string `json:"description"`
	IsLeader    bool   `json:"isLeader"`
}

type agent struct {
	Hostname   string         `json:"hostname"`
	Active     bool           `json:"active"`
	Attributes map[string]any `json:"attributes"`
}

// ready says what is still missing of a working cluster with that many masters and agents; "" when nothing is.
func (c *cluster) ready(masters, agents int) string {
	serving := 0
	for _, m := range c.Ensemble {
		if m.Description == "serving" {
			serving++
		}
	}
	active := 0
	for _, a := range c.Agents {
		if a.Active {
			active++
		}
	}
	switch {
	case serving < masters:
		return fmt.Sprintf("%d of %d masters serve in exhibitor's ensemble", serving, masters)
	case c.Leader == "":
		return "there is no leading master"
	case active < agents:
		return fmt.Sprintf("%d of %d agents are registered", active, agents)
	}
	return ""
}

// reader reads the cluster over HTTP through the load balancer at an address in the lab's network.
type reader struct {
	address string
	client  http.Client
}

func newReader(l *lab.Lab, address string) *reader {
	return &reader{address, http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{DialContext: l.Dial, DisableKeepAlives: true}, // so that the balancer balances
	}}
}

// look reads the cluster once.
func (r *reader) look(ctx context.Context) (*cluster, error) {
	c := &cluster{}
	if err := r.getJSON(ctx, ":8181/exhibitor/v1/cluster/status", &c.Ensemble); err != nil {
		return nil, err
	}
	slices.SortFunc(c.Ensemble, func(a, b member) int { return strings.Compare(a.Hostname, b.Hostname) })

	var state struct {
		LeaderInfo struct {
			Hostname string `json:"hostname"`
		} `json:"leader_info"`
		Slaves []agent `json:"slaves"`
	}
	if err := r.getJSON(ctx, ":5050/state", &state); err != nil {
		return nil, err
	}
	c.Leader, c.Agents = state.LeaderInfo.Hostname, state.Slaves
	slices.SortFunc(c.Agents, func(a, b agent) int { return strings.Compare(a.Hostname, b.Hostname) })

	var version struct {
		Version string `json:"version"`
	}
	if err := r.getJSON(ctx, "/dcos-metadata/dcos-version.json", &version); err != nil {
		return nil, err
	}
	c.Version = version.Version

	var ui struct {
		Configuration struct {
			Plugins struct {
				Banner struct {
					HeaderTitle string `json:"headerTitle"`
				} `json:"banner"`
			} `json:"plugins"`
		} `json:"uiConfiguration"`
	}
	if err := r.getJSON(ctx, "/dcos-metadata/ui-config.json", &ui); err != nil {
		return nil, err
	}
	c.Banner = ui.Configuration.Plugins.Banner.HeaderTitle
	return c, nil
}

// await looks until the cluster is whole, saying what is missing whenever that changes.
func (r *reader) await(ctx context.Context, out io.Writer, masters, agents int) (*cluster, error) {
	said := ""
	for {
		c, err := r.look(ctx)
		missing := ""
		if err != nil {
			missing = err.Error()
		} else {
			missing = c.ready(masters, agents)
		}
		if missing == "" {
			return c, nil
		}
		if missing != said {
			fmt.Fprintf(out, "  waiting: %s\n", missing)
			said = missing
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("the cluster is not whole: %s: %w", missing, ctx.Err())
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// print shows the cluster as a user would check it.
func (c *cluster) print(out io.Writer, address string) error {
	w := tabwriter.NewWriter(out, 2, 8, 2, ' ', 0)
	fmt.Fprintf(w, "  DC/OS version\t%s\thttp://%s/dcos-metadata/dcos-version.json\n", c.Version, address)
	fmt.Fprintf(w, "  banner\t%s\thttp://%s/dcos-metadata/ui-config.json\n", c.Banner, address)
	for i, m := range c.Ensemble {
		source, leads := "", ""
		if i == 0 {
			source = "http://" + address + ":8181/exhibitor/v1/cluster/status"
		}
		if m.IsLeader {
			leads = ", leads the ensemble"
		}
		fmt.Fprintf(w, "  exhibitor\t%s %s%s\t%s\n", m.Hostname, m.Description, leads, source)
	}
	fmt.Fprintf(w, "  Mesos leader\t%s\thttp://%s:5050/state\n", c.Leader, address)
	for _, a := range c.Agents {
		kind := "private"
		if _, public := a.Attributes["public_ip"]; public {
			kind = "public"
		}
		state := "registered"
		if !a.Active {
			state = "not active"
		}
		fmt.Fprintf(w, "  %s agent\t%s %s\t\n", kind, a.Hostname, state)
	}
	return w.Flush()
}

func (r *reader) getJSON(ctx context.Context, path string, into any) error {
	url := "http://" + r.address + path
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := r.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	return nil
}
