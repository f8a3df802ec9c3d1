// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
)

// The ports as the scripts of the lines list them, sorted.
func TestPreflightPorts(t *testing.T) {
	t.Parallel()
	const (
		masters21 = "53 80 179 443 1050 2181 2379 2380 5050 7070 8080 8101 8123 8181 9000 9942 9990 36771 41281 46839 61053 61091 62020 62080 " +
			"62091 62501 64000"
		masters20 = "53 80 443 1050 2181 5050 7070 8080 8101 8123 8181 9000 9942 9990 15055 36771 41281 46839 61053 61091 62020 62080 62501"
		agents21  = "53 179 5051 61001 61091 62020 62080 62091 62501 64000"
		agents20  = "53 5051 61001 61091 62020 62080 62501"
	)
	for _, c := range []struct{ line, role, want string }{
		{"2.2", "master", masters21},
		{"2.1", "master", masters21},
		{"2.0", "master", masters20},
		{"1.13", "master", masters20},
		{"1.12", "master", strings.Replace(masters20, " 62020", "", 1)},
		{"1.11", "master", strings.Replace(masters20, " 62020", " 61420", 1)},
		{"1.10", "master", "53 80 443 1050 2181 5050 7070 8080 8101 8123 8181 9000 9942 9990 15055 33107 36771 41281 42819 43911 46839 61053 " +
			"61420 61421 62053 62080"},
		{"2.2", "slave", agents21},
		{"2.1", "slave_public", agents21},
		{"2.0", "slave", agents20},
		{"1.13", "slave", agents20},
		{"1.12", "slave", strings.Replace(agents20, " 62020", "", 1)},
		{"1.11", "slave", strings.Replace(agents20, " 62020", " 61420", 1)},
		{"1.10", "slave", "53 5051 34451 39851 43995 61001 61420 61421 62053 62080"},
		{"9.9", "slave", agents21},
	} {
		var got []string
		for _, p := range bundle.PreflightFacts(c.line, c.role).Ports {
			got = append(got, fmt.Sprint(p.Port))
			if p.Service == "" {
				t.Errorf("%s %s: nothing needs port %d", c.line, c.role, p.Port)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s %s:\n got %s\nwant %s", c.line, c.role, strings.Join(got, " "), c.want)
		}
	}
}

func TestPreflightOfLines(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"1.10": "docker>=1.6 curl bash ping tar xz unzip ipset systemd-notify systemctl>=200 [nogroup] [] false false false true",
		"1.11": "docker>=1.6 curl bash ping tar xz unzip ipset systemd-notify systemctl>=200 [] [] false true true true",
		"1.12": "docker>=1.6 curl bash ping tar xz unzip ipset systemd-notify ifconfig systemctl>=200 [] [] true true true true",
		"1.13": "docker>=1.6 curl bash ping tar xz unzip ipset systemd-notify systemctl>=200 [] [raid1 dm_raid] true true true true",
		"2.2":  "docker>=1.6 curl bash ping tar xz unzip ipset systemd-notify systemctl>=200 [] [raid1 dm_raid] true true true true",
	} {
		f := bundle.PreflightFacts(line, "slave")
		got := ""
		for _, c := range f.Commands {
			got += c.Name
			if c.MinVersion != "" {
				got += ">=" + c.MinVersion
			}
			got += " "
		}
		got += fmt.Sprint(f.Groups, f.KernelModules, f.SELinuxTargeted, f.DockerRunning, f.EmptyRoot, f.XFSFtype)
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", line, got, want)
		}
	}
	if bundle.PreflightFacts("2.2", "master").XFSFtype {
		t.Error("a master's file systems are not looked at")
	}
}
