// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package provider

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// TestAccTwoProcesses has two operators with a state each, who share nothing but
// the cluster: one has two of its masters, the other the third. They install at the
// same time, and they upgrade at the same time, which the lock in the ensemble's own
// ZooKeeper puts in order; internal/node's TestTwoProcesses has both ask at the same
// moment.
func TestAccTwoProcesses(t *testing.T) {
	t.Parallel()
	l := requireAcceptance(t)
	masters := make([]*lab.Host, 3)
	var addresses []string
	for i := range masters {
		masters[i] = l.Host(t, fmt.Sprintf("operators-m%d", i+1), lab.WithZooKeeper(10))
		addresses = append(addresses, masters[i].Address)
	}
	before, err := snapshots(t.Context(), masters)
	if err != nil {
		t.Fatal(err)
	}
	operators := []*terraform.Dir{terraform.New(t), terraform.New(t)}
	has := [][]int{{0, 2}, {1}}
	configure := func(version samplerelease.Version) {
		for i, tf := range operators {
			var own strings.Builder
			for _, n := range has[i] {
				fmt.Fprintf(&own, "    m%d = %q\n", n+1, addresses[n])
			}
			tf.Write("main.tf", terraform.RequiredProviders+fmt.Sprintf(`
provider "dcos" {
  ssh = {
    user        = %q
    private_key = file(%q)
  }
}

resource "dcos_cluster_config" "test" {
  release                   = { source = %q }
  cluster_name              = "operators"
  master_discovery          = "static"
  master_list               = %s
  exhibitor_storage_backend = "static"
  resolvers                 = ["192.0.2.53"]
  oauth_enabled             = false
  ip_detect_script          = provider::dcos::ip_detect("route")
}

resource "dcos_node" "master" {
  for_each = {
%s  }
  address = each.value
  role    = "master"
  bundle  = dcos_cluster_config.test.bundle
}
`, lab.UserNoPassword, l.KeyFile(), sampleRelease(t, version), list(addresses), own.String()))
		}
	}
	both := func(what string, args ...string) {
		t.Helper()
		var wg sync.WaitGroup
		for i, tf := range operators {
			wg.Go(func() {
				out, err := tf.Try(append(args, "-auto-approve", "-no-color")...)
				if err != nil || strings.Contains(out, "No Lock Of The Ensemble") {
					t.Errorf("%s by operator %d: %v\n%s", what, i+1, err, out)
				}
			})
		}
		wg.Wait()
		if t.Failed() {
			t.FailNow()
		}
	}
	for _, tf := range operators { // two computers
		tf.Env = append(tf.Env, "DCOS_CACHE_DIRECTORY="+t.TempDir())
	}
	configure(samplerelease.V21)
	both("install", "apply")
	configure(samplerelease.V22)
	watched := lab.WatchServers(t, 1, masters...)
	both("upgrade", "apply")
	if watched() < 1 {
		t.Error("no master was seen to be out: that is no test")
	}
	for _, tf := range operators {
		tf.NoChanges()
		tf.Env = append(tf.Env, "DCOS_ALLOW_ENSEMBLE_LOSS=true")
	}
	both("destroy", "destroy")
	after, err := snapshots(t.Context(), masters)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range masters {
		for _, c := range lab.Diff(before[m.Name], after[m.Name]) {
			t.Errorf("%s: left: %s", m.Name, c)
		}
	}
}
