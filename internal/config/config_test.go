// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/render"
)

func TestLineOf(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{
		"2.2.1": "2.2", "2.2": "2.2", "2.2.100": "2.2", "1.10.11": "1.10", "1.1.0": "", "2.20.1": "", "2.3.0": "", "": "", "x": "",
		"1.13.9-rc1": "1.13", "2.2-dev": "2.2",
	} {
		if got := LineOf(version); got != want {
			t.Errorf("%q is of line %q, want %q", version, got, want)
		}
	}
}

// The table must be good enough for the documentation that is made from it.
func TestTable(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, p := range Parameters() {
		if seen[p.Name] {
			t.Errorf("%s is there twice", p.Name)
		}
		seen[p.Name] = true
		if p.Section == "" || p.Kind == "" || len(p.Lines) == 0 {
			t.Errorf("%s lacks something: %+v", p.Name, p)
		}
		if !strings.HasSuffix(p.Description, ".") || len(p.Description) < 20 {
			t.Errorf("%s is described as %q", p.Name, p.Description)
		}
		if strings.Contains(p.Allowed, "\n") || strings.HasSuffix(p.Allowed, ".") {
			t.Errorf("%s allows %q", p.Name, p.Allowed)
		}
		if found, ok := Lookup(p.Name); !ok || found.Description != p.Description {
			t.Errorf("%s is not found", p.Name)
		}
	}
	if len(seen) < 150 {
		t.Errorf("the table has only %d rows", len(seen))
	}
	if _, ok := Lookup("nonsense"); ok {
		t.Error("nonsense is found")
	}
	if p, _ := Lookup("mesos_seccomp_enabled"); p.Default != "true" || p.DefaultNote != "up to 1.13: `false`" ||
		!slices.Equal(p.Lines, []string{"1.13", "2.0", "2.1", "2.2"}) {
		t.Errorf("mesos_seccomp_enabled: %+v", p)
	}
	if p, _ := Lookup("dcos_dns_push_ops_timeout"); !slices.Equal(p.Lines, []string{"1.12", "1.13", "2.0"}) ||
		p.Allowed != "an integer from 50 to 120000" {
		t.Errorf("dcos_dns_push_ops_timeout: %+v", p)
	}
}

// Defaults must pass their own rules, on every line.
func TestDefaultsPass(t *testing.T) {
	t.Parallel()
	for line, table := range lineTables() {
		for name, setters := range table.setters {
			for _, s := range setters {
				if s.compute != nil || s.user {
					continue
				}
				for _, rule := range table.rules[name] {
					if err := rule.check(line, s.text); err != nil {
						t.Errorf("%s on %s: %v", name, line, err)
					}
				}
			}
		}
	}
}

func TestInteger(t *testing.T) {
	t.Parallel()
	// As Python's int() reads text.
	for text, want := range map[string]string{
		"1": "1", " 1\n": "1", "+1": "1", "-0": "0", "007": "7", "1_000": "1000", "１２": "12", "٣": "3", "\u00a05": "5", "\x1c5": "5",
		"99999999999999999999": "99999999999999999999",
		"":                     "!", " ": "!", "1.0": "!", "1e3": "!", "0x10": "!", "1__0": "!", "_1": "!", "1_": "!", "+ 1": "!", "--1": "!",
		"1 2": "!", "½": "!", "²": "!",
	} {
		got := "!"
		if i, ok := integer("2.2", text); ok {
			got = i.String()
		}
		if got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
	if _, ok := integer("1.10", "1_000"); ok {
		t.Error("1.10 takes an underscore in a number")
	}
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	// As Python 3.6's ipaddress.ip_network() reads it.
	for text, want := range map[string]string{
		"10.0.0.0/8": "10.0.0.0/8", "10.0.0.1": "10.0.0.1/32", "0.0.0.0/0": "0.0.0.0/0", "10.0.0.0/08": "10.0.0.0/8",
		"10.0.0.0/255.0.0.0": "10.0.0.0/8", "10.0.0.0/0.255.255.255": "10.0.0.0/8", "10.0.0.0/255.255.255.255": "10.0.0.0/32",
		"10.0.0.1/255.255.255.255": "10.0.0.1/32",
		"0.0.0.0/0.0.0.0":          "0.0.0.0/0", "10.0.0.07/32": "10.0.0.7/32", "10.0.0.08/32": "!", "10.0.0.010/32": "!",
		"10.0.0.0/255.0.255.0": "!",
		"fd00::/8":             "fd00::/8", "fd00::": "fd00::/128", "fd00::/129": "!", "fd00::/ffff::": "!",
		"::ffff:1.2.3.4/128": "::ffff:1.2.3.4/128", "fe80::1%eth0": "!",
		"10.0.0.1/8": "!", "fd00::1/8": "!", "10.0.0/8": "!", "10.0.0.0/33": "!", "10.0.0.0/": "!", "10.0.0.0/8/8": "!",
		" 10.0.0.0/8": "!", //nolint:gocritic // the space is what is tested
		"10.0.0.256":  "!", "": "!", "ten": "!", "1e0.0.0.0": "!",
	} {
		got := "!"
		if p, err := network(text); err == nil {
			got = p.String()
		}
		if got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
	for _, c := range []struct {
		v    any
		want string
	}{
		{big.NewInt(5), "0.0.0.5/32"}, {new(big.Int).Lsh(big.NewInt(1), 32), "::1:0:0/128"}, {true, "0.0.0.1/32"}, {big.NewInt(-1), "!"},
		{1.5, "!"}, {nil, "!"}, {[]any{}, "!"},
	} {
		got := "!"
		if p, err := network(c.v); err == nil {
			got = p.String()
		}
		if got != c.want {
			t.Errorf("%v is %s, want %s", c.v, got, c.want)
		}
	}
}

func TestErlangIPv6(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"fd01:c::":                    "{16#fd01,16#c,16#0,16#0,16#0,16#0,16#0,16#0}",
		"fd01:c::ffff:ffff:ffff:ffff": "{16#fd01,16#c,16#0,16#0,16#ffff,16#ffff,16#ffff,16#ffff}",
		"1000:100:10:1::":             "{16#1,16#0100,16#0010,16#1,16#0,16#0,16#0,16#0}",
	} {
		if got, err := erlangIPv6(address); got != want || err != nil {
			t.Errorf("%s is %s, want %s (%v)", address, got, want, err)
		}
	}
	if group := mangledGroup("1000:100:10:1::"); group != "1000" {
		t.Errorf("the mangled group is %q", group)
	}
	if group := mangledGroup("fd01:c::ffff"); group != "" {
		t.Errorf("%q is taken for a mangled group", group)
	}
}

func TestFromYAML(t *testing.T) {
	t.Parallel()
	given, err := FromYAML("2.2",
		[]byte("cluster_name: x\r\nlist: [a, 1, null, 1.5, {b: \"é\"}]\nflag: yes\nword: 'yes'\nn: 0x10\nmap: {z: 1, a: 2, 3: 4}\nempty: ''\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"cluster_name": "x", "list": `["a", 1, null, 1.5, {"b": "\u00e9"}]`, "flag": "true", "word": "yes", "n": "16",
		"map": `{"z": 1, "a": 2, "3": 4}`, "empty": "",
	} {
		if got := given[name]; got.Text != want || got.Unknown {
			t.Errorf("%s is %q, want %q", name, got.Text, want)
		}
	}
	for text, want := range map[string]string{
		"":     "config.yaml: it is empty, not a map of parameters",
		"- a":  "config.yaml: it is a list, not a map of parameters",
		"1: a": "config.yaml: the key 1 is not a text: put it in quotes",
		"a:":   `config.yaml: a: it has no value: leave it out, or give an empty text ("")`,
		"a:\nb: 1.5\nc:\n2: d": "config.yaml: a and c: it has no value: leave it out, or give an empty text (\"\")\n" +
			"b: a number with a dot or an exponent is not taken: put it in quotes\nthe key 2 is not a text: put it in quotes",
		"a: 1.5":             "config.yaml: a: a number with a dot or an exponent is not taken: put it in quotes",
		"a: 2020-01-01":      "config.yaml: a: a date is not taken: put it in quotes",
		"a: [2020-01-01]":    "config.yaml: a: it holds a date, which has no form as text",
		"a: !!set {b}":       "config.yaml: a: a set is not taken: put it in quotes",
		"a: [b":              "config.yaml: line 1: the end of the text where ',' or ']' belongs",
		"a: \xff":            "config.yaml: it is not UTF-8",
		"a: {[b]: c}":        "config.yaml: line 1: a list or map cannot be a key",
		"a: {2020-01-01: b}": "config.yaml: a: it has a date for a key, which has no form as text",
	} {
		if _, err := FromYAML("", []byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
	if _, err := FromYAML("2.1", []byte("a: [10.0.0.1:53]")); err == nil {
		t.Error("a colon in a plain flow scalar is taken on 2.1")
	}
	if _, err := FromYAML("2.2", []byte("a: [10.0.0.1:53]")); err != nil {
		t.Errorf("a colon in a plain flow scalar is refused on 2.2: %v", err)
	}
}

func TestForwardZones(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		line, value string
		ok          bool
	}{
		{"2.2", `{"a": ["10.0.0.1", "10.0.0.2:53", "10.0.0.3: 5"], "b": []}`, true},
		{"2.2", `{"a": ["10.0.0.1:"]}`, false},
		{"2.2", `{"a": ["10.0.0.1:65536"]}`, false},
		{"2.2", `{"a": "10.0.0.1"}`, false},
		{"2.2", `[]`, false},
		{"1.10", `[]`, true},
		{"1.10", `[["a", [["10.0.0.1", 53], ["10.0.0.2", "53"]]], ["b", []], ["c", {}], ["d", ""]]`, true},
		{"1.10", `[["a", [["10.0.0.1"]]]]`, false},
		{"1.10", `[["a", [["10.0.0.1", 0]]]]`, false},
		{"1.10", `[["a", {"b": 1}]]`, false},
		{"1.10", `[[1, []]]`, false},
		{"1.10", `[["a", 5]]`, false},
		{"1.10", `{}`, false},
	} {
		if err := forwardZones().check(c.line, c.value); (err == nil) != c.ok {
			t.Errorf("%s on %s: %v", c.value, c.line, err)
		}
	}
}

func TestCheckObject(t *testing.T) {
	t.Parallel()
	const check = `{"description": "d", "cmd": ["c"], "timeout": "5s"}`
	for value, ok := range map[string]bool{
		`{}`: true,
		`{"cluster_checks": {"a": ` + check + `}}`: true,
		`{"cluster_checks": {}}`:                   false,
		`{"cluster_checks": []}`:                   false,
		`{"cluster_checks": {"": ` + check + `}}`:  false,
		`{"cluster_checks": {"a": {"description": "d", "cmd": [], "timeout": "1.5µs"}}}`:                      true,
		`{"cluster_checks": {"a": {"description": "d", "cmd": ["c"], "timeout": "5s", "roles": ["master"]}}}`: false,
		`{"cluster_checks": {"a": {"description": "d", "cmd": ["c"], "timeout": "5"}}}`:                       false,
		`{"cluster_checks": {"a": {"description": "d", "cmd": ["c"], "timeout": 5}}}`:                         false,
		`{"cluster_checks": {"a": {"description": "d", "cmd": "c", "timeout": "5s"}}}`:                        false,
		`{"cluster_checks": {"a": {"description": "d", "cmd": ["c"]}}}`:                                       false,
		`{"node_checks": {"checks": {"a": ` + check +
			`}, "prestart": ["a"], "poststart": ["a"]}}`: true,
		`{"node_checks": {"checks": {"a": ` + check +
			`}, "prestart": [], "poststart": ["a"]}}`: true,
		`{"node_checks": {"checks": {"a": ` + check + `}}}`:                         false,
		`{"node_checks": {"checks": {"a": ` + check + `}, "prestart": []}}`:         false,
		`{"node_checks": {"checks": {"a": ` + check + `}, "prestart": ["a", "b"]}}`: false,
		`{"node_checks": {"checks": {}, "prestart": []}}`:                           false,
		`{"node_checks": {"prestart": []}}`:                                         false,
		`{"node_checks": {"checks": {"a": {"description": "d", "cmd": ["c"], "timeout": "5s", ` +
			`"roles": ["agent", "master"]}}, "prestart": ["a"]}}`: true,
		`{"node_checks": {"checks": {"a": {"description": "d", "cmd": ["c"], "timeout": "5s", ` +
			`"roles": ["slave"]}}, "prestart": ["a"]}}`: false,
		`{"other": {}}`: false,
		`[]`:            false,
		`x`:             false,
	} {
		if err := checkObject().check("2.2", value); (err == nil) != ok {
			t.Errorf("%s: %v", value, err)
		}
	}
}

// bareSite resolves a site against a target that mentions some parameters.
func bareSite(t *testing.T, version string, given map[string]string, extra string, names ...string) *Resolution {
	t.Helper()
	site := Site{Given: make(map[string]Value)}
	for name, text := range given {
		site.Given[name] = Value{Text: text}
	}
	slices.Sort(names)
	res, err := Resolve(site, Facts{Version: version, Commit: "c", BootstrapID: "b", Extra: []byte(extra)}, render.Target{Variables: names})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		version, name, value, want string
	}{
		{"2.2.1", "cluster_name", `a "b"`, "telegraf cannot read that"},
		{"2.2.1", "calico_vxlan_vni", "1024", "is 1024, which DC/OS's overlay networks use"},
		{"2.2.1", "dcos_l4lb_min_named_ip6", "fd01:1000::", "has the group 1000, which DC/OS turns into 1 by mistake"},
		{"2.2.1", "mesos_container_log_sink", "syslog", `meant is "fluentbit"`},
		{"1.12.5", "mesos_container_log_sink", "fluentbit", `meant is "journald"`},
		{"2.2.1", "marathon_gpu_scheduling_behavior", "maybe", `meant is "restricted"`},
		{"2.2.1", "bootstrap_tmp_dir", "/tmp", "without slashes at its ends"},
		{"2.2.1", "oauth_issuer_url", "a\nb", "has more than one line"},
		{"2.2.1", "rexray_config_preset", "gce", `meant is "" or "aws"`},
		{"2.2.1", "aws_region", "me-south-1", "which exhibitor's AWS SDK, of 2017, does not know"},
		{"1.10.11", "aws_region", "us-east-1", "where exhibitor's AWS SDK signs by version 2"},
		{"2.2.1", "resolvers", `["10.0.0.2", "127.0.0.53"]`, "which is systemd-resolved on each host"},
		{"2.2.1", "gc_delay", "2d", `whose unit "d" Mesos does not know: agents would not start`},
		{"1.10.11", "gc_delay", "", "which is empty"},
		{"2.2.1", "docker_remove_delay", "60", "which has no unit"},
		{"2.2.1", "docker_stop_timeout", "1.2.3secs", "which does not begin with a number"},
		{"2.2.1", "docker_stop_timeout", "-1secs", "which does not begin with a number"},
		{"2.2.1", "mesos_recovery_timeout", "24hrs or so", `whose unit "hrs or so" Mesos does not know`},
		{"2.2.1", "gc_delay", "99999weeks", "which is more than Mesos can count"},
		{"2.2.1", "ip_detect_contents", "#!/bin/sh", "give it as ip_detect_script"},
	} {
		res := bareSite(t, c.version, map[string]string{c.name: c.value}, "", c.name)
		if len(res.Warnings) != 1 || res.Warnings[0].Parameter != c.name || !strings.Contains(res.Warnings[0].Message, c.want) {
			t.Errorf("%s %q: warnings are %v, want %s", c.name, c.value, res.Warnings, c.want)
		}
	}
	for _, duration := range []string{"2days", "0.5hrs", "15000weeks", "100ns"} {
		if res := bareSite(t, "2.2.1", map[string]string{"gc_delay": duration}, "", "gc_delay"); len(res.Warnings) > 0 {
			t.Errorf("gc_delay %s: warnings are %v", duration, res.Warnings)
		}
	}
	for _, c := range []struct{ version, region string }{
		{"2.2.1", "eu-south-1"}, {"1.11.13", "us-gov-west-1"}, {"2.2.1", "cn-north-1"}, {"1.10.11", "eu-central-1"},
	} {
		if res := bareSite(t, c.version, map[string]string{"aws_region": c.region}, "", "aws_region"); len(res.Warnings) > 0 {
			t.Errorf("%s %s: warnings are %v", c.version, c.region, res.Warnings)
		}
	}
	for _, c := range []struct{ version, name, want string }{
		{"2.2.1", "minuteman_min_named_ip", "minuteman_min_named_ip has no effect on DC/OS 2.2: only 1.10 knows it"},
		{"1.13.9", "calico_enabled", "calico_enabled has no effect on DC/OS 1.13: only 2.1 and 2.2 know it"},
		{"2.2.1", "exhibitor_zk_hosts", "exhibitor_zk_hosts has no effect with the other parameters of this site (DC/OS 2.2)"},
		{"2.2.1", "ssh_user", "ssh_user has no effect here: it was for the SSH installer"},
		{"2.2.1", "exhibitor_zk_host", "exhibitor_zk_host is not a parameter of DC/OS and has no effect; is exhibitor_zk_hosts meant?"},
		{"2.2.1", "something_of_ours", "something_of_ours is not a parameter of DC/OS and has no effect"},
		{"2.2.1", "master_quorum", "master_quorum has no effect: DC/OS works it out itself"},
	} {
		res := bareSite(t, c.version, map[string]string{c.name: "x"}, "")
		if len(res.Warnings) != 1 || !strings.HasPrefix(res.Warnings[0].Message, c.want) {
			t.Errorf("%s: warnings are %v, want %s", c.name, res.Warnings, c.want)
		}
	}
}

// All that is wrong with one list is said at once.
func TestMistakesOfOneList(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, value string
		want        []string
	}{
		{"master_list", `["10.0.0.1", "m2", "10.0.0.1", "m3"]`, []string{"twice: 10.0.0.1", `"m2" or "m3" is none`}},
		{"resolvers", `["ns", "10.0.0.2:0", "198.51.100.1", "10.0.0.3", "10.0.0.3", "10.0.0.4:99999"]`,
			[]string{"twice: 10.0.0.3", `"ns" is none`, `"10.0.0.2:0" or "10.0.0.4:99999" has none of these`, "must not hold 198.51.100.1"}},
		{"dns_forward_zones", `{"a": ["x"], "b": 1, "c": [2]}`, []string{`"x" is none`, `that of "b" is a number`, `"c" has a number`}},
	} {
		res := bareSite(t, "2.2.1", map[string]string{c.name: c.value}, "", c.name)
		if len(res.Errors) != 1 {
			t.Errorf("%s: %v", c.name, res.Errors)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(res.Errors[0].Message, want) {
				t.Errorf("%s: %s\nwithout %s", c.name, res.Errors[0].Message, want)
			}
		}
	}
}

// What lacks is told from what is wrong.
func TestMissing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		given   map[string]string
		reach   []string
		name    string
		missing bool
	}{
		{nil, []string{"no_proxy_final"}, "no_proxy", true},
		{map[string]string{"no_proxy": ""}, []string{"no_proxy_final"}, "no_proxy", false},
		{map[string]string{"no_proxy": "a,b"}, []string{"no_proxy_final"}, "no_proxy", false},
		{nil, []string{"ip_detect_contents"}, "ip_detect_contents", true},
	} {
		res := bareSite(t, "2.2.1", c.given, "", c.reach...)
		if len(res.Errors) != 1 || res.Errors[0].Parameter != c.name || res.Errors[0].Missing != c.missing {
			t.Errorf("%v: %+v", c.given, res.Errors)
		}
	}
}

// The generator takes a hash of every value, of those that it ignores too, and
// falls over half a character.
func TestHalfCharacters(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"1.10.11", "2.2.1"} {
		given, err := FromYAML(LineOf(version), []byte(`unheard_of: "\ud83d\ude00"`+"\n"+`weights: "\u00e9"`))
		if err != nil {
			t.Fatal(err)
		}
		res := bareSite(t, version, map[string]string{"unheard_of": given["unheard_of"].Text, "weights": given["weights"].Text}, "")
		if len(res.Errors) != 1 || res.Errors[0].Parameter != "unheard_of" || !strings.Contains(res.Errors[0].Message, "whole character") {
			t.Errorf("%s: errors are %v", version, res.Errors)
		}
	}
}

func TestCosmosConfig(t *testing.T) {
	t.Parallel()
	for value, ok := range map[string]bool{
		`{}`: true, `{"other": 1}`: true, `{"package_storage_uri": "a"}`: false, `[]`: false, `{`: false,
		`{"staged_package_storage_uri": "file:///a", "package_storage_uri": ""}`:   true,
		`{"staged_package_storage_uri": "file:///a", "package_storage_uri": null}`: true, // written as None
		`{"staged_package_storage_uri": "file:///a", "package_storage_uri": 1}`:    false,
		`{"staged_package_storage_uri": "http://[::1", "package_storage_uri": ""}`: false,
	} {
		if err := cosmosConfig("1.10", value); (err == nil) != ok {
			t.Errorf("%s: %v", value, err)
		}
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	res := bareSite(t, "2.2.1", map[string]string{"cluster_docker_credentials": "hunter2"}, "", "cluster_docker_credentials")
	if len(res.Errors) != 1 || strings.Contains(res.Errors[0].Message, "hunter2") || !strings.Contains(res.Errors[0].Message, "is set") {
		t.Errorf("errors are %v", res.Errors)
	}
}

func TestExtra(t *testing.T) {
	t.Parallel()
	const extra = `# rebuilt
entry = {
    'must': {'dcos_variant': "ours", 'more': 'a' 'b\n'},
    'default': {'option': 'on', 'weights': 'w=1'},
    'secret': ['option'],
    'conditional': {'option': {'on': {}, 'off': {'must': {'note': 'x'}}}},
}
`
	res := bareSite(t, "2.2.1", map[string]string{"option": "off"}, extra, "dcos_variant", "more", "option", "weights", "note",
		"resolvers_str")
	if err := res.Err(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"dcos_variant": "ours", "more": "ab\n", "option": "off", "weights": "w=1", "note": "x",
		"resolvers_str": "8.8.8.8,8.8.4.4"} {
		if got := res.Arguments[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if !res.Secret["option"] || !res.Secret["exhibitor_admin_password"] {
		t.Errorf("secret are %v", res.Secret)
	}
	if res = bareSite(t, "2.2.1", nil, extra, "note"); !slices.Equal(res.Unset, []string{"note"}) {
		t.Errorf("unset are %v", res.Unset)
	}
	for _, text := range []string{
		"import os\nentry = {}", "entry = {'must': {'a': calculate}}", "entry = {'must': {'a': lambda b: b}}", "entry = {'validate': [check]}",
		"def f():\n  pass\n", "entry = {'other': {}}", "entry = {'must': {'dcos_version': '9'}}", "entry = {", "entry = []", "",
		"entry = {'conditional': {'oauth_enabled': {'true': {'must': {'a': 'b'}}}}}",
	} {
		_, err := Resolve(Site{}, Facts{Version: "2.2.1", Extra: []byte(text + "\n")}, render.Target{})
		if err == nil || !strings.HasPrefix(err.Error(), "gen_extra/calc.py of the release: ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestUnknownLine(t *testing.T) {
	t.Parallel()
	if _, err := Resolve(Site{}, Facts{Version: "2.3.0"}, render.Target{}); err == nil || !strings.Contains(err.Error(), "2.3.0") {
		t.Errorf("got %v", err)
	}
}

// FuzzFromYAML checks that any text gives parameters or an error.
func FuzzFromYAML(f *testing.F) {
	for _, seed := range []string{"cluster_name: x\nmaster_list: [10.0.0.1]\n", "a: {b: [1, 1.5, null]}", "a: &x {b: c}\nd: {<<: *x}", "- a",
		"a: 1.5", "1: a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, line := range []string{"2.2", "1.10"} {
			given, err := FromYAML(line, []byte(text))
			if (err == nil) == (given == nil) {
				t.Errorf("%q: %v and %v", text, given, err)
			}
		}
	})
}

// FuzzExtra checks that any gen_extra is read or refused, and that a site
// resolves with what is read.
func FuzzExtra(f *testing.F) {
	f.Add("entry = {'must': {'a': 'b'}, 'default': {\"c\": 'd\\n'}, 'conditional': {'a': {'b': {'must': {'e': 'f'}}}}}")
	f.Add("# x\nentry = {}\n")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := Resolve(Site{}, Facts{Version: "2.2.1", Extra: []byte(text)}, render.Target{Variables: []string{"a", "e"}}); err != nil &&
			err.Error() == "" {
			t.Error("an error without a text")
		}
	})
}
