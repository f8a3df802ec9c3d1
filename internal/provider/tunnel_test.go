// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
)

// A tunnelRun is an apply that lasts until its file hold is gone, with a tunnel in it.
type tunnelRun struct {
	*simSite

	cmd *exec.Cmd
	out strings.Builder
	url string
}

// tunnelled starts an apply with a tunnel to a simulated host, which forwards nothing.
func (s *simSite) tunnelled(ssh string) *tunnelRun {
	s.t.Helper()
	r := &tunnelRun{simSite: s}
	s.tf.Write("hold", "")
	_ = os.Remove(filepath.Join(s.tf.Path, "url")) // of the run before
	s.configure("", fmt.Sprintf(`
ephemeral "dcos_tunnel" "main" {
  ssh = {
    address = %q
    %s
  }
}

resource "terraform_data" "long" {
  triggers_replace = [timestamp()]
  provisioner "local-exec" {
    command = "echo ${ephemeral.dcos_tunnel.main.url} >url.part && mv url.part url; while [ -e hold ]; do sleep 0.05; done"
  }
}
`, simhosts.Address(0), ssh))
	r.cmd = s.tf.Command(s.t.Context(), "apply", "-auto-approve", "-no-color", "-target=terraform_data.long")
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.out
	if err := r.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = os.Remove(filepath.Join(s.tf.Path, "hold")) })
	await(s.t, "there is no tunnel", func() error {
		text, err := os.ReadFile(filepath.Join(s.tf.Path, "url"))
		r.url = strings.TrimSpace(string(text))
		return err
	})
	return r
}

// get asks through the tunnel.
func (r *tunnelRun) get() (status int, body string, err error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.url, nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close() // only read
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// gone holds that neither the listener nor any process of the run's is there.
func (r *tunnelRun) gone(processes []string) {
	r.t.Helper()
	await(r.t, "the tunnel is still there", func() error {
		if status, _, err := r.get(); err == nil {
			return fmt.Errorf("it answers %d", status)
		}
		for _, pid := range processes {
			if out, err := exec.CommandContext(r.t.Context(), "ps", "-o", "stat=,args=", "-p", pid).Output(); err == nil && out[0] != 'Z' {
				return fmt.Errorf("%s", out)
			}
		}
		return nil
	})
}

// providers are the processes of the provider that Terraform has started.
func (r *tunnelRun) providers() (pids []string) {
	r.t.Helper()
	out, err := exec.CommandContext(r.t.Context(), "ps", "-A", "-o", "ppid=,pid=,args=").Output()
	if err != nil {
		r.t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) > 2 && f[0] == fmt.Sprint(r.cmd.Process.Pid) && strings.Contains(f[2], "provider-dcos") {
			pids = append(pids, f[1])
		}
	}
	if len(pids) == 0 {
		r.t.Fatalf("no provider runs:\n%s", out)
	}
	return pids
}

// A tunnel of a run: each of many connections at once is answered, a host with another key is not logged in to, what
// Terraform logs has no secret, and a run that is interrupted, or killed, leaves nothing on this machine.
func TestTunnelOfARun(t *testing.T) {
	t.Parallel()
	s := newSimSite(t, simhosts.Options{})
	if !s.tf.Version().Ephemeral() {
		t.Skip("this client has no ephemeral resources: Terraform has from 1.10 on, OpenTofu from 1.11")
	}
	const secret = "Pa55-of-the-tunnel"
	s.ssh = fmt.Sprintf("password = %q", secret)
	s.tf.Env = append(s.tf.Env, "TF_LOG=TRACE")
	run := s.tunnelled("")
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			if status, body, err := run.get(); status != http.StatusBadGateway || !strings.Contains(body, "dcos_tunnel: ") || err != nil {
				t.Errorf("%d %q %v", status, body, err)
			}
		})
	}
	all.Wait()
	if n := s.fleet.Count().Connections; n != 1 {
		t.Errorf("there were %d SSH connections", n)
	}
	processes := run.providers()
	if err := run.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(s.tf.Path, "hold")); err != nil {
		t.Fatal(err)
	}
	_ = run.cmd.Wait() // interrupted
	run.gone(processes)
	if out := run.out.String(); strings.Contains(out, secret) || !strings.Contains(out, "dcos_tunnel") {
		t.Errorf("there is a secret in the log of %d bytes, or nothing", len(out))
	}

	s.tf.Env = s.tf.Env[:len(s.tf.Env)-1]
	other, _ := s.fleet.HostKey(simhosts.Address(1))
	run = s.tunnelled(fmt.Sprintf("host_key = %q", other))
	for range 3 {
		if status, body, err := run.get(); status != http.StatusBadGateway || !strings.Contains(strings.ToLower(body), "host key") || err != nil {
			t.Errorf("a host with another key: %d %q %v", status, body, err)
		}
	}
	if n := s.fleet.Count().Connections; n != 2 {
		t.Errorf("there were %d SSH connections", n)
	}
	processes = run.providers()
	if err := run.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = run.cmd.Wait() // killed
	run.gone(processes)
}
