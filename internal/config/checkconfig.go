// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/dcos-install/terraform-provider-dcos/internal/render"
)

const checkDuration = `a number and one of the units ns, us, µs, ms, s, m, h`

var checkTimeout = regexp.MustCompile(`^\p{Nd}+(\.\p{Nd}+)?(ns|us|µs|ms|s|m|h)\n?$`)

// checkObject checks an object of cluster and node checks.
func checkObject() rule {
	return rule{
		allowed: "an object with cluster_checks, node_checks or both; " +
			"each check has a description, a cmd and a timeout, a node check also roles; " +
			"prestart and poststart of node_checks name its checks",
		check: func(_, value string) error {
			o, err := object(value)
			if err != nil {
				return err
			}
			return checkSections(o)
		},
	}
}

func onlyKeys(where string, m *render.Map, allowed ...string) error {
	for _, e := range m.Entries() {
		if key, ok := e.Key.(string); !ok || !slices.Contains(allowed, key) {
			return fmt.Errorf("must not have %q%s; %s can be there", e.Key, where, listed(allowed, "and"))
		}
	}
	return nil
}

func checkSections(o *render.Map) error {
	if err := onlyKeys("", o, "cluster_checks", "node_checks"); err != nil {
		return err
	}
	if v, ok := o.Get("cluster_checks"); ok {
		if _, err := checkMap("cluster_checks", v, false); err != nil {
			return err
		}
	}
	v, ok := o.Get("node_checks")
	if !ok {
		return nil
	}
	node, ok := v.(*render.Map)
	if !ok {
		return fmt.Errorf("must have an object as node_checks, not %s", typeOf(v))
	}
	if err := onlyKeys(" in node_checks", node, "checks", "prestart", "poststart"); err != nil {
		return err
	}
	checks, ok := node.Get("checks")
	if !ok {
		return errors.New("must have checks in node_checks")
	}
	names, err := checkMap("node_checks.checks", checks, true)
	if err != nil {
		return err
	}
	return checkStages(node, names)
}

func checkStages(node *render.Map, names []string) error {
	var used []string
	stages := 0
	for _, stage := range []string{"prestart", "poststart"} {
		v, ok := node.Get(stage)
		if !ok {
			continue
		}
		stages++
		items, ok := v.([]any)
		if !ok {
			return fmt.Errorf("must have a list as node_checks.%s, not %s", stage, typeOf(v))
		}
		for _, item := range items {
			name, ok := item.(string)
			if !ok || !isCheckName(name) {
				return fmt.Errorf("must have names of checks in node_checks.%s, and %s is none", stage, shown(item))
			}
			used = append(used, name)
		}
	}
	if stages == 0 {
		return errors.New("must have prestart or poststart in node_checks")
	}
	for _, name := range names {
		if !slices.Contains(used, name) {
			return fmt.Errorf("must name each node check in prestart or poststart, and %q is in neither", name)
		}
	}
	for _, name := range used {
		if !slices.Contains(names, name) {
			return fmt.Errorf("must not name a check in prestart or poststart that is not in node_checks.checks: %q", name)
		}
	}
	return nil
}

func isCheckName(name string) bool {
	return name != "" && !strings.ContainsAny(name, " \t\n\r\v\f")
}

func checkMap(where string, v any, node bool) ([]string, error) {
	m, ok := v.(*render.Map)
	if !ok {
		return nil, fmt.Errorf("must have an object as %s, not %s", where, typeOf(v))
	}
	if m.Len() == 0 {
		return nil, fmt.Errorf("must have at least one check in %s, or not have it", where)
	}
	var names []string
	for _, e := range m.Entries() {
		name, ok := e.Key.(string)
		if !ok || !isCheckName(name) {
			return nil, fmt.Errorf("must have names without white space in %s, and %q is none", where, e.Key)
		}
		if err := oneCheck(where+"."+name, e.Value, node); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

func oneCheck(where string, v any, node bool) error {
	m, ok := v.(*render.Map)
	if !ok {
		return fmt.Errorf("must have an object as %s, not %s", where, typeOf(v))
	}
	keys := []string{"description", "cmd", "timeout"}
	if node {
		keys = append(keys, "roles")
	}
	if err := onlyKeys(" in "+where, m, keys...); err != nil {
		return err
	}
	for _, key := range keys[:3] {
		if _, ok := m.Get(key); !ok {
			return fmt.Errorf("must have a %s in %s", key, where)
		}
	}
	if v, _ := m.Get("description"); typeOf(v) != "a text" {
		return fmt.Errorf("must have a text as %s.description, not %s", where, typeOf(v))
	}
	if v, _ := m.Get("timeout"); true {
		if text, ok := v.(string); !ok || !checkTimeout.MatchString(text) {
			return fmt.Errorf("must have %s as %s.timeout, not %s", checkDuration, where, shown(v))
		}
	}
	cmd, _ := m.Get("cmd")
	if !isTextList(cmd, nil) {
		return fmt.Errorf("must have a list of texts as %s.cmd, not %s", where, shown(cmd))
	}
	if roles, ok := m.Get("roles"); ok && !isTextList(roles, []string{"master", "agent"}) {
		return fmt.Errorf("must have a list of master, agent or both as %s.roles, not %s", where, shown(roles))
	}
	return nil
}

// isTextList says whether a value is a list of texts, all among some choices
// if there are any.
func isTextList(v any, choices []string) bool {
	items, ok := v.([]any)
	for _, item := range items {
		text, isText := item.(string)
		if !isText || choices != nil && !slices.Contains(choices, text) {
			return false
		}
	}
	return ok
}

// section finds what lies below some keys; an empty map if nothing does.
func section(m *render.Map, keys ...string) *render.Map {
	for _, key := range keys {
		v, _ := m.Get(key)
		next, ok := v.(*render.Map)
		if !ok {
			return new(render.Map)
		}
		m = next
	}
	return m
}

func entryList(m *render.Map, key string) []any {
	v, _ := m.Get(key)
	items, ok := v.([]any)
	if !ok {
		return []any{}
	}
	return items
}

// sharedChecks finds names that two objects of checks have in common.
func sharedChecks(custom, builtin string) []string {
	a, err := object(custom)
	if err != nil {
		return nil
	}
	b, err := object(builtin)
	if err != nil {
		return nil
	}
	var shared []string
	for _, path := range [][]string{{"cluster_checks"}, {"node_checks", "checks"}} {
		theirs := section(b, path...)
		for _, e := range section(a, path...).Entries() {
			name, ok := e.Key.(string)
			if _, both := theirs.Get(name); ok && both {
				shared = append(shared, name)
			}
		}
	}
	slices.Sort(shared)
	return shared
}

// mergedChecks joins the custom checks and the built-in ones, with the
// environment that they run in, as a YAML scalar.
func mergedChecks(builtin, custom, path, libraryPath string) (string, error) {
	ours, err := object(builtin)
	if err != nil {
		return "", err
	}
	theirs, err := object(custom)
	if err != nil {
		return "", err
	}
	join := func(path ...string) *render.Map {
		m := section(theirs, path...).Clone()
		for _, e := range section(ours, path...).Entries() {
			m.Set(e.Key, e.Value)
		}
		return m
	}
	merged := new(render.Map)
	if cluster := join("cluster_checks"); cluster.Len() > 0 {
		merged.Set("cluster_checks", cluster)
	}
	if checks := join("node_checks", "checks"); checks.Len() > 0 {
		node := render.NewMap("checks", checks)
		for _, stage := range []string{"prestart", "poststart"} {
			node.Set(stage, slices.Concat(entryList(section(theirs, "node_checks"), stage), entryList(section(ours, "node_checks"), stage)))
		}
		merged.Set("node_checks", node)
	}
	merged.Set("check_env", render.NewMap("PATH", path, "LD_LIBRARY_PATH", libraryPath))
	text, err := render.EncodeIndentedJSON(merged)
	if err != nil {
		return "", err
	}
	return render.EncodeYAMLText(text), nil
}

// A builtinCheck is a check that DC/OS brings along.
type builtinCheck struct {
	name        string
	on          span
	description string
	cmd         []string
	timeout     perLine[string]
	role        string // empty: all
}

// Timeouts of checks that look at something at once, and of those that may
// have to wait for an answer.
var (
	atOnce   = same("1s").then("1.11", "3s").then("1.12", "5s")
	mayTake  = same("1s").then("1.11", "30s")
	mayTake3 = same("3s").then("1.11", "30s")
	mayTake0 = same("30s")
)

// builtinChecks are DC/OS's node checks, in the order in which they are listed.
func builtinChecks(line string) []builtinCheck {
	role := func(role string, rest ...string) []string { return append([]string{"--role", role}, rest...) }
	master := role("master", "components")
	agent := role("agent", "components", "--port", "61001")
	if line != "1.10" {
		master = append(master, "--exclude=dcos-checks-poststart.timer,dcos-checks-poststart.service")
		agent = append(agent, "--exclude=dcos-checks-poststart.service,dcos-checks-poststart.timer")
	}
	checks := []builtinCheck{
		{"components_master", everywhere, "All DC/OS components are healthy.", master, mayTake3, "master"},
		{"components_agent", everywhere, "All DC/OS components are healthy", agent, mayTake3, "agent"},
	}
	for _, c := range []struct {
		name string
		on   span
	}{{"xz", everywhere}, {"tar", everywhere}, {"curl", everywhere}, {"unzip", everywhere}, {"ifconfig", only("1.12")}} {
		checks = append(checks, builtinCheck{c.name, c.on, "The " + c.name + " utility is available", []string{"executable", c.name}, atOnce, ""})
	}
	checks = append(checks,
		builtinCheck{"ip_detect_script", everywhere, "The IP detect script produces valid output", []string{"ip"}, mayTake, ""},
		builtinCheck{"docker", since("1.13"), "Docker is installed", []string{"executable", "docker"}, mayTake, ""},
		builtinCheck{"mesos_master_replog_synchronized", everywhere, "The Mesos master has synchronized its replicated log",
			role("master", "mesos-metrics"), mayTake0, "master"},
		builtinCheck{"mesos_agent_registered_with_masters", everywhere, "The Mesos agent has registered with the masters",
			role("agent", "mesos-metrics"), mayTake, "agent"},
		builtinCheck{"journald_dir_permissions", everywhere, "Journald directory has the right owners and permissions", []string{"journald"},
			atOnce, ""},
		builtinCheck{"cockroachdb_replication", since("1.13"), "CockroachDB is fully replicated", []string{"cockroachdb", "ranges"},
			mayTake, "master"},
	)
	return slices.DeleteFunc(checks, func(c builtinCheck) bool { return !c.on.has(line) })
}

// checkConfig is the default of check_config.
func checkConfig(line string, checkTime bool) (string, error) {
	checks := new(render.Map)
	poststart := []any{}
	add := func(c builtinCheck) {
		cmd := []any{"/opt/mesosphere/bin/dcos-checks"}
		for _, word := range c.cmd {
			cmd = append(cmd, word)
		}
		m := render.NewMap("description", c.description, "cmd", cmd, "timeout", c.timeout.on(line))
		if c.role != "" {
			m.Set("roles", []any{c.role})
		}
		checks.Set(c.name, m)
		poststart = append(poststart, c.name)
	}
	for _, c := range builtinChecks(line) {
		add(c)
	}
	// The list of what runs has docker before the script, the checks have it after.
	if i := slices.Index(poststart, any("docker")); i > 0 {
		poststart[i-1], poststart[i] = poststart[i], poststart[i-1]
	}
	if checkTime {
		add(builtinCheck{"clock_sync", everywhere, "System clock is in sync.", []string{"time"}, atOnce, ""})
	}
	return render.EncodeJSON(render.NewMap("node_checks", render.NewMap("checks", checks, "prestart", []any{}, "poststart", poststart)))
}
