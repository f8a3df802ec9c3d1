// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
)

// Installed says how much of DC/OS is on a host.
type Installed string

// How much of DC/OS is on a host.
const (
	None     Installed = "none"
	Partial  Installed = "partial"  // half installed, half removed or broken
	Complete Installed = "complete" // set up; says nothing about whether it is well
)

// Directories that are ours on a host.
const (
	// StagingDirectory holds the marker of an installation that is on its way
	// and, with the default bootstrap_url, what was transferred. It is the
	// directory that DC/OS's own SSH installer used.
	StagingDirectory = "/opt/dcos_install_tmp"
	// RecordDirectory holds what the host looked like before.
	RecordDirectory = "/var/lib/dcos/.before-install"
)

// State is what a host looked like at one time.
type State struct {
	MachineID  string
	BootID     string
	Hostname   string
	DetectedIP string // what DC/OS's own ip-detect says; "" if it is not there or fails
	Addresses  []string

	Installed       Installed
	Role            Role     // "" unless there is exactly one
	Roles           []string // names in /etc/mesosphere/roles
	Version         string   // of DC/OS
	Cluster         string   // cluster_name in DC/OS's own configuration
	ConfigPackageID string   // of the active dcos-config package
	ActivePackages  []string // ids, sorted; where a swap is unfinished, those that recovering makes active
	Dangling        []string // names of active packages that are not there, or not whole
	LostFiles       []string // names of packages' units and of pkgpanda's own files that are not there, or empty
	Altered         []string // ids of the bundle's configuration packages that are there with other files; who has no bundle does not know
	PackageListID   string
	RepositoryURL   string
	Topology        Topology // as DC/OS's own configuration says

	Owner          *Owner   // marker of an unfinished installation of ours
	Claim          *Claim   // whose the node is; nil if nothing says it
	SwapUnfinished bool     // the package manager was ended in a swap of packages, and something is not at its place
	Up             bool     // the node was up once, as the record says, a cluster id, ZooKeeper's data or an agent's: it has something to lose
	SetupPending   bool     // dcos-setup has not been through
	SetupRunning   bool     // dcos-download or dcos-setup is at work now
	Activating     bool     // our activation of packages is at work now
	Strangers      []string // names of what is in /opt/mesosphere, where nothing is DC/OS's, nor elsewhere on the host
	Staged         bool     // the staging directory is there
	Recorded       bool     // the record directory is there
	// Leftovers are paths of DC/OS's state directory, which outlives its
	// programs.
	Leftovers []string

	Units []UnitState
	// Files are the setup files and the installer's units that are there, by
	// path.
	Files  map[string]FileState
	Looked []string // paths that Inspect was told to look at, besides
	// Edited are those of the files, of mode 0600 or the like, that are not
	// what we wrote: whoever looks does not have to know what that was.
	Edited []string

	Clock time.Time // the host's, when it was looked at
}

// Owner is the marker of an unfinished installation of ours.
type Owner struct {
	Cluster, BundleID, Version, Run string
	Role                            Role
	Step                            string // transfer, install, started
}

// A UnitState is what systemd says about one of DC/OS's units.
type UnitState struct {
	Name          string
	Active, Sub   string // active, inactive, failed, activating, …; running, exited, …
	Enabled       string // enabled, disabled, static, …
	Result        string // success, exit-code, …
	Job           bool   // it is queued
	Always        bool   // systemd restarts it whenever it ends
	Unconditional bool   // its conditions, if it has any, were met
	Untried       bool   // nobody has tried to start it since the host was booted
	Triggered     bool   // a timer or path starts it
}

// A FileState is what a file looks like.
type FileState struct {
	SHA256 string
	Mode   string // octal, "644"
}

// Gone says that nothing of DC/OS or of ours is on the host. A record that is
// left is of an uninstall which broke off at its very end, and is gone on with.
func (s State) Gone() bool { return s.Installed == None && s.Owner == nil && !s.Recorded }

// Damage says in words what is amiss on a node whatever bundle it is of: it is part of
// each bundle's [State.Drift].
func (s State) Damage(role Role) []string {
	if why, _ := s.broken(role); why != "" {
		return []string{why}
	}
	return s.gap(&bundle.Bundle{PackageIDs: s.ActivePackages}, role).words()
}

// Drift says in words what on the host differs from the bundle; empty means
// that there is nothing to do.
func (s State) Drift(b *bundle.Bundle, role Role) []string {
	return s.gap(b, role).words()
}
