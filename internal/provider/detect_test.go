// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// runScript runs a detection script with stand-ins for the commands it calls.
func runScript(t *testing.T, script string, commands map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range commands {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+body), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", script)
	cmd.Env = []string{"PATH=" + dir + ":/usr/bin:/bin"}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestDetectScripts(t *testing.T) {
	t.Parallel()
	// Metadata services answer without a newline at the end.
	aws := `case "$*" in
*-X\ PUT*token*) printf TOKEN ;;
*TOKEN*local-ipv4) printf 10.0.0.5 ;;
*TOKEN*placement/region) printf eu-central-1 ;;
*TOKEN*availability-zone) printf eu-central-1b ;;
*) exit 22 ;;
esac`
	tests := []struct {
		directory string
		kinds     []detectKind
		kind      string
		commands  map[string]string
		want      string
	}{
		{"ip-detect", ipDetectKinds, "aws", map[string]string{"curl": aws}, "10.0.0.5"},
		{"ip-detect", ipDetectKinds, "gce",
			map[string]string{"curl": `case "$*" in *Metadata-Flavor*network-interfaces/0/ip) printf 10.1.0.5 ;; *) exit 22 ;; esac`}, "10.1.0.5"},
		{"ip-detect", ipDetectKinds, "azure",
			map[string]string{"curl": `case "$*" in *Metadata:*privateIpAddress*) printf 10.2.0.5 ;; *) exit 22 ;; esac`}, "10.2.0.5"},
		{"ip-detect", ipDetectKinds, "route", map[string]string{"ip": `echo "$5 via 10.3.0.1 dev eth0 src 10.3.0.5 uid 0 \    cache"`},
			"10.3.0.5"},
		{"ip-detect", ipDetectKinds, "route:10.3.0.9", map[string]string{"ip": `echo "$5 dev eth0 src 10.3.0.6 uid 0"`}, "10.3.0.6"},
		{"ip-detect", ipDetectKinds, "interface:eth1",
			map[string]string{"ip": `echo "3: $6    inet 10.4.0.5/24 brd 10.4.0.255 scope global $6"; ` +
				`echo "3: $6    inet 10.4.0.6/24 scope global secondary $6"`}, "10.4.0.5"},
		{"fault-domain-detect", faultDomainDetectKinds, "aws", map[string]string{"curl": aws},
			`{"fault_domain":{"region":{"name":"aws/eu-central-1"},"zone":{"name":"aws/eu-central-1b"}}}`},
		{"fault-domain-detect", faultDomainDetectKinds, "gce", map[string]string{"curl": `printf projects/1/zones/us-central1-a`},
			`{"fault_domain":{"region":{"name":"gcp/us-central1"},"zone":{"name":"gcp/us-central1-a"}}}`},
		{"fault-domain-detect", faultDomainDetectKinds, "azure",
			map[string]string{"curl": `case "$*" in *location*) printf westeurope ;; *platformFaultDomain*) printf 1 ;; esac`},
			`{"fault_domain":{"region":{"name":"azure/westeurope"},"zone":{"name":"azure/westeurope-fd-1"}}}`},
	}
	for _, test := range tests {
		t.Run(test.directory+" "+test.kind, func(t *testing.T) {
			t.Parallel()
			script, err := detectScript(test.directory, test.kinds, test.kind)
			if err != nil {
				t.Fatal(err)
			}
			if got := runScript(t, script, test.commands); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestDetectKindsRefused(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"", "digitalocean", "aws:x", "interface", "interface:a b", "interface:$(reboot)", "route:example.com",
		"route:fd00::1"} {
		if script, err := detectScript("ip-detect", ipDetectKinds, kind); err == nil {
			t.Errorf("%q gave %s", kind, script)
		}
	}
}
