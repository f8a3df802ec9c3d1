// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

// Package releasetest judges the provider by a release of DC/OS that somebody has: `make test-release
// RELEASE=PATH [FORMER=PATH]` takes it through a cluster's life with the real Terraform, on hosts of the lab, with the
// release's own package manager, packages, templates, units, users and groups. The sample release takes the same way
// every night, shortened.
//
// # What it does
//
// A master and an agent are installed (from FORMER if there is one, and then upgraded), the configuration is changed,
// the hosts are rebooted, things on them are altered as people and disks do it, a set of packages is applied that the
// release's package manager refuses, and all is destroyed. After each step the plan has to say what there is to do, apply
// has to do it, the next plan has to be empty, services have to be as they were, and what a cluster keeps in
// /var/lib/dcos has to be there.
//
// Then activations of packages are ended. The package manager is followed by ptrace(2) from outside of the host, once to
// see what it does, and then again and again to be ended right before the next of its effects: each rename, each unit's
// file, each mark, each call of systemctl. There are four ends, see [end].
//
// # What stands in
//
// The hosts of the lab are containers, in which not everything runs that DC/OS is: see package lab. If the nodes do not
// come up with the release's own services, they are installed again on hosts where drop-ins of systemd put the sample
// release's programs in the place of exhibitor, Mesos and Marathon, and nothing in that of the others. Units, users,
// groups, files and directories stay the release's own; what its services do is not judged then, and the table says so.
//
// It leaves out, always: the release's Docker containers (the lab has no Docker), more than one master at a time, and
// whatever a load only shows. The clock checks are off, since a container's clock is its machine's.
//
// # Environment
//
//	DCOS_TEST_RELEASE   the release, dcos_generate_config.sh or a directory; without it the sample release, shortened: one master, one point
//	DCOS_TEST_FORMER    the release before it, of the same line or the one before
//	DCOS_TEST_POINTS    all (default), kinds: units' files count as one kind and are ended at the first, a middle and the
//	                    last one, or none
//	DCOS_TEST_ENDS      some of the ends, with commas between them; else all
//	DCOS_TEST_PART      2/5: the ends at all points are dealt out to five runs, and this is the second
//	DCOS_TEST_LIMIT     30m: after that time nothing more is begun but the destroy
//	DCOS_TEST_LIFE      none leaves out what is between installation and destroy but the points
//	DCOS_TEST_SERVICES  own or stand-ins, to decide it beforehand
package releasetest

import (
	"os"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

func TestMain(m *testing.M) {
	os.Exit(terraform.Main(func() int { return lab.Main(m) }))
}
