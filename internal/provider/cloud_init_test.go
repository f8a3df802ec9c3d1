// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"os/exec"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// mustCloudInit gives a script that there has to be.
func mustCloudInit(t *testing.T, kind, line, role string) string {
	t.Helper()
	script, err := cloudInit(kind, line, role)
	if err != nil {
		t.Fatal(err)
	}
	return script
}

// eachCloudInit calls f with every script that there is.
func eachCloudInit(t *testing.T, f func(t *testing.T, kind, script string)) {
	t.Helper()
	for _, kind := range cloudInitKinds {
		for _, line := range config.Lines() {
			for _, role := range []string{"master", "agent", "public_agent"} {
				t.Run(kind.name+" "+line+" "+role, func(t *testing.T) {
					t.Parallel()
					f(t, kind.name, mustCloudInit(t, kind.name, line, role))
				})
			}
		}
	}
}

// TestCloudInitShell holds that every script is one for each shell that may be called sh, passes shellcheck, and is small
// enough to be the user data of an EC2 instance: 16 KiB, before it is encoded.
func TestCloudInitShell(t *testing.T) {
	t.Parallel()
	shellcheck := lab.RequireProgram(t, "shellcheck")
	eachCloudInit(t, func(t *testing.T, _, script string) {
		if len(script) > 16384 {
			t.Errorf("it has %d bytes", len(script))
		}
		for _, sh := range []string{"dash", "bash"} {
			cmd := exec.CommandContext(t.Context(), sh, "-n")
			cmd.Stdin = strings.NewReader(script)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s -n: %v\n%s", sh, err, out)
			}
		}
	})
	for _, kind := range cloudInitKinds { // what differs by line and role is values
		cmd := exec.CommandContext(t.Context(), shellcheck, "-s", "sh", "-S", "style", "-f", "gcc", "-")
		cmd.Stdin = strings.NewReader(mustCloudInit(t, kind.name, "2.2", "agent"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %s", kind.name, out)
		}
	}
}

// TestCloudInitHeaders holds that each script says what it does.
func TestCloudInitHeaders(t *testing.T) {
	t.Parallel()
	entries, err := detectScripts.ReadDir("scripts/cloud-init")
	if err != nil || len(entries) != len(cloudInitKinds)+1 {
		t.Fatalf("%v, %v", entries, err)
	}
	for _, e := range entries {
		text, err := detectScripts.ReadFile(path.Join("scripts/cloud-init", e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, heading := range []string{"# " + strings.TrimSuffix(e.Name(), ".sh") + ": ", "\n# reads ", "\n# prints ", "\n# changes "} {
			if !strings.Contains(string(text), heading) {
				t.Errorf("%s has no %q", e.Name(), heading)
			}
		}
	}
}

// TestCloudInitValues holds what the lines differ in, as DC/OS's own preflight of each has it (bundle.PreflightFacts).
func TestCloudInitValues(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		line, role string
		want       []string
	}{
		{"1.10", "agent", []string{"groups='nogroup'", "selinux=permissive", "modules=''", "line=1.10"}},
		{"1.11", "master", []string{"groups=''", "selinux=permissive", "role=master"}},
		{"1.12", "agent", []string{" ifconfig ", "selinux=targeted", "modules=''"}},
		{"2.2.1", "public_agent", []string{"line=2.2\n", "selinux=targeted", "modules='raid1 dm_raid'", "docker_below=23", " iptables'",
			"commands='docker curl bash ping tar xz unzip ipset ", `cloud_init("debian", "2.2", "public_agent")`, "role=public_agent"}},
	} {
		head, _, _ := strings.Cut(mustCloudInit(t, "debian", test.line, test.role), "\n\n")
		for _, want := range test.want {
			if !strings.Contains(head+"\n", want) {
				t.Errorf("%s %s: no %q in\n%s", test.line, test.role, want, head)
			}
		}
		if test.line != "1.12" && strings.Contains(head, "ifconfig") {
			t.Errorf("%s asks for ifconfig", test.line)
		}
	}
}

// cloudInitFunctions gives a script that does nothing but define what it has, and then runs another.
func cloudInitFunctions(t *testing.T, script, then string) string {
	t.Helper()
	functions, _, found := strings.Cut(script, "\nright_system\n")
	if !found {
		t.Fatal("the script does not begin its work with right_system")
	}
	out, err := exec.CommandContext(t.Context(), "sh", "-c", functions+"\n"+then).CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestCloudInitPackages holds that every command that a line asks for is in a package of each distribution.
func TestCloudInitPackages(t *testing.T) {
	t.Parallel()
	known := map[string]string{
		"debian": "bash curl docker.io ipset iptables iputils-ping net-tools systemd tar unzip xz-utils",
		"rhel":   "bash curl docker-ce ipset iptables iputils net-tools systemd tar unzip xz",
	}
	eachCloudInit(t, func(t *testing.T, kind, script string) {
		if kind == "flatcar" { // nothing can be installed there
			return
		}
		for _, name := range strings.Fields(cloudInitFunctions(t, script, `for c in $commands; do package_of "$c"; done`)) {
			if !strings.Contains(" "+known[kind]+" ", " "+name+" ") {
				t.Errorf("%s is not known to be a package", name)
			}
		}
	})
}

// TestCloudInitDockerVersion holds that Docker is the newest that agents with Calico start with, and else the newest.
func TestCloudInitDockerVersion(t *testing.T) {
	t.Parallel()
	script := mustCloudInit(t, "rhel", "2.2", "agent")
	for versions, want := range map[string]string{
		"20.10.24+dfsg1-1+deb12u1": "20.10.24+dfsg1-1+deb12u1",
		"26.1.5+dfsg1-9":           "26.1.5+dfsg1-9", // with a warning
		`26.1.4-1.el7\n23.0.6-1.el7\n20.10.24-3.el7\n19.03.15-3.el7\n3:18.09.9-3.el7`: "20.10.24-3.el7",
		`5:23.0.1-1\n5:20.10.1-1`: "5:20.10.1-1",
		"":                        "",
	} {
		if got := cloudInitFunctions(t, script, "printf '"+versions+"' | choose"); got != want {
			t.Errorf("of %q: %q, want %q", versions, got, want)
		}
	}
}

// TestCloudInitArguments holds that a mistake is told at its argument.
func TestCloudInitArguments(t *testing.T) {
	t.Parallel()
	terraform.Require(t)
	call := func(arguments string) string {
		return fmt.Sprintf(`output "x" { value = provider::dcos::cloud_init(%s) }`, arguments)
	}
	refused := func(arguments, message string) resource.TestStep {
		return resource.TestStep{Config: call(arguments), ExpectError: regexp.MustCompile(`(?s)` + strings.ReplaceAll(message, " ", `\s+`))}
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(),
		TerraformVersionChecks:   []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_8_0)},
		Steps: []resource.TestStep{
			refused(`"windows", "2.2", "agent"`, `"kind" parameter.*there is no script for "windows"; there are debian, rhel, flatcar`),
			refused(`"debian", "3.0", "agent"`, `"line" parameter.*"3.0" is no line of DC/OS; there are 1.10, .*2.2`),
			refused(`"debian", "2.2", "slave"`, `"role" parameter.*"slave" is not one of master, agent, public_agent`),
			{Config: call(`"debian", "2.2.1", "agent"`), Check: resource.TestCheckOutput("x", mustCloudInit(t, "debian", "2.2", "agent"))},
		},
	})
}
