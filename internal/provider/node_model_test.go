// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

func TestParseImportID(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]importID{
		"10.0.0.1":                  {address: "10.0.0.1"},
		"10.0.0.1:2222":             {address: "10.0.0.1", port: 2222},
		"centos@10.0.0.1":           {user: "centos", address: "10.0.0.1"},
		"centos@node.example.com:1": {user: "centos", address: "node.example.com", port: 1},
		"a@corp@node":               {user: "a@corp", address: "node"},
		"fd00::1":                   {address: "fd00::1"},
		"root@fd00::1":              {user: "root", address: "fd00::1"},
		"[fd00::1]":                 {address: "fd00::1"},
		"root@[fd00::1]:22":         {user: "root", address: "fd00::1", port: 22},
	} {
		if got, ok := parseImportID(text); !ok || got != want {
			t.Errorf("%q: got %+v, %t, want %+v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "@host", "user@", "host:", "host:port", "host:65536", "[fd00::1", "[host]:22x", "a b", "host:22:33",
		"http://host"} {
		if got, ok := parseImportID(text); ok {
			t.Errorf("%q gives %+v", text, got)
		}
	}
}

// TestExpectation holds that what is kept of a bundle is what a host is
// compared with, and holds no secret.
func TestExpectation(t *testing.T) {
	t.Parallel()
	s := &shared{redactor: runlog.NewRedactor()}
	s.redactor.Add("hush-hush")
	b := &bundle.Bundle{
		PackageIDs: []string{"a--1", "b--2"},
		SetupFiles: []bundle.File{
			{Path: "/etc/plain", Mode: 0o644, Content: []byte("plain\n")},
			{Path: "/etc/closed", Mode: 0o600, Content: []byte("for root\n")},
			{Path: "/etc/secret", Mode: 0o644, Content: []byte("x hush-hush y\n")},
		},
		Units: []bundle.Unit{{Name: "u.service", Enable: true, Content: "[Unit]\n"}},
	}
	kept, err := s.expect(b)
	if err != nil {
		t.Fatal(err)
	}
	e, err := readExpectation(kept)
	if err != nil {
		t.Fatal(err)
	}
	got := e.bundle()
	want := &bundle.Bundle{PackageIDs: b.PackageIDs, Units: b.Units, SetupFiles: []bundle.File{
		b.SetupFiles[0], {Path: "/etc/closed", Mode: 0o600, Sealed: true}, {Path: "/etc/secret", Mode: 0o644, Sealed: true},
	}}
	if d := cmp.Diff(want.PackageIDs, got.PackageIDs); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(want.SetupFiles, got.SetupFiles); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(want.Units, got.Units); d != "" {
		t.Error(d)
	}
	again, err := s.expect(b)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept, again) {
		t.Error("the same bundle gives different private state")
	}
}

func TestSecretsFingerprint(t *testing.T) {
	t.Parallel()
	one, two := secrets{values: map[string]string{"a": "1"}}, secrets{values: map[string]string{"a": "2"}}
	kept, err := one.newFingerprint()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		secrets secrets
		kept    []byte
		want    bool
	}{
		{one, kept, true}, {two, kept, false}, {secrets{}, kept, false}, {secrets{values: one.values, unknown: true}, kept, false},
		{secrets{}, nil, true}, {one, nil, false},
	} {
		got, err := test.secrets.matches(test.kept)
		if err != nil {
			t.Fatal(err)
		}
		if got != test.want {
			t.Errorf("%+v matches %s: %t", test.secrets, test.kept, got)
		}
	}
}

// TestDrainTimeout tells no time limit from one of nothing, which waits for no
// task.
func TestDrainTimeout(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"": defaultDrainTimeout, "5m": 5 * time.Minute, "0s": -1} {
		value := types.StringNull()
		if text != "" {
			value = types.StringValue(text)
		}
		if got := drainTimeout(value); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}
