// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package examplestest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

// A site is hosts for a cluster, and what they were like before.
type site struct {
	t      *testing.T
	lab    *lab.Lab
	prefix string

	masters, agents, public []*lab.Host
	before                  map[string]*lab.Snapshot
}

// newSite makes hosts: three masters, with what masters of this site have, an
// agent, and as many public ones as are asked for.
func newSite(t *testing.T, l *lab.Lab, prefix string, public int, opts ...lab.Option) *site {
	t.Helper()
	s := &site{
		t: t, lab: l, prefix: prefix, before: map[string]*lab.Snapshot{},
		masters: make([]*lab.Host, 3), agents: make([]*lab.Host, 1), public: make([]*lab.Host, public),
	}
	t.Cleanup(func() {
		for _, h := range s.nodes() {
			if h != nil {
				if err := h.Destroy(context.Background()); err != nil {
					t.Errorf("lab: %v", err)
				}
			}
		}
	})
	var group errgroup.Group
	group.SetLimit(3)
	raise := func(hosts []*lab.Host, kind string, opts ...lab.Option) {
		for i := range hosts {
			group.Go(func() (err error) {
				hosts[i], err = l.Create(t.Context(), fmt.Sprintf("%s-%s%d", prefix, kind, i+1), opts...)
				return err
			})
		}
	}
	raise(s.masters, "m", opts...)
	raise(s.agents, "a")
	raise(s.public, "p")
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) nodes() []*lab.Host { return slices.Concat(s.masters, s.agents, s.public) }

// variables are those that all examples have.
func (s *site) variables(more map[string]any) map[string]any {
	all := map[string]any{
		"release": sampleRelease(s.t), "cluster_name": s.prefix, "resolvers": []string{"192.0.2.53"},
		"masters": addresses(s.masters), "agents": addresses(s.agents), "public_agents": addresses(s.public),
		"ssh_user": lab.UserNoPassword, "ssh_private_key_file": s.lab.KeyFile(), "known_hosts_files": []string{s.lab.KnownHostsFile()},
	}
	for name, value := range more {
		all[name] = value
	}
	return all
}

func addresses(hosts []*lab.Host) map[string]string {
	byName := map[string]string{}
	for _, h := range hosts {
		byName[h.Name] = h.Address
	}
	return byName
}

// remember takes the hosts' snapshots.
func (s *site) remember() {
	s.t.Helper()
	for _, h := range s.nodes() {
		snapshot, err := h.Snapshot(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		s.before[h.Name] = snapshot
	}
}

// clean fails unless each host is what it was, but for what is not DC/OS's:
// the words that such changes are known by.
func (s *site) clean(but ...string) {
	s.t.Helper()
	for _, h := range s.nodes() {
		await(s.t, h.Name+" is not what it was", func() error {
			after, err := h.Snapshot(s.t.Context())
			if err != nil {
				return err
			}
			var left []string
			for _, c := range lab.Diff(s.before[h.Name], after) {
				if !slices.ContainsFunc(but, func(word string) bool { return strings.Contains(c.String(), word) }) {
					left = append(left, c.String())
				}
			}
			if len(left) > 0 {
				return errors.New(strings.Join(left, "\n"))
			}
			return nil
		})
	}
}

// await tries until it works, for as long as a cluster may take to settle on
// a busy machine.
func await(t *testing.T, what string, try func() error) {
	t.Helper()
	deadline := time.Now().Add(90 * time.Second)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("%s: %v", what, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// get reads JSON.
func get(ctx context.Context, url string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// whole waits until the cluster is, as seen at an address of its masters:
// that many masters serve, there is a leader, that many agents are there, and
// Admin Router answers.
func whole(t *testing.T, address string, masters, agents int) {
	t.Helper()
	await(t, "the cluster at "+address+" is not whole", func() error {
		var ensemble []struct {
			Description string `json:"description"`
		}
		if err := get(t.Context(), "http://"+address+":8181/exhibitor/v1/cluster/status", &ensemble); err != nil {
			return err
		}
		serving := 0
		for _, m := range ensemble {
			if m.Description == "serving" {
				serving++
			}
		}
		if serving != masters {
			return fmt.Errorf("%d of %d masters serve", serving, masters)
		}
		var state struct {
			LeaderInfo struct {
				Hostname string `json:"hostname"`
			} `json:"leader_info"`
			Slaves []struct {
				Active bool `json:"active"`
			} `json:"slaves"`
		}
		if err := get(t.Context(), "http://"+address+":5050/state", &state); err != nil {
			return err
		}
		if state.LeaderInfo.Hostname == "" {
			return errors.New("there is no leader")
		}
		active := 0
		for _, a := range state.Slaves {
			if a.Active {
				active++
			}
		}
		if active != agents {
			return fmt.Errorf("%d of %d agents are registered", active, agents)
		}
		var version struct {
			Version string `json:"version"`
		}
		if err := get(t.Context(), "http://"+address+"/dcos-metadata/dcos-version.json", &version); err != nil {
			return err
		}
		if version.Version == "" {
			return errors.New("admin router does not know the version")
		}
		return nil
	})
}

// onHost runs a script on a host.
func onHost(t *testing.T, h *lab.Host, script string) string {
	t.Helper()
	out, err := h.Shell(t.Context(), script)
	if err != nil {
		t.Fatalf("%s: %v\n%s", h.Name, err, out)
	}
	return strings.TrimSpace(out)
}
