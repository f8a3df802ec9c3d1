// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// What the runner of checks prints, in its various ways.
func TestReadChecks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code, output string
		want         []CheckResult
	}{
		{"0", `{"status":0,"checks":{"xz":{"status":0,"output":"/usr/bin/xz"}}}`, []CheckResult{{"cluster", "xz", 0, "/usr/bin/xz"}}},
		{"2", "a warning\n" + `{"status":2,"checks":{"b":{"status":2,"output":"x\n"},"a":{"status":1,"output":""}}}`,
			[]CheckResult{{"cluster", "a", 1, ""}, {"cluster", "b", 2, "x"}}},
		{"7", `{"status":7,"checks":{"a":{"status":7,"output":""}}}`, []CheckResult{{"cluster", "a", 3, ""}}},
		{"0", `{"error":"One or more requested checks could not be found on this node.","checks":["a"]}`,
			[]CheckResult{{"cluster", "", 3, "One or more requested checks could not be found on this node."}}},
		{"0", `{"status":0,"checks":{}}`, []CheckResult{}},
		{"0", `{"status":0,"checks":null}`, []CheckResult{}},
		{"1", "", []CheckResult{{"cluster", "", 3, "the runner ended with exit code 1 and said: "}}},
		{"124", "", []CheckResult{{"cluster", "", 3, "the runner did not end in time"}}},
		{"none", "", []CheckResult{{"cluster", "", 3, "DC/OS on this node has no runner of checks"}}},
		{"3", `{"status":3}`, []CheckResult{{"cluster", "", 3, "the runner ended with exit code 3 and names no check"}}},
	} {
		if got := readChecks("cluster", c.code, c.output); !slices.Equal(got, c.want) {
			t.Errorf("%s %s: %+v", c.code, c.output, got)
		}
	}
}

// A cluster's maintenance schedule has other machines in it, and what Mesos adds to windows: they
// stay as they are.
func TestSchedule(t *testing.T) {
	t.Parallel()
	const text = `{"windows":[{"machine_ids":[{"hostname":"a","ip":"10.0.0.1"},{"hostname":"b","ip":"10.0.0.2"}],` +
		`"unavailability":{"duration":{"nanoseconds":5},"start":{"nanoseconds":7}}},` +
		`{"machine_ids":[{"ip":"10.0.0.3"}],"unavailability":{"start":{"nanoseconds":9}}}]}`
	var s schedule
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	words := func(s schedule) string {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if got := words(s); got != text {
		t.Errorf("it comes back as %s", got)
	}
	m := machine{"B", "10.0.0.2"}
	if !s.has(m) || s.has(machine{"b", "10.0.0.9"}) || !s.has(machine{"c", "10.0.0.3"}) {
		t.Error("machines are taken for others")
	}
	want := strings.Replace(text, `,{"hostname":"b","ip":"10.0.0.2"}`, "", 1)
	if got := words(s.without(m)); got != want {
		t.Errorf("without: %s", got)
	}
	more := s.with(machine{"d", "10.0.0.4"}, time.Unix(0, 11))
	if got := words(more); !strings.HasPrefix(got, text[:len(text)-2]) ||
		!strings.HasSuffix(got, `,{"machine_ids":[{"hostname":"d","ip":"10.0.0.4"}],"unavailability":{"start":{"nanoseconds":11}}}]}`) {
		t.Errorf("with: %s", got)
	}
	none := more.without(machine{"a", "10.0.0.1"}).without(m).without(machine{"", "10.0.0.3"}).without(machine{"d", ""})
	if got := words(none); got != `{"windows":[]}` {
		t.Errorf("without all: %s", got)
	}
}

// What an agent and its leader say of it; a leader that is silent, or no Mesos, is an error.
func TestReadMaintained(t *testing.T) {
	t.Parallel()
	wrong := errors.New
	made := func(slave, schedule string) *frame {
		f := &frame{}
		text := string(form("maintain", [2]string{"ip", "10.0.0.5"}, [2]string{"id", "S1"}, [2]string{"leader", "10.0.0.1"},
			[2]string{"slave", slave}, [2]string{"schedule", schedule}, [2]string{"status", `{"down_machines":[{"ip":"10.0.0.5"}]}`}))
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		return f
	}
	m, err := readMaintained(made(`{"slaves":[{"id":"S0"},{"id":"S1","deactivated":true,"drain_info":{"state":"DRAINED"}}]}`, "{}"), wrong)
	if err != nil || m.slave == nil || !m.slave.Deactivated || len(m.slave.DrainInfo) == 0 || m.hostname != "10.0.0.5" || len(m.down) != 1 {
		t.Errorf("%+v, %v", m, err)
	}
	if m, err = readMaintained(made(`{"slaves":[{"id":"S0"}]}`, "{}"), wrong); err != nil || m.slave != nil {
		t.Errorf("another's: %+v, %v", m, err)
	}
	for schedule, want := range map[string]string{"": "does not answer", "<html>": "not answer as Mesos does"} {
		if _, err := readMaintained(made(`{}`, schedule), wrong); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", schedule, err)
		}
	}
}

// Secrets of the node are those that only the full form of its configuration has, and what is in
// files that are root's.
func TestSecretsOfNode(t *testing.T) {
	t.Parallel()
	f := &frame{}
	text := string(form("collect", [2]string{"secret_masked", `{"cluster_name":"main"}`},
		[2]string{"secret_full", `{"cluster_name":"main","exhibitor_admin_password":"s3cr3t-word","config_yaml_full":"all"}`},
		[2]string{"secret", "s3.access-secret-key=AKIA/with=sign\nplain\n"}, [2]string{"name", "state/a"}, [2]string{"content", "one"},
		[2]string{"name", "state/empty"}, [2]string{"content", ""}, [2]string{"name", "b"}, [2]string{"content", "two"}))
	if _, err := f.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	got := secretsOf(f)
	if !slices.Contains(got, "s3cr3t-word") || !slices.Contains(got, "AKIA/with=sign") || slices.Contains(got, "all") ||
		slices.Contains(got, "main") {
		t.Errorf("%q", got)
	}
	if pieces := piecesOf(f); !slices.Equal(pieces, []Piece{{"state/a", "one"}, {"b", "two"}}) {
		t.Errorf("%q", pieces)
	}
}
