// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package releasetest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
)

// Where stand-ins are on a host.
const (
	standInProgram = "/usr/local/lib/dcos-lab/dcos-sample"
	standInNothing = "/usr/local/lib/dcos-lab/nothing"
	dropIns        = "/usr/local/lib/systemd/system/"
)

// nothing stands in for a service's program. What a timer starts has its work done.
const nothing = `#!/bin/sh
for d in /etc/systemd/system /etc/systemd/system/dcos.target.wants; do
	if [ -e "$d/$1.timer" ]; then exit 0; fi
done
exec sleep infinity
`

// anyService makes every service of DC/OS do nothing. What else its unit says stays: its user, its directories, its
// sockets, its conditions, what it is restarted for.
const anyService = `[Service]
Type=simple
PIDFile=
EnvironmentFile=
ExecCondition=
ExecStartPre=
ExecStart=
ExecStart=` + standInNothing + ` %N
ExecStartPost=
ExecReload=
ExecStop=
ExecStopPost=
`

// oneService makes a service run a program of the sample release, in the environment that its unit says.
func oneService(program, more string) string {
	return `[Service]
Type=simple
PIDFile=
Environment=SAMPLE_VERSION=0
ExecCondition=
ExecStartPre=
` + more + `ExecStart=
ExecStart=` + standInProgram + " " + program + `
ExecStartPost=
ExecReload=
ExecStop=
ExecStopPost=
`
}

// standIns are what a host has in which the release's own services do not run: drop-ins for their units, with the
// programs of the sample release that answer what an operator asks. Of drop-ins with one name the one for the longest
// part of a unit's name counts, systemd.unit(5).
func standIns(t *testing.T) []lab.Option {
	t.Helper()
	program, err := filepath.Glob(filepath.Join(samplerelease.Image(sample(t, samplerelease.V22)),
		"opt/mesosphere/packages/sample-runtime--*/bin/dcos-sample"))
	if err != nil || len(program) != 1 {
		t.Fatalf("the sample release's program: %v, %v", program, err)
	}
	content, err := os.ReadFile(program[0])
	if err != nil {
		t.Fatal(err)
	}
	options := []lab.Option{lab.WithFile(standInProgram, string(content), 0o755), lab.WithFile(standInNothing, nothing, 0o755)}
	const masters = "EnvironmentFile=/opt/mesosphere/etc/dns_config\n"
	for unit, text := range map[string]string{
		"dcos-":                   anyService,
		"dcos-setup":              "", // the installer's own, which are not stood in for
		"dcos-download":           "",
		"dcos-link-env":           "",
		"dcos-exhibitor":          oneService("exhibitor", "ExecStartPre=+"+standInProgram+" exhibitor prepare\n"),
		"dcos-mesos-master":       oneService("mesos-master", ""),
		"dcos-marathon":           oneService("marathon", ""),
		"dcos-mesos-slave":        oneService("mesos-agent", masters),
		"dcos-mesos-slave-public": oneService("mesos-agent", masters),
	} {
		options = append(options, lab.WithFile(dropIns+unit+".service.d/lab.conf", text, 0o644))
	}
	return options
}

// easyCheck are the checks of nodes whose services are stood in for: DC/OS's own ask them.
const easyCheck = `check_config = {
    node_checks = {
      checks    = { lab = { description = "services are stood in for", cmd = ["/bin/true"], timeout = "10s" } }
      poststart = ["lab"]
    }
  }
`

// sample gives the path of a sample release.
func sample(t *testing.T, version samplerelease.Version) string {
	t.Helper()
	path, err := samplerelease.Kept(t.Context(), version)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
