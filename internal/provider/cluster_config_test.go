// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// sampleRelease gives the path of a version's dcos_generate_config.sh. The
// releases are kept between runs, and built by one of those who ask at once.
func sampleRelease(t testing.TB, version samplerelease.Version) string {
	t.Helper()
	path, err := samplerelease.Kept(t.Context(), version)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// staticSite is a dcos_cluster_config with a static list of masters, and more
// attributes.
func staticSite(release, more string) string {
	return fmt.Sprintf(`
resource "dcos_cluster_config" "test" {
  release                   = { source = %q }
  cluster_name              = "test"
  master_discovery          = "static"
  master_list               = ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
  exhibitor_storage_backend = "static"
  ip_detect_script          = "#!/bin/sh\necho 10.0.0.1\n"
  %s
}
`, release, more)
}

const testConfig = "dcos_cluster_config.test"

// TestReleaseNotVerified warns, at each plan, of a release that nobody vouches for.
func TestReleaseNotVerified(t *testing.T) {
	t.Parallel()
	path := sampleRelease(t, samplerelease.V22)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(path))))
	t.Cleanup(server.Close)
	url := server.URL + "/" + filepath.Base(path)
	const warning = "Release Not Verified"
	d := terraform.New(t)
	d.Env = append(d.Env, "DCOS_CACHE_DIRECTORY="+t.TempDir())
	look := func(release string, warned bool) {
		t.Helper()
		d.Write("main.tf", terraform.RequiredProviders+strings.Replace(staticSite("", ""), `{ source = "" }`, release, 1)+
			strings.NewReplacer("{", "data \"dcos_release\" \"test\" {\n", ", ", "\n", "}", "\n}\n").Replace(release))
		said := diagnosticsOf(d, "plan")
		if said.mentions("error", "") {
			t.Fatalf("%s: %+v", release, said)
		}
		if n := len(slices.DeleteFunc(slices.Clone(said), func(d diagnostic) bool {
			return d.Severity != "warning" || d.Summary != warning || !strings.Contains(d.Snippet.Code, "source")
		})); warned && n != 2 || !warned && n != 0 {
			t.Errorf("%s: %d warnings, %+v", release, n, said)
		}
	}
	plain := fmt.Sprintf("{ source = %q }", url)
	look(plain, true)
	d.Apply()
	look(plain, true) // nothing has changed
	look(fmt.Sprintf("{ source = %q, sha256 = \"%x\" }", url, sha256.Sum256(content)), false)
	look(fmt.Sprintf("{ source = %q }", path), false)
	for source, warned := range map[string]bool{"http://x/y": true, "HTTP://x/y": true, "https://x/y": false, "/srv/http:/x": false} {
		if found := releaseWarning(tfpath.Root("release"), types.StringValue(source), types.StringNull()); warned != (len(found) == 1) {
			t.Errorf("%s: %v", source, found)
		}
	}
	if found := releaseWarning(tfpath.Root("release"), types.StringValue("http://x/y"), types.StringUnknown()); len(found) > 0 {
		t.Errorf("a sum that is not known yet: %v", found)
	}
}

var (
	sha1Hex   = regexp.MustCompile(`^[0-9a-f]{40}$`)
	sha256Hex = regexp.MustCompile(`^[0-9a-f]{64}$`)
	shownHex  = regexp.MustCompile(`^[0-9a-f]{12}$`)
)

// TestClusterConfig is a configuration's life: everything is known at plan but lists
// that there is nothing to compare with, a second plan is empty, a changed parameter names the files it touches.
func TestClusterConfig(t *testing.T) {
	t.Parallel()
	terraform.Require(t)
	release := sampleRelease(t, samplerelease.V22)
	known := func(name string, check knownvalue.Check) plancheck.PlanCheck {
		return plancheck.ExpectKnownValue(testConfig, tfjsonpath.New(name), check)
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(),
		Steps: []resource.TestStep{
			{
				Config: staticSite(release, "oauth_enabled = false"),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(testConfig, plancheck.ResourceActionCreate),
					known("id", knownvalue.StringRegexp(sha256Hex)),
					known("config_id", knownvalue.StringRegexp(sha1Hex)),
					known("package_list_id", knownvalue.StringRegexp(sha1Hex)),
					known("bootstrap_id", knownvalue.StringRegexp(sha1Hex)),
					known("dcos_version", knownvalue.StringExact("2.2.100")),
					plancheck.ExpectUnknownValue(testConfig, tfjsonpath.New("package_ids")),
					plancheck.ExpectUnknownValue(testConfig, tfjsonpath.New("files")),
					known("config_yaml",
						knownvalue.StringRegexp(regexp.MustCompile(`(?s)\ncluster_name: test\n.*\nmaster_list:\n- "10.0.0.1"\n.*\noauth_enabled: false\n`))),
					known("bundle", knownvalue.ObjectPartial(map[string]knownvalue.Check{
						"cluster_name": knownvalue.StringExact("test"),
						"dcos_version": knownvalue.StringExact("2.2.100"),
						"recipe":       knownvalue.NotNull(),
					})),
				}},
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectSensitiveValue(testConfig, tfjsonpath.New("config_yaml")),
					statecheck.ExpectSensitiveValue(testConfig, tfjsonpath.New("bundle")),
					statecheck.ExpectKnownValue(testConfig, tfjsonpath.New("package_ids"), knownvalue.NotNull()),
					statecheck.ExpectKnownValue(testConfig, tfjsonpath.New("files"), knownvalue.MapPartial(map[string]knownvalue.Check{
						"dcos-config/etc/ui-config.json":             knownvalue.StringRegexp(shownHex),
						"/etc/mesosphere/setup-flags/repository-url": knownvalue.StringRegexp(shownHex),
						"/etc/systemd/system/dcos-setup.service":     knownvalue.StringRegexp(shownHex),
					})),
				},
			},
			{
				// The same in other words: text for a bool, a set for a list, JSON for an object.
				Config: strings.Replace(staticSite(release, `oauth_enabled = "false"`), "[\"10.0.0.1\", \"10.0.0.2\", \"10.0.0.3\"]",
					`toset(["10.0.0.1", "10.0.0.2", "10.0.0.3"])`, 1),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
			},
			{
				Config: staticSite(release, "oauth_enabled = false\n ui_banner = true"),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(testConfig, plancheck.ResourceActionUpdate),
					known("dcos_version", knownvalue.StringExact("2.2.100")),
					filesChange{only: []string{"dcos-config/etc/ui-config.json"}},
				}},
			},
			{
				// The line 2.1 gives another version of everything.
				Config: staticSite(sampleRelease(t, samplerelease.V21), "oauth_enabled = false\n ui_banner = true"),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(testConfig, plancheck.ResourceActionUpdate),
					known("dcos_version", knownvalue.StringExact("2.1.100")),
				}},
			},
		},
	})
}

// TestClusterConfigMissingRelease holds that a plan without changes does not
// open the release, which a fresh runner may not have.
func TestClusterConfigMissingRelease(t *testing.T) {
	t.Parallel()
	terraform.Require(t)
	release := filepath.Join(t.TempDir(), "dcos_generate_config.sh")
	link := func() {
		if err := os.Symlink(sampleRelease(t, samplerelease.V22), release); err != nil {
			t.Fatal(err)
		}
	}
	unlink := func() {
		if err := os.Remove(release); err != nil {
			t.Fatal(err)
		}
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(),
		Steps: []resource.TestStep{
			{PreConfig: link, Config: staticSite(release, "")},
			{PreConfig: unlink, Config: staticSite(release, ""), PlanOnly: true},
			{Config: staticSite(release, "oauth_enabled = false"), ExpectError: regexp.MustCompile(`(?s)Release Not Usable.*not\s+found`)},
		},
	})
}

// TestClusterConfigOtherRelease holds that a node does not get what is rendered
// from another release than its configuration was.
func TestClusterConfigOtherRelease(t *testing.T) {
	t.Parallel()
	release := filepath.Join(t.TempDir(), "dcos_generate_config.sh")
	put := func(version samplerelease.Version) {
		if err := errors.Join(os.RemoveAll(release), os.Symlink(sampleRelease(t, version), release)); err != nil {
			t.Fatal(err)
		}
	}
	put(samplerelease.V21)
	d := terraform.New(t)
	d.Write("main.tf", terraform.RequiredProviders+staticSite(release, ""))
	d.Apply()
	put(samplerelease.V22)
	d.Write("node.tf", `resource "dcos_node" "m" {
		address = "192.0.2.1"
		role    = "master"
		bundle  = `+testConfig+`.bundle
	}`)
	out, err := d.Try("plan", "-no-color")
	if err == nil {
		t.Error("it is planned")
	}
	mentions(t, out, "Bundle Cannot Be Made", "another release has come to the same place")
}

// TestClusterConfigGone holds that what Terraform has to do without a release
// that is gone, it can do: refresh, and destroy, also where the inputs have
// changed since.
func TestClusterConfigGone(t *testing.T) {
	t.Parallel()
	release := filepath.Join(t.TempDir(), "dcos_generate_config.sh")
	if err := os.Symlink(sampleRelease(t, samplerelease.V22), release); err != nil {
		t.Fatal(err)
	}
	d := terraform.New(t)
	d.Write("main.tf", terraform.RequiredProviders+staticSite(release, ""))
	d.Apply()
	if err := os.Remove(release); err != nil {
		t.Fatal(err)
	}
	d.Write("main.tf", terraform.RequiredProviders+staticSite(release, "oauth_enabled = false"))
	d.Run("apply", "-refresh-only", "-auto-approve", "-no-color")
	if len(stateConfigs(d)) != 1 {
		t.Error("refreshing lost the resource")
	}
	if out, err := d.Try("apply", "-auto-approve", "-no-color"); err == nil || !strings.Contains(out, "Release Is Gone") ||
		!strings.Contains(out, "Release Not Usable") {
		t.Errorf("a change without the release: %s", out)
	}
	d.Run("destroy", "-auto-approve", "-no-color")
	if left := d.Run("state", "list"); strings.Contains(left, "dcos_cluster_config") {
		t.Errorf("left is %s", left)
	}
}

// TestClusterConfigUnknown holds that a site with a load balancer that does
// not exist yet can be planned, and is complete after apply.
func TestClusterConfigUnknown(t *testing.T) {
	t.Parallel()
	terraform.Require(t)
	release := sampleRelease(t, samplerelease.V22)
	site := fmt.Sprintf(`
resource "terraform_data" "balancer" {
  input = "lb.example.com"
}
resource "dcos_cluster_config" "test" {
  release                   = { source = %q }
  cluster_name              = "test"
  master_discovery          = "master_http_loadbalancer"
  exhibitor_address         = terraform_data.balancer.output
  num_masters               = 3
  exhibitor_storage_backend = "shared_filesystem"
  exhibitor_fs_config_dir   = "/srv"
  ip_detect_script          = "#!/bin/sh\necho ${terraform_data.balancer.id}\n"
}
`, release)
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(),
		Steps: []resource.TestStep{
			{
				Config: site,
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectUnknownValue(testConfig, tfjsonpath.New("id")),
						plancheck.ExpectUnknownValue(testConfig, tfjsonpath.New("files")),
						plancheck.ExpectKnownValue(testConfig, tfjsonpath.New("dcos_version"), knownvalue.StringExact("2.2.100")),
						plancheck.ExpectUnknownValue(testConfig, tfjsonpath.New("bundle").AtMapKey("recipe")),
						plancheck.ExpectKnownValue(testConfig, tfjsonpath.New("bundle").AtMapKey("cluster_name"), knownvalue.StringExact("test")),
					},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(testConfig, tfjsonpath.New("id"), knownvalue.StringRegexp(sha256Hex)),
				},
			},
			{
				// What is known is checked all the same.
				Config: strings.NewReplacer("terraform_data.balancer.output", "uuid()", "num_masters               = 3",
					"num_masters = 2").Replace(site),
				ExpectError: regexp.MustCompile(`(?s)Invalid Parameter Value.*num_masters`),
			},
		},
	})
}

// TestClusterConfigSecrets holds that the provider's secrets take part and are
// nowhere in state, and that a changed secret is noticed.
func TestClusterConfigSecrets(t *testing.T) {
	t.Parallel()
	terraform.Require(t)
	release := sampleRelease(t, samplerelease.V22)
	config := func(secret string) string {
		return fmt.Sprintf("provider \"dcos\" {\n secrets = { exhibitor_admin_password = %q }\n}\n", secret) + staticSite(release, "")
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(),
		Steps: []resource.TestStep{
			{
				Config: config("hush-hush-1"),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(testConfig, tfjsonpath.New("files"), knownvalue.MapPartial(map[string]knownvalue.Check{
						"dcos-config/etc_master/exhibitor_realm": knownvalue.StringRegexp(shownHex),
					})),
					nowhere{"hush-hush-1"},
				},
			},
			{Config: config("hush-hush-1"), PlanOnly: true},
			{
				Config: config("hush-hush-2"),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(testConfig, plancheck.ResourceActionUpdate),
				}},
				ConfigStateChecks: []statecheck.StateCheck{nowhere{"hush-hush-2"}},
			},
			{Config: config("hush-hush-2"), PlanOnly: true},
		},
	})
}

// TestClusterConfigMistakes holds that all mistakes are reported in one plan,
// each at its own attribute.
func TestClusterConfigMistakes(t *testing.T) {
	t.Parallel()
	d := terraform.New(t)
	d.Write("main.tf", terraform.RequiredProviders+strings.Replace(staticSite(sampleRelease(t, samplerelease.V22), `
  oauth_enabled          = "yes"
  mesos_log_retention_mb = 12
  dcos_overlay_mtu       = "many"
  resolvers              = ["8.8.8.8", "ns.example.com"]
  check_time             = "1"
  extra_parameters       = {
    dns_search  = "a,b"
    oauth_enbled = "true"

    superuser_password_hash = "$6$rounds=656000$abc"
    bouncer_token_days      = "5"
  }
  use_proxy               = true
  http_proxy              = "http://proxy:3128"
  https_proxy             = "http://proxy:3128"
  ip_detect_public_script = "genconf/ip-detect-public"
  dns_bind_ip_blacklist   = "10.0.0.1"
`), "cluster_name              = \"test\"\n", "", 1))
	found := diagnosticsOf(d, "plan")
	for _, want := range []struct{ severity, code string }{
		{"error", "oauth_enabled"}, {"error", "mesos_log_retention_mb"}, {"error", "dcos_overlay_mtu"},
		{"error", "resolvers"}, {"error", "check_time"}, {"error", "dns_search"},
		{"warning", "superuser_password_hash"}, {"error", "ip_detect_public_script"},
	} {
		if !found.at(want.severity, want.code) {
			t.Errorf("there is no %s at %s", want.severity, want.code)
		}
	}
	if !found.mentions("error", "cluster_name") {
		t.Error("the missing cluster_name is not reported")
	}
	for _, want := range []string{"Missing Parameter", `file("genconf/ip-detect-public")`, "no_proxy must be a list with use_proxy",
		`must be a list such as ["a", "b"]`} {
		if !found.mentions("error", want) {
			t.Errorf("no error says %q", want)
		}
	}
	if found.mentions("error", "that ip_detect_public_filename names") {
		t.Error("the script whose path was given is missing as well")
	}
	if n := len(slices.DeleteFunc(slices.Clone(found), func(d diagnostic) bool {
		return !strings.Contains(d.Detail, "is not a parameter of DC/OS")
	})); n != 1 || !found.mentions("warning", "oauth_enbled is not a parameter") {
		t.Errorf("%d diagnostics of parameters that nothing knows, one that lists all is needed", n)
	}
	if !found.mentions("warning", "superuser_password_hash looks like a secret") ||
		found.mentions("warning", "bouncer_token_days looks like") {
		t.Error("what looks like a secret and what does not are not told apart")
	}
	if t.Failed() {
		t.Logf("%+v", found)
	}
}

// TestFilesOfFormerVersions holds that a state with whole sums, of all files, plans
// empty and then names what a change touches, and nothing else.
func TestFilesOfFormerVersions(t *testing.T) {
	t.Parallel()
	d := terraform.New(t)
	release := sampleRelease(t, samplerelease.V22)
	d.Write("main.tf", terraform.RequiredProviders+staticSite(release, ""))
	d.Apply()
	var state map[string]any
	if err := json.Unmarshal([]byte(readFile(t, filepath.Join(d.Path, "terraform.tfstate"))), &state); err != nil {
		t.Fatal(err)
	}
	files := dig(t, state, "resources", "instances", "attributes")["files"].(map[string]any) //nolint:forcetypeassert // a panic will do
	for name, sum := range files {
		files[name] = fmt.Sprint(sum) + strings.Repeat("0", 52)
	}
	files[bookkeeping[0]] = strings.Repeat("a", 64)
	text, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	d.Write("terraform.tfstate", string(text))
	d.NoChanges()
	d.Write("main.tf", terraform.RequiredProviders+staticSite(release, "  ui_banner = true\n"))
	change := d.Plan()[testConfig].Change
	if touched := touchedFiles(change.Before, change.After); !slices.Equal(touched, []string{"dcos-config/etc/ui-config.json"}) {
		t.Errorf("the plan touches %v", touched)
	}
}

// dig follows the names down, through the first of each list.
func dig(t *testing.T, in map[string]any, names ...string) map[string]any {
	t.Helper()
	for _, name := range names {
		switch value := in[name].(type) {
		case map[string]any:
			in = value
		case []any:
			in, _ = value[0].(map[string]any)
		default:
			t.Fatalf("%s is %T", name, value)
		}
	}
	return in
}

func TestReleaseDataSource(t *testing.T) {
	t.Parallel()
	terraform.Require(t)
	release := sampleRelease(t, samplerelease.V21)
	const name = "data.dcos_release.test"
	config := func(source string) string {
		return fmt.Sprintf("data \"dcos_release\" \"test\" {\n  source = %q\n}\n", source)
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(),
		Steps: []resource.TestStep{
			{
				Config: config(release),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(name, tfjsonpath.New("version"), knownvalue.StringExact("2.1.100")),
					statecheck.ExpectKnownValue(name, tfjsonpath.New("line"), knownvalue.StringExact("2.1")),
					statecheck.ExpectKnownValue(name, tfjsonpath.New("bootstrap_id"), knownvalue.StringRegexp(sha1Hex)),
					statecheck.ExpectKnownValue(name, tfjsonpath.New("commit"), knownvalue.StringRegexp(sha1Hex)),
				},
			},
			{Config: config("/nowhere/dcos_generate_config.sh"), ExpectError: regexp.MustCompile(`(?s)Release Not Usable.*not\s+found`)},
		},
	})
}
