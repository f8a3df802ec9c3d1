// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package releasetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// where names a site in the table.
func (s *site) where() string {
	if len(s.nodes) == 1 {
		return s.nodes[0].role
	}
	return "both"
}

// converge is what has to come of anything that has happened: a plan that says so, an apply that puts it right, an
// empty plan after it, and nodes that keep what they kept and run what they ran. plan judges what the plan said.
func (s *site) converge(what, at string, plan func(said) error) bool {
	check := func(where string, err error) bool { return s.book.check(what, where, at, err) }
	first := s.plan()
	s.book.says(what, first.words())
	well := check(s.where(), plan(first))
	if first.code != 0 {
		well = check(s.where(), s.evident(s.run("apply", "plan.bin").wants("apply does not put it right", 0), first)) && well
	}
	well = check(s.where(), s.evident(s.plan().wants("the plan after it is not empty", 0), first)) && well
	for _, n := range s.nodes {
		err := errors.Join(n.holds(s.t), n.steady(s.t))
		well = check(n.role, s.evident(err, first)) && well
	}
	return well
}

// evident adds to an error what the plan before it said, and what the package managers did.
func (s *site) evident(err error, plan said) error {
	if err == nil {
		return nil
	}
	text := "\nthe plan before it: " + plan.words() + "\n" + lastLines(plan.out, 40)
	for _, n := range s.nodes {
		text += "\nthe package manager on " + n.Name + ":\n" + n.journal(s.t)
	}
	return fmt.Errorf("%w%s", err, text)
}

// changes wants a plan to have something to do, and to name each of these.
func changes(names ...string) func(said) error {
	return func(p said) error {
		if err := p.wants("there is nothing to do", 2); err != nil {
			return err
		}
		for _, name := range names {
			if !strings.Contains(p.out, name) {
				return fmt.Errorf("the plan does not name %s\n%s", name, lastLines(p.out, 40))
			}
		}
		return nil
	}
}

// works wants a plan not to fail, whatever it says.
func works(p said) error {
	if p.code == 0 || p.code == 2 {
		return nil
	}
	return p.wants("the plan fails", 0)
}

func empty(p said) error { return p.wants("the plan is not empty", 0) }

// life is what a cluster goes through but its beginning and its end.
func (j *judge) life(s *site) {
	if j.former != nil {
		s.release = j.rel.Source()
		s.configure()
		const what = "upgrade"
		for _, n := range s.nodes {
			n.newer = true
		}
		s.converge(what, j.former.Version()+" to "+j.rel.Version(), changes())
		for _, n := range s.nodes {
			j.book.check(what, n.role, "packages and users", n.has(j.t, j.rel.Packages()))
			j.book.check(what, n.role, "units come to rest", n.settles(j.t))
		}
	}
	if j.full && j.begins("changes of the configuration, and a boot") {
		s.change()
		s.converge("a change that all services read", "dns_search", changes())
		j.live(s)
		j.boot(s)
	}
	if j.begins("a set that the package manager refuses") {
		j.refused(s)
	}
	j.drifts(s)
}

// live changes what only an agent's Mesos reads: nothing else may restart.
func (j *judge) live(s *site) {
	const what = "a change that one service reads"
	before := j.running(s)
	s.parameters += "  gc_delay = \"3days\"\n"
	s.configure()
	s.converge(what, "gc_delay", changes())
	for _, n := range s.nodes {
		j.book.check(what, n.role, "what restarts", n.stillRuns(j, before[n], "dcos-mesos-slave"))
	}
}

// running gives the main processes of the services of each node, by unit. What timers start comes and goes.
func (j *judge) running(s *site) map[*node]map[string]string {
	all := map[*node]map[string]string{}
	for _, n := range s.nodes {
		pids, err := n.processes(j)
		if err != nil {
			j.t.Fatal(err)
		}
		all[n] = pids
	}
	return all
}

func (n *node) processes(j *judge) (map[string]string, error) {
	out, err := n.shell(j.t, "cd /etc/systemd/system/dcos.target.wants && for u in *.service; do if [ ! -e ${u%.service}.timer ]; then "+
		"echo $u $(systemctl show -p MainPID -p ActiveEnterTimestampMonotonic $u | sort); fi; done")
	pids := map[string]string{}
	for line := range strings.Lines(out) {
		unit, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		pids[unit] = rest
	}
	return pids, err
}

// stillRuns is an error if a service of the node was restarted but those whose names begin with allowed, if any.
func (n *node) stillRuns(j *judge, before map[string]string, allowed string) error {
	now, err := n.processes(j)
	if err != nil {
		return err
	}
	var restarted []string
	for _, unit := range n.up {
		if was, is := before[unit], now[unit]; was != is && (allowed == "" || !strings.HasPrefix(unit, allowed)) {
			restarted = append(restarted, unit+": "+was+", now "+is)
		}
	}
	if len(restarted) > 0 {
		return fmt.Errorf("services were restarted for nothing\n%s", strings.Join(restarted, "\n"))
	}
	return nil
}

// boot boots the hosts, which brings everything up again.
func (j *judge) boot(s *site) {
	var group errgroup.Group
	for _, n := range s.nodes {
		group.Go(func() error {
			err := n.Reboot(j.t.Context())
			if err == nil {
				err = n.steady(j.t)
			}
			j.book.check("a boot", n.role, "reboot", err)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		j.t.Fatal(err)
	}
	s.converge("a boot", "reboot", empty)
}

// A drift is something that happens to a node, and what a plan has to name then.
type drift struct {
	name, script string
	plan         func(said) error
}

// aPackage finds a package that is active: with a unit that runs, or the one that the package manager itself is from.
const (
	aPackage = `for p in /opt/mesosphere/active/*; do p=$(readlink "$p"); ` +
		`for u in "$p"/dcos.target.wants*/*.service; do systemctl is-active -q "${u##*/}" && break 2; done; done; ` +
		`case $(readlink -f /opt/mesosphere/bin/pkgpanda) in "$p"/*) exit 1 ;; esac; `
	ownPackage = `p=$(readlink -f /opt/mesosphere/bin/pkgpanda); p=/opt/mesosphere/packages/$(echo "$p" | cut -d/ -f5); `
)

func (j *judge) driftsOf(n *node) []drift {
	service := "dcos-mesos-slave.service"
	if n.role == "master" {
		service = "dcos-mesos-master.service"
	}
	const edit = "echo edited >>/etc/mesosphere/setup-flags/repository-url; systemctl disable -q dcos-setup.service; "
	const lose = aPackage + `rm -rf "$p"; basename "$p"`
	names := []string{"/etc/mesosphere/setup-flags/repository-url", "dcos-setup.service"}
	if !j.full {
		return []drift{{"a setup file edited, a unit disabled, a package lost", edit + lose, changes(names...)}}
	}
	return []drift{
		{"a setup file that was edited, a unit that was disabled", edit, changes(names...)},
		{"a package whose directory is lost", lose, changes()},
		{"a service that was stopped", "systemctl stop " + service, changes(service)},
		{"the package manager's own package lost", ownPackage + `rm -rf "$p"; basename "$p"`, changes()},
		{"a unit's file that was removed", "rm -f /etc/systemd/system/" + service + " /etc/systemd/system/dcos.target.wants/" + service +
			"; systemctl daemon-reload", changes()},
		{"a role that was removed", "rm -f /etc/mesosphere/roles/*", changes()},
		{"a link of the active packages removed", aPackage + `rm /opt/mesosphere/active/$(basename "${p%%--*}")`, changes()},
	}
}

// drifts alters the nodes.
func (j *judge) drifts(s *site) {
	for _, n := range s.nodes {
		for _, d := range j.driftsOf(n) {
			if !j.begins("on the %s, drift: %s", n.role, d.name) {
				continue
			}
			out, err := n.shell(j.t, d.script)
			if err != nil {
				j.t.Fatalf("%s: %v", d.name, err)
			}
			what := "drift: " + d.name
			if !s.converge(what, strings.TrimSpace(n.role+" "+out), d.plan) {
				j.again(s)
			}
		}
	}
}

// again makes a cluster whose nodes could not be repaired anew, so that what comes after can be judged.
func (j *judge) again(s *site) {
	if empty(s.plan()) == nil && !slices.ContainsFunc(s.nodes, func(n *node) bool { return errors.Join(n.holds(j.t), n.steady(j.t)) != nil }) {
		return
	}
	if s.apply().code != 0 || empty(s.plan()) != nil {
		j.t.Log("making the cluster anew")
		s.run("state", "rm", "dcos_cluster_config.test")
		for _, n := range s.nodes {
			s.run("state", "rm", "dcos_node."+n.Name)
		}
		for _, n := range s.nodes {
			n.rebuild(j)
		}
		if came := s.apply(); came.code != 0 {
			j.t.Fatalf("the cluster cannot be made anew: %s\n%s", came.reason(), came.out)
		}
	}
	for _, n := range s.nodes {
		if err := errors.Join(n.settles(j.t), n.plant(j.t)); err != nil {
			j.t.Fatal(err)
		}
	}
}

// refused applies a set of packages that the package manager refuses before it touches anything.
func (j *judge) refused(s *site) {
	const what = "a set that the package manager refuses"
	dir := j.t.TempDir()
	if err := derive(j.t.Context(), j.rel, dir); err != nil {
		j.book.unchecked("%s: %v", what, err)
		return
	}
	before := j.running(s)
	right, search := s.release, s.search
	s.release = dir
	s.change()
	came := s.apply()
	var err error
	if came.code == 0 {
		err = fmt.Errorf("it was taken\n%s", came.out)
	}
	j.book.check(what, "master", "apply", err)
	j.book.says(what, "apply: "+came.reason())
	j.t.Logf("%s: the apply said\n%s", what, indent(came.out))
	for _, n := range s.nodes {
		j.book.check(what, n.role, "services", s.evident(n.stillRuns(j, before[n], ""), came))
		j.book.check(what, n.role, "data", n.holds(j.t))
	}
	s.release, s.search = right, search
	s.configure()
	if j.full && !s.converge(what, "back to what was", works) {
		j.again(s)
	}
	for _, n := range s.nodes {
		j.book.check(what, n.role, "services in the end", n.stillRuns(j, before[n], ""))
	}
}
