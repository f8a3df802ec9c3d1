// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package provider

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

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
		masters[i] = l.Host(t, fmt.Sprintf("operators-m%d", i+1), lab.WithPackages("default-jre-headless", "libzookeeper-java"))
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
	most := closedAtOnce(t, addresses, func() { both("upgrade", "apply") })
	lab.TellOutages(t, most, len(masters), 1)
	if most != 1 {
		t.Errorf("%d masters were out at once", most)
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

// closedAtOnce gives at how many masters nobody listens at ZooKeeper's port at once
// while something is done. What servers say of themselves does not tell outages: when
// their leader is taken out, all of them are without one for a moment.
func closedAtOnce(t *testing.T, addresses []string, do func()) (most int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			closed := 0
			for _, a := range addresses {
				conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", net.JoinHostPort(a, "2181"))
				if err == nil {
					_ = conn.Close() // nothing was said
				} else if ctx.Err() == nil {
					closed++
				}
			}
			most = max(most, closed)
			time.Sleep(50 * time.Millisecond)
		}
	}()
	do()
	cancel()
	<-done
	return most
}
