// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

// PreflightFact is what DC/OS's own preflight of a line asks of a host in a role.
type PreflightFact struct {
	Ports    []PortFact    // that must be free
	Commands []CommandFact // that must be there
	Groups   []string      // that must exist (1.10: nogroup)
	// SELinuxTargeted says that SELinux may be enforcing if the loaded policy
	// is "targeted"; otherwise it must not be enforcing.
	SELinuxTargeted bool
	DockerRunning   bool     // docker info must answer
	KernelModules   []string // only warned of
	XFSFtype        bool     // an XFS under the agent's work directory and Docker's root must have ftype=1
}

// A PortFact is a port and what DC/OS needs it for.
type PortFact struct {
	Port    int
	Service string
}

// A CommandFact is a command and the least version that will do.
type CommandFact struct {
	Name       string
	MinVersion string // "": any
}

// PreflightFacts gives what the line's preflight asks of a host in the role,
// by its name on disk: "master", "slave", "slave_public". For a line that is
// not known it gives the newest line's facts.
func PreflightFacts(line, role string) PreflightFact { return PreflightFact{} }
