// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// requireAcceptance skips a test of real hosts unless TF_ACC is set.
func requireAcceptance(t *testing.T) *lab.Lab {
	t.Helper()
	if os.Getenv("TF_ACC") == "" {
		t.Skip("real Terraform against real hosts; set TF_ACC=1")
	}
	terraform.Require(t)
	return lab.Require(t)
}

// exhibitorDir is where masters share a directory, exhibitor's backend.
const exhibitorDir = "/srv/exhibitor"

// A testSite is hosts, a directory with a configuration for them, and what the
// hosts were like before.
type testSite struct {
	t    *testing.T
	name string // of the cluster, and before the hosts' names
	lab  *lab.Lab
	tf   *terraform.Dir

	balancer *lab.Host
	masters  []*lab.Host
	agents   []*lab.Host
	public   []*lab.Host
	before   map[string]*lab.Snapshot
}

// newSite makes hosts: names say how many of each role, options are the agents'.
func newSite(t *testing.T, l *lab.Lab, masters, agents, public int, opts ...lab.Option) *testSite {
	t.Helper()
	s := &testSite{t: t, lab: l, before: map[string]*lab.Snapshot{}}
	s.masters = make([]*lab.Host, masters)
	s.agents = make([]*lab.Host, agents)
	s.public = make([]*lab.Host, public)
	prefix := strings.ToLower(strings.TrimPrefix(t.Name(), "TestAcc"))
	s.name = prefix
	shared := lab.WithMount(l.Shared(t), exhibitorDir)
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
	raise(s.masters, "m", shared)
	raise(s.agents, "a", opts...)
	raise(s.public, "p")
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	var addresses []string
	for _, h := range s.masters {
		addresses = append(addresses, h.Address)
	}
	var err error
	s.balancer, err = l.LoadBalancer(t.Context(), prefix+"-lb", lab.LoadBalancer{Backends: addresses})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, h := range append(s.nodes(), s.balancer) {
			if err := h.Destroy(context.Background()); err != nil {
				t.Errorf("lab: %v", err)
			}
		}
	})
	if s.before, err = snapshots(t.Context(), s.nodes()); err != nil {
		t.Fatal(err)
	}
	s.tf = terraform.New(t)
	s.configure(siteOptions{})
	return s
}

// step runs a part of a story; what follows a part that failed is left out.
func (s *testSite) step(name string, run func(t *testing.T)) {
	s.t.Helper()
	whole := s.t
	defer func() { s.t, s.tf.T = whole, whole }()
	ok := whole.Run(name, func(t *testing.T) {
		s.t, s.tf.T = t, t
		run(t)
	})
	if !ok {
		whole.FailNow()
	}
}

// nodes are the hosts that become nodes.
func (s *testSite) nodes() []*lab.Host { return slices.Concat(s.masters, s.agents, s.public) }

// siteOptions are what a test changes of a site's configuration.
type siteOptions struct {
	version    samplerelease.Version // V22
	masters    int                   // num_masters, if it is not how many there are
	parameters string                // more of dcos_cluster_config
	node       string                // more of each dcos_node
	ssh        string                // instead of the provider's ssh
	provider   string                // more of the provider block
	keys       string                // before the numbers of nodes; "": n
}

// configure writes the site's configuration.
func (s *testSite) configure(o siteOptions) {
	s.t.Helper()
	if o.version == "" {
		o.version = samplerelease.V22
	}
	if o.ssh == "" {
		o.ssh = fmt.Sprintf("user = %q\nprivate_key = file(%q)", lab.UserNoPassword, s.lab.KeyFile())
	}
	addresses := func(hosts []*lab.Host) string {
		var b strings.Builder
		for i, h := range hosts {
			fmt.Fprintf(&b, "    %s%d = %q\n", cmp.Or(o.keys, "n"), i+1, h.Address)
		}
		return b.String()
	}
	masters := "length(local.masters)"
	if o.masters > 0 {
		masters = strconv.Itoa(o.masters)
	}
	s.tf.Write("main.tf", terraform.RequiredProviders+fmt.Sprintf(`
provider "dcos" {
  ssh = {
    %s
  }
  run_log = "run.jsonl"
  %s
}

locals {
  masters = {
%s  }
  agents = {
%s  }
  public = {
%s  }
}

resource "dcos_cluster_config" "test" {
  release                   = { source = %q }
  cluster_name              = %q
  master_discovery          = "master_http_loadbalancer"
  exhibitor_address         = %q
  num_masters               = %s
  exhibitor_storage_backend = "shared_filesystem"
  exhibitor_fs_config_dir   = %q
  resolvers                 = ["192.0.2.53"]
  oauth_enabled             = false
  ip_detect_script          = provider::dcos::ip_detect("route")
  %s
}

resource "dcos_node" "master" {
  for_each = local.masters
  address  = each.value
  role     = "master"
  bundle   = dcos_cluster_config.test.bundle
  %s
}

resource "dcos_node" "agent" {
  for_each   = local.agents
  address    = each.value
  role       = "agent"
  bundle     = dcos_cluster_config.test.bundle
  depends_on = [dcos_node.master]
  %s
}

resource "dcos_node" "public" {
  for_each   = local.public
  address    = each.value
  role       = "public_agent"
  bundle     = dcos_cluster_config.test.bundle
  depends_on = [dcos_node.master]
  %s
}
`, o.ssh, o.provider, addresses(s.masters), addresses(s.agents), addresses(s.public), sampleRelease(s.t, o.version), s.name,
		s.balancer.Address, masters, exhibitorDir, o.parameters, o.node, o.node, o.node))
}

// get reads JSON through the load balancer.
func (s *testSite) get(path string, into any) error {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+s.balancer.Address+path, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", path, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// eventually tries until it works, for as long as a cluster may take to settle.
func (s *testSite) eventually(what string, try func() error) {
	s.t.Helper()
	await(s.t, what, try)
}

// await tries for a minute until it works.
func await(t *testing.T, what string, try func() error) {
	t.Helper()
	awaitFor(t, time.Minute, what, try)
}

// awaitFor tries for so long until it works.
func awaitFor(t *testing.T, limit time.Duration, what string, try func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
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

// whole waits until the cluster is, as seen through the load balancer.
func (s *testSite) whole() {
	s.t.Helper()
	s.eventually("the cluster is not whole", func() error {
		var ensemble []struct {
			Description string `json:"description"`
		}
		if err := s.get(":8181/exhibitor/v1/cluster/status", &ensemble); err != nil {
			return err
		}
		serving := 0
		for _, m := range ensemble {
			if m.Description == "serving" {
				serving++
			}
		}
		if serving != len(s.masters) {
			return fmt.Errorf("%d of %d masters serve", serving, len(s.masters))
		}
		var state struct {
			LeaderInfo struct {
				Hostname string `json:"hostname"`
			} `json:"leader_info"`
			Slaves []struct {
				Hostname string `json:"hostname"`
				Active   bool   `json:"active"`
			} `json:"slaves"`
		}
		if err := s.get(":5050/state", &state); err != nil {
			return err
		}
		if state.LeaderInfo.Hostname == "" {
			return fmt.Errorf("there is no leader")
		}
		active := 0
		for _, a := range state.Slaves {
			if a.Active {
				active++
			}
		}
		if want := len(s.agents) + len(s.public); active != want {
			return fmt.Errorf("%d of %d agents are registered", active, want)
		}
		return nil
	})
}

// snapshots looks at hosts, at all of them at once: one that is just booting
// is waited for.
func snapshots(ctx context.Context, hosts []*lab.Host) (map[string]*lab.Snapshot, error) {
	seen := make([]*lab.Snapshot, len(hosts))
	var group errgroup.Group
	for i, h := range hosts {
		group.Go(func() (err error) {
			seen[i], err = h.Snapshot(ctx)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	byName := make(map[string]*lab.Snapshot, len(hosts))
	for i, h := range hosts {
		byName[h.Name] = seen[i]
	}
	return byName, nil
}

// clean fails unless each host is what it was before anything was installed.
// Services of the system that were woken to answer a question may take their
// time to go to sleep again.
func (s *testSite) clean(hosts ...*lab.Host) {
	s.t.Helper()
	await(s.t, "hosts are not what they were", func() error {
		after, err := snapshots(s.t.Context(), hosts)
		if err != nil {
			return err
		}
		var left []string
		for _, h := range hosts {
			for _, c := range lab.Diff(s.before[h.Name], after[h.Name]) {
				if !strings.HasPrefix(c.Name, "file "+exhibitorDir) { // shared by the masters, not the host's
					left = append(left, h.Name+": "+c.String())
				}
			}
		}
		if len(left) > 0 {
			return errors.New(strings.Join(left, "\n"))
		}
		return nil
	})
}

// nothingStale fails if something of a run is left on a host or in the state
// of DC/OS there: what was transferred, a marker, a work directory. What a
// killed run was holding may take as long to go as a host takes to notice.
func (s *testSite) nothingStale() {
	s.t.Helper()
	s.nothingStaleIn(s.nodes()...)
}

func (s *testSite) nothingStaleIn(hosts ...*lab.Host) {
	s.t.Helper()
	for _, h := range hosts {
		await(s.t, h.Name, func() error {
			left, err := h.Shell(s.t.Context(),
				`ls -d /opt/dcos_install_tmp /var/tmp/* /var/tmp/.[!.]* /tmp/* /tmp/.[!.]* 2>/dev/null `+
					`| grep -v -e /systemd-private -e '/\.[A-Za-z0-9]*-\(unix\|lock\)$' || :`)
			if left = strings.TrimSpace(left); err == nil && left != "" {
				err = fmt.Errorf("left there: %s", left)
			}
			return err
		})
	}
}

// events gives what is in the run log so far.
func (s *testSite) events() []runlog.Event { return eventsIn(s.tf.Path) }

// eventsIn gives what is in the run log of a directory.
func eventsIn(dir string) []runlog.Event {
	f, err := os.Open(filepath.Join(dir, "run.jsonl"))
	if err != nil {
		return nil
	}
	defer f.Close()
	var events []runlog.Event
	for e, err := range runlog.Read(f) {
		if err == nil {
			events = append(events, e)
		}
	}
	return events
}
