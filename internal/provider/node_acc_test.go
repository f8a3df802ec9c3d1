// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
)

// TestAccCluster is the life of a load-balanced cluster: three masters, an
// agent and a public agent. They are installed one after another as
// -parallelism=1 has it, upgraded to the next line as -parallelism=10 has it
// while clients use the cluster, and removed.
func TestAccCluster(t *testing.T) {
	t.Parallel()
	s := newSite(t, requireAcceptance(t), 3, 1, 1)
	const one, ten, changed = "-parallelism=1", "-parallelism=10", `ui_banner_header_title = jsonencode("changed")`
	configure := func(o siteOptions) {
		o.version = samplerelease.V21
		s.configure(o)
	}

	s.step("apply", func(t *testing.T) {
		configure(siteOptions{})
		s.tf.Apply(one)
		s.whole()
		s.nothingStale()
	})
	s.step("agents know no master", func(t *testing.T) {
		for _, h := range slices.Concat(s.agents, s.public) {
			for _, m := range s.masters {
				out, err := h.Shell(t.Context(), "grep -rlFw "+m.Address+" /opt/mesosphere/etc /opt/mesosphere/packages/dcos-config--* "+
					"/etc/mesosphere || :")
				if err != nil {
					t.Fatal(err)
				}
				if strings.TrimSpace(out) != "" {
					t.Errorf("%s knows the master %s: %s", h.Name, m.Address, out)
				}
			}
		}
	})
	watched := lab.WatchMasters(t, 1, s.masters...)
	s.step("an empty plan", func(*testing.T) { s.tf.NoChanges() })
	s.step("a changed parameter", func(t *testing.T) {
		configure(siteOptions{parameters: changed})
		plan := s.tf.Plan()
		config := plan["dcos_cluster_config.test"]
		touched := touchedFiles(config.Change.Before, config.Change.After)
		if !slices.Equal(touched, []string{"dcos-config/etc/ui-config.json"}) {
			t.Errorf("the plan touches %v", touched)
		}
		for _, name := range []string{`master["n1"]`, `master["n3"]`, `agent["n1"]`, `public["n1"]`} {
			change := plan["dcos_node."+name].Change
			if !slices.Equal(change.Actions, []string{"update"}) {
				t.Errorf("%s: the plan is to %v", name, change.Actions)
			}
			if change.After["config_package_id"] == change.Before["config_package_id"] || change.Unknown["config_package_id"] == true {
				t.Errorf("%s: the plan does not say which configuration package will be there: %v", name, change.After)
			}
		}
		s.tf.Apply("plan.bin")
		s.whole()
		var ui struct {
			Configuration struct {
				Plugins struct {
					Banner struct {
						Title string `json:"headerTitle"`
					} `json:"banner"`
				} `json:"plugins"`
			} `json:"uiConfiguration"`
		}
		s.eventually("the service does not have the new value", func() error {
			if err := s.get("/dcos-metadata/ui-config.json", &ui); err != nil {
				return err
			}
			if ui.Configuration.Plugins.Banner.Title != "changed" {
				return fmt.Errorf("the banner is %q", ui.Configuration.Plugins.Banner.Title)
			}
			return nil
		})
		s.tf.NoChanges()
		s.nothingStale()
	})
	s.step("drift", func(t *testing.T) {
		agent := s.agents[0]
		if _, err := agent.Shell(t.Context(), "echo changed >>/etc/mesosphere/setup-flags/repository-url; "+
			"systemctl disable --quiet dcos-setup.service"); err != nil {
			t.Fatal(err)
		}
		plan := s.tf.Plan()
		change := plan[`dcos_node.agent["n1"]`].Change
		if len(plan) != 1 || !slices.Equal(change.Actions, []string{"update"}) {
			t.Errorf("the plan is %+v", plan)
		}
		words := fmt.Sprint(change.Before["drift"])
		for _, want := range []string{"/etc/mesosphere/setup-flags/repository-url", "dcos-setup.service"} {
			if !strings.Contains(words, want) {
				t.Errorf("the drift does not name %s: %s", want, words)
			}
		}
		// What comes between plan and apply is in no plan: nothing is done, and the next one says what would be.
		if _, err := agent.Shell(t.Context(), "rm -rf /opt/mesosphere"); err != nil {
			t.Fatal(err)
		}
		out, err := s.tf.Try("apply", "-no-color", "plan.bin")
		if err == nil || !strings.Contains(out, "Host Worse Than Planned") || !strings.Contains(out, "Nothing was changed on the host") {
			t.Errorf("%v:\n%s", err, out)
		}
		words = fmt.Sprint(s.tf.Plan()[`dcos_node.agent["n1"]`].Change.Before["drift"])
		if !strings.Contains(words, "its programs are installed again, and what the node keeps stays") {
			t.Errorf("the drift is %s", words)
		}
		s.tf.Apply("plan.bin")
		s.tf.NoChanges()
	})
	s.step("a host that is out of reach", func(t *testing.T) {
		public := s.public[0]
		// Nobody comes, so there is nothing to wait long for.
		configure(siteOptions{parameters: changed, ssh: fmt.Sprintf("user = %q\nprivate_key = file(%q)\nconnect_timeout = \"5s\"",
			lab.UserNoPassword, s.lab.KeyFile())})
		if err := public.Cut(t.Context(), lab.Refuse); err != nil {
			t.Fatal(err)
		}
		out, err := s.tf.Try("plan", "-no-color", "-detailed-exitcode")
		if err != nil {
			t.Errorf("the plan is not empty: %v", err)
		}
		if !strings.Contains(out, "Host Not Reachable") || !strings.Contains(out, public.Address) {
			t.Errorf("there is no warning that names the host:\n%s", out)
		}
		if err := public.Rejoin(t.Context()); err != nil {
			t.Fatal(err)
		}
		configure(siteOptions{parameters: changed})
	})
	s.step("import", func(t *testing.T) {
		s.tf.Run("state", "rm", `dcos_node.agent["n1"]`)
		s.tf.Run("import", "-no-color", `dcos_node.agent["n1"]`, s.agents[0].Address)
		s.tf.NoChanges()
	})
	s.step("upgrade under use", func(*testing.T) {
		s.configure(siteOptions{parameters: changed})
		seen := len(s.events())
		s.underUse(func() { s.tf.Apply(ten) })
		s.inOrder(seen)
		s.whole()
		s.tf.NoChanges()
	})
	watched()
	s.step("destroy", func(*testing.T) {
		seen := len(s.events())
		s.tf.Destroy(ten)
		removedInOrder(s.t, s.spans("uninstall", seen))
		s.clean(s.nodes()...)
	})
}

// without gives a list without some of its items.
func without(items, these []string) []string {
	return slices.DeleteFunc(slices.Clone(items), func(item string) bool { return slices.Contains(these, item) })
}

// TestAccRefused holds that what keeps a user out is said with the host, what
// was tried and what to do, within the time limit, and that nothing is changed.
func TestAccRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, requireAcceptance(t), 1, 0, 0)
	h := s.masters[0]
	other := filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(other, []byte(testKey(t, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	key := func(user, file, more string) string {
		return fmt.Sprintf("user = %q\nprivate_key = file(%q)\nconnect_timeout = \"6s\"\n%s", user, file, more)
	}
	tests := map[string]struct {
		options siteOptions
		want    []string
	}{
		"the key": {siteOptions{ssh: key(lab.UserNoPassword, other, "")},
			[]string{"Login Refused", h.Address, lab.UserNoPassword, "SHA256:", "authorized_keys"}},
		"sudo": {siteOptions{ssh: key(lab.UserNoSudo, s.lab.KeyFile(), "")},
			[]string{"No Root On The Host", h.Address, lab.UserNoSudo, "sudo"}},
		"sudo without its password": {siteOptions{ssh: key(lab.UserPassword, s.lab.KeyFile(), "")},
			[]string{"No Root On The Host", h.Address, lab.UserPassword, "sudo.password"}},
		"a wrong sudo password": {siteOptions{ssh: key(lab.UserPassword, s.lab.KeyFile(), ""),
			provider: `sudo = { password = "not-the-password" }`},
			[]string{"No Root On The Host", h.Address, "sudo.password"}},
		"an unknown host key": {siteOptions{ssh: key(lab.UserNoPassword, s.lab.KeyFile(), `host_key_policy = "strict"`)},
			[]string{"Host Key Refused", h.Address, "SHA256:", "host_key"}},
		"another host key": {siteOptions{ssh: key(lab.UserNoPassword, s.lab.KeyFile(), ""),
			node: `ssh = { host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFm0v2LvNyBXHnXGKkS8kR9cDrBlLiDmXHbhXlpqzPAH" }`},
			[]string{"Host Key Refused", h.Address, "SHA256:"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s.configure(test.options)
			start := time.Now()
			out, err := s.tf.Try("apply", "-auto-approve", "-no-color")
			if took := time.Since(start); took > 2*time.Minute {
				t.Errorf("it took %s", took)
			}
			if err == nil {
				t.Fatalf("it succeeded:\n%s", out)
			}
			plain := strings.Join(strings.Fields(strings.ReplaceAll(out, "│", " ")), " ")
			for _, want := range test.want {
				if !strings.Contains(plain, want) {
					t.Errorf("the error does not say %q:\n%s", want, out)
				}
			}
			if strings.Contains(out, "not-the-password") {
				t.Errorf("the error shows the password:\n%s", out)
			}
		})
	}
	s.clean(h)
}

// TestAccJumpHost reaches the host through another, with a key that is not
// known at plan and a sudo password from the environment, and looks for the
// password wherever it must not be.
func TestAccJumpHost(t *testing.T) {
	t.Parallel()
	s := newSite(t, requireAcceptance(t), 1, 0, 0)
	password := lab.Password(lab.UserPassword)
	s.tf.Env = append(s.tf.Env, "DCOS_SUDO_PASSWORD="+password)
	s.tf.Write("key.tf", fmt.Sprintf("resource \"terraform_data\" \"key_file\" {\n  input = %q\n}\n", s.lab.KeyFile()))
	s.configure(siteOptions{ssh: fmt.Sprintf(`
    user        = %q
    private_key = file(terraform_data.key_file.output)
    jump_hosts  = [{ address = %q, user = %q }]
`, lab.UserPassword, s.balancer.Address, lab.UserNoPassword)})
	out := s.tf.Apply()
	s.whole()
	s.tf.NoChanges()
	s.nothingStale()
	for _, name := range []string{"terraform.tfstate", "run.jsonl"} {
		text, err := os.ReadFile(filepath.Join(s.tf.Path, name))
		if err != nil {
			t.Fatal(err)
		}
		out += string(text)
	}
	for what, secret := range map[string]string{"the sudo password": password, "the private key": "PRIVATE KEY"} {
		if strings.Contains(out, secret) {
			t.Errorf("%s is in the output, the state or the run log", what)
		}
	}
	s.tf.Destroy("-target=dcos_node.master")
	s.clean(s.masters...)
}
