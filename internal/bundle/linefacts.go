// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"slices"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
)

// PreflightFact is what DC/OS's own preflight of a line asks of a host in a
// role: what dcos_install.sh of the line checks (gen/build_deploy/bash.py of
// each line's last tag).
type PreflightFact struct {
	Ports    []PortFact    // that must be free, sorted
	Commands []CommandFact // that must be there, in the order they are looked for
	Groups   []string      // that must exist (1.10: nogroup)
	// SELinuxTargeted says that SELinux may be enforcing if the loaded policy
	// is "targeted"; otherwise it must not be enforcing.
	SELinuxTargeted bool
	// DockerRunning says that docker info must answer.
	DockerRunning bool
	// EmptyRoot says that an empty /opt/mesosphere is no installation;
	// otherwise its mere existence is one.
	EmptyRoot     bool
	KernelModules []string // only warned of
	// XFSFtype says that an XFS under the agent's work directory and Docker's
	// root must have ftype=1.
	XFSFtype bool
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

// knownLines are the lines of the table, oldest first.
var knownLines = config.Lines()

// A span is a run of lines; an empty end is open.
type span struct{ from, to string }

func (s span) has(line string) bool {
	at := slices.Index(knownLines, line)
	return (s.from == "" || at >= slices.Index(knownLines, s.from)) && (s.to == "" || at <= slices.Index(knownLines, s.to))
}

const (
	onMaster = 1 << iota
	onAgent
	onBoth = onMaster | onAgent
)

// ports says which port what service needs, where, on which lines.
var ports = []struct {
	port    int
	service string
	where   int
	lines   span
}{
	{53, "spartan", onBoth, span{to: "1.10"}},
	{53, "dcos-net", onBoth, span{from: "1.11"}},
	{80, "adminrouter", onMaster, span{}},
	{179, "dcos-calico-bird", onBoth, span{from: "2.1"}},
	{443, "adminrouter", onMaster, span{}},
	{1050, "dcos-diagnostics", onMaster, span{}},
	{2181, "zookeeper", onMaster, span{}},
	{2379, "dcos-etcd", onMaster, span{from: "2.1"}},
	{2380, "dcos-etcd", onMaster, span{from: "2.1"}},
	{5050, "mesos-master", onMaster, span{}},
	{5051, "mesos-agent", onAgent, span{}},
	{7070, "cosmos", onMaster, span{}},
	{8080, "marathon", onMaster, span{}},
	{8101, "dcos-oauth", onMaster, span{to: "1.12"}},
	{8101, "dcos-bouncer", onMaster, span{from: "1.13"}}, // named dcos-oauth in the script of 1.13 and 2.0
	{8123, "mesos-dns", onMaster, span{}},
	{8181, "exhibitor", onMaster, span{}},
	{9000, "metronome", onMaster, span{}},
	{9942, "metronome", onMaster, span{}},
	{9990, "cosmos", onMaster, span{}},
	{15055, "dcos-history", onMaster, span{to: "2.0"}},
	{33107, "navstar", onMaster, span{to: "1.10"}},
	{34451, "navstar", onAgent, span{to: "1.10"}},
	{36771, "marathon", onMaster, span{}},
	{39851, "spartan", onAgent, span{to: "1.10"}},
	{41281, "zookeeper", onMaster, span{}},
	{42819, "spartan", onMaster, span{to: "1.10"}},
	{43911, "minuteman", onMaster, span{to: "1.10"}},
	{43995, "minuteman", onAgent, span{to: "1.10"}},
	{46839, "metronome", onMaster, span{}},
	{61001, "adminrouter-agent", onAgent, span{}},
	{61053, "mesos-dns", onMaster, span{}},
	{61091, "dcos-metrics", onBoth, span{from: "1.11", to: "1.11"}},
	{61091, "telegraf", onBoth, span{from: "1.12"}},
	{61420, "epmd", onBoth, span{to: "1.10"}},
	{61420, "dcos-net", onBoth, span{from: "1.11", to: "1.11"}},
	{61421, "minuteman", onBoth, span{to: "1.10"}},
	{62020, "fluent-bit", onBoth, span{from: "1.13"}},
	{62053, "spartan", onBoth, span{to: "1.10"}},
	{62080, "navstar", onBoth, span{to: "1.10"}},
	{62080, "dcos-net", onBoth, span{from: "1.11"}},
	{62091, "dcos-calico-felix", onBoth, span{from: "2.1"}},
	{62501, "dcos-net", onBoth, span{from: "1.11"}},
	{64000, "dcos-net", onBoth, span{from: "2.1"}},
}

// commands are what a node of any role needs.
var commands = []struct {
	name, minVersion string
	lines            span
}{
	{"docker", "1.6", span{}},
	{"curl", "", span{}},
	{"bash", "", span{}},
	{"ping", "", span{}},
	{"tar", "", span{}},
	{"xz", "", span{}},
	{"unzip", "", span{}},
	{"ipset", "", span{}},
	{"systemd-notify", "", span{}},
	{"ifconfig", "", span{from: "1.12", to: "1.12"}},
	{"systemctl", "200", span{}},
}

// knownFacts are the facts of all lines, first of agents, then of masters: each
// host is asked for the same ones.
var knownFacts = func() (facts [2]map[string]PreflightFact) {
	for i, where := range []int{onAgent, onMaster} {
		facts[i] = map[string]PreflightFact{}
		for _, line := range knownLines {
			facts[i][line] = preflightFacts(line, where)
		}
	}
	return facts
}()

// PreflightFacts gives what the line's preflight asks of a host in the role,
// by its name on disk: "master", "slave", "slave_public". For a line that is
// not known it gives the newest line's facts. They are read only.
func PreflightFacts(line, role string) PreflightFact {
	if !slices.Contains(knownLines, line) {
		line = knownLines[len(knownLines)-1]
	}
	if role == "master" {
		return knownFacts[1][line]
	}
	return knownFacts[0][line]
}

func preflightFacts(line string, where int) PreflightFact {
	f := PreflightFact{
		SELinuxTargeted: span{from: "1.12"}.has(line),
		DockerRunning:   span{from: "1.11"}.has(line),
		EmptyRoot:       span{from: "1.11"}.has(line),
		XFSFtype:        where == onAgent,
	}
	for _, p := range ports {
		if p.where&where != 0 && p.lines.has(line) {
			f.Ports = append(f.Ports, PortFact{p.port, p.service})
		}
	}
	for _, c := range commands {
		if c.lines.has(line) {
			f.Commands = append(f.Commands, CommandFact{c.name, c.minVersion})
		}
	}
	if (span{to: "1.10"}).has(line) {
		f.Groups = []string{"nogroup"}
	}
	if (span{from: "1.13"}).has(line) {
		f.KernelModules = []string{"raid1", "dm_raid"}
	}
	return f
}
