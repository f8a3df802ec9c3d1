// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
)

func testBundle() *bundle.Bundle {
	return &bundle.Bundle{
		ID: "bundle-1", ClusterName: "one", Version: "2.2.1", Line: "2.2",
		PackageIDs: []string{"dcos-config--setup_1", "exhibitor--1", "mesos--1"},
		ConfigPackages: []bundle.Package{{Name: "dcos-config", ID: "dcos-config--setup_1",
			Files: []bundle.File{{Path: "/bin/detect_ip", Content: []byte("#!/bin/sh\necho 10.0.0.1\n")}}}},
		SetupFiles: []bundle.File{
			{Path: "/etc/mesosphere/setup-flags/repository-url", Mode: 0o644, Content: []byte("file:///opt/dcos_install_tmp\n")},
			{Path: "/etc/mesosphere/docker_credentials", Mode: 0o600, Content: []byte("{}\n")},
			{Path: "/etc/custom", Mode: 0o644, Content: []byte("custom\n")},
		},
		Units: []bundle.Unit{
			{Name: "systemd-journald.service", Command: "restart"},
			{Name: "docker.service", Command: "restart"},
			{Name: "dcos-link-env.service", Command: "start", Content: "[Unit]\n"},
			{Name: "dcos-download.service", Content: "[Unit]\nDescription=download\n"},
			{Name: "dcos-setup.service", Command: "start", Enable: true, NoBlock: true, Content: "[Unit]\nDescription=setup\n"},
		},
		Arguments: map[string]string{
			"bootstrap_url": "file:///opt/dcos_install_tmp", "num_masters": "3", "master_discovery": "static",
			"master_list": `["10.0.0.1", "10.0.0.2", "10.0.0.3"]`, "exhibitor_storage_backend": "static",
		},
	}
}

// wellState is a host on which nothing has to be done.
func wellState(b *bundle.Bundle) State {
	s := State{
		MachineID: "m1", BootID: "b1", Installed: Complete, Role: Master, Roles: []string{"master"}, Version: b.Version,
		ActivePackages: slices.Clone(b.PackageIDs), Files: map[string]FileState{}, Looked: Paths(b),
		Units: []UnitState{
			{Name: "dcos-setup.service", Active: "inactive", Enabled: "enabled"},
			{Name: "dcos.target", Active: "active", Enabled: "enabled"},
			{Name: "dcos-exhibitor.service", Active: "active", Sub: "running", Enabled: "static", Always: true, Unconditional: true},
			{Name: "dcos-checks-poststart.service", Active: "failed"},
			{Name: "dcos-checks-poststart.timer", Active: "active"},
			{Name: "dcos-calico-bird.service", Active: "inactive", Always: true},
			{Name: "dcos-log-master.service", Active: "inactive", Always: true, Unconditional: true, Triggered: true},
		},
	}
	for _, f := range b.HostFiles() {
		mode := "644"
		if f.Mode == 0o600 {
			mode = "600"
		}
		s.Files[f.Path] = FileState{SHA256: sum(f.Content), Mode: mode}
	}
	return s
}

// Sockets are started first and then the target, which starts what it wants in systemd's own order: a service that comes
// before its socket leaves that closed.
func TestRepairStartsInOrder(t *testing.T) {
	t.Parallel()
	b := testBundle()
	st := wellState(b)
	for _, u := range []string{"dcos-a.service", "dcos-a.socket"} {
		st.Units = append(st.Units, UnitState{Name: u, Active: "inactive", Always: true, Unconditional: true})
	}
	for i := range st.Units {
		if st.Units[i].Name == "dcos.target" {
			st.Units[i].Active = "inactive"
		}
	}
	s := &session{opts: Options{Role: Master, Bundle: b}}
	var got []string
	for line := range strings.Lines(s.repairInput(st.gap(b, Master), false).String()) {
		if unit, ok := strings.CutPrefix(strings.TrimSpace(line), "revive "); ok {
			got = append(got, unit)
		}
	}
	if want := []string{"dcos-a.socket", "dcos.target", "dcos-a.service"}; !slices.Equal(got, want) {
		t.Errorf("started in the order %q, not %q", got, want)
	}
}

func TestDrift(t *testing.T) {
	t.Parallel()
	// Only a bundle tells that these are not as they should be.
	ofBundle := []string{"package swapped", "package more", "package less", "file edited", "file gone", "mode", "unit edited", "not enabled"}
	for name, c := range map[string]struct {
		change func(*State)
		want   []string // part of each line
	}{
		"none":           {func(*State) {}, nil},
		"not installed":  {func(s *State) { s.Installed = None }, []string{"DC/OS is not installed"}},
		"another role":   {func(s *State) { s.Role, s.Roles = Agent, []string{"slave"} }, []string{"role is slave"}},
		"two roles":      {func(s *State) { s.Role, s.Roles = "", []string{"master", "slave"} }, []string{"master and slave"}},
		"role file gone": {func(s *State) { s.Role, s.Roles, s.Installed = "", nil, Partial }, []string{"gives the node its role"}},
		"never up, deleted": {func(s *State) { s.ActivePackages, s.Installed = nil, Partial },
			[]string{"files are gone or incomplete: it is installed anew"}},
		"deleted by hand": {func(s *State) { s.ActivePackages, s.Installed, s.Up = nil, Partial, true },
			[]string{"files are gone or incomplete: its programs are installed again, and what the node keeps stays"}},
		"never up": {func(s *State) { s.SetupPending, s.Installed = true, Partial },
			[]string{"never set up completely: it is installed anew"}},
		"never set up": {func(s *State) { s.SetupPending, s.Installed, s.Up = true, Partial, true },
			[]string{"never set up completely: its programs"}},
		"swap interrupted": {func(s *State) { s.SwapUnfinished, s.Installed = true, Partial }, []string{"was interrupted"}},
		"unit gone": {func(s *State) { s.LostFiles, s.Installed = []string{"dcos-net.service"}, Partial },
			[]string{"file dcos-net.service is missing or empty"}},
		"package swapped": {func(s *State) { s.ActivePackages[1] = "exhibitor--2" }, []string{"exhibitor--2 is active instead of exhibitor--1"}},
		"package more": {func(s *State) { s.ActivePackages = append(s.ActivePackages, "x--1") },
			[]string{"x--1 is active and should not be"}},
		"package less":  {func(s *State) { s.ActivePackages = s.ActivePackages[:2] }, []string{"mesos--1 is not active"}},
		"dangling":      {func(s *State) { s.Dangling, s.Installed = []string{"mesos"}, Partial }, []string{"mesos--1 is not active"}},
		"file edited":   {func(s *State) { s.Files["/etc/custom"] = FileState{SHA256: "x", Mode: "644"} }, []string{"/etc/custom differs"}},
		"file gone":     {func(s *State) { delete(s.Files, "/etc/custom") }, []string{"/etc/custom is missing"}},
		"not looked at": {func(s *State) { delete(s.Files, "/etc/custom"); s.Looked = nil }, nil},
		"mode": {func(s *State) {
			s.Files["/etc/mesosphere/docker_credentials"] = FileState{sum([]byte("{}\n\n")), "644"}
		}, []string{"has mode 644 instead of 600"}},
		"unit edited": {func(s *State) { s.Files["/etc/systemd/system/dcos-setup.service"] = FileState{SHA256: "x"} },
			[]string{"dcos-setup.service differs"}},
		"not enabled":     {func(s *State) { s.Units[0].Enabled = "disabled" }, []string{"dcos-setup.service is not enabled"}},
		"target disabled": {func(s *State) { s.Units[1].Enabled = "disabled" }, []string{"dcos.target is not enabled"}},
		"unit failed":     {func(s *State) { s.Units[2].Active = "failed" }, []string{"dcos-exhibitor.service has failed"}},
		"unit stopped":    {func(s *State) { s.Units[2].Active = "inactive" }, []string{"dcos-exhibitor.service is stopped"}},
		"socket stopped": {func(s *State) {
			s.Units = append(s.Units, UnitState{Name: "dcos-telegraf.socket", Active: "inactive", Unconditional: true})
		}, []string{"dcos-telegraf.socket is stopped"}},
		"timer stopped": {func(s *State) {
			i := slices.IndexFunc(s.Units, func(u UnitState) bool { return u.Name == "dcos-checks-poststart.timer" })
			s.Units[i].Active, s.Units[i].Unconditional = "inactive", true
		}, []string{"dcos-checks-poststart.timer is stopped"}},
		"timer whose conditions are not met": {func(s *State) {
			i := slices.IndexFunc(s.Units, func(u UnitState) bool { return u.Name == "dcos-checks-poststart.timer" })
			s.Units[i].Active = "inactive"
		}, nil},
		"unit never tried": {func(s *State) {
			s.Units[2].Active, s.Units[2].Unconditional, s.Units[2].Untried = "inactive", false, true
		}, []string{"dcos-exhibitor.service is stopped"}},
		"unit whose conditions are not met": {func(s *State) { s.Units[2].Active, s.Units[2].Unconditional = "inactive", false }, nil},
		"setup has failed":                  {func(s *State) { s.Units[0].Active = "failed" }, nil}, // what matters is what it has done
		"several in a time": {func(s *State) { s.Units[2].Active = "failed"; s.ActivePackages = s.ActivePackages[:2] },
			[]string{"mesos--1", "dcos-exhibitor"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := testBundle()
			s := wellState(b)
			c.change(&s)
			got := s.Drift(b, Master)
			if len(got) != len(c.want) {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			damage := s.Damage(Master)
			for _, word := range damage {
				if !slices.ContainsFunc(got, func(w string) bool { return strings.HasPrefix(w, word) }) {
					t.Errorf("damage is no drift: %q", word)
				}
			}
			if damaged := len(damage) > 0; damaged == (slices.Contains(ofBundle, name) || len(c.want) == 0) {
				t.Errorf("damaged: %v, %q", damaged, damage)
			}
			for i := range got {
				if !strings.Contains(got[i], c.want[i]) {
					t.Errorf("got %q, want %q", got[i], c.want[i])
				}
			}
		})
	}
}

// TestDriftSealed holds that a file whose content is not known is compared with
// what the host knows of it.
func TestDriftSealed(t *testing.T) {
	t.Parallel()
	const path = "/etc/mesosphere/docker_credentials"
	b, sealed := testBundle(), testBundle()
	sealed.SetupFiles = b.SealedFiles(func(bundle.File) bool { return false })
	for name, c := range map[string]struct {
		change func(*State)
		want   []string
	}{
		"none":   {func(*State) {}, nil},
		"edited": {func(s *State) { s.Edited = []string{path} }, []string{path + " differs"}},
		"gone":   {func(s *State) { delete(s.Files, path) }, []string{path + " is missing"}},
		"mode":   {func(s *State) { s.Files[path] = FileState{Mode: "644"} }, []string{path + " has mode 644 instead of 600"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wellState(b)
			c.change(&s)
			if got := s.Drift(sealed, Master); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestSituation(t *testing.T) {
	t.Parallel()
	ours := &Owner{Cluster: "one", BundleID: "bundle-1", Role: Master}
	for name, c := range map[string]struct {
		change func(*State)
		known  bool // the machine id is the node's
		want   step
		err    bool
	}{
		"free":                    {func(s *State) { *s = State{Installed: None} }, false, fresh, false},
		"only transferred":        {func(s *State) { *s = State{Installed: None, Owner: ours} }, false, fresh, false},
		"transferred for another": {func(s *State) { *s = State{Installed: None, Owner: &Owner{Cluster: "two"}} }, false, 0, true},
		"the same":                {func(*State) {}, false, adopt, false},
		"the same, unfinished":    {func(s *State) { s.Owner = ours }, false, adopt, false},
		"another bundle":          {func(s *State) { s.ActivePackages = []string{"x--1"} }, false, 0, true},
		"another bundle of ours":  {func(s *State) { s.ActivePackages = []string{"x--1"}; s.Owner = ours }, false, redo, false},
		"another role":            {func(s *State) { s.Role = Agent }, false, 0, true},
		"half, running":           {func(s *State) { s.Installed, s.Owner, s.SetupRunning = Partial, ours, true }, false, followOn, false},
		"half, stopped":           {func(s *State) { s.Installed, s.Owner = Partial, ours }, false, redo, false},
		"half, running, another bundle": {func(s *State) {
			s.Installed, s.SetupRunning, s.Owner = Partial, true, &Owner{Cluster: "one", BundleID: "2"}
		}, false, redo, false},
		"half, nobody's":                 {func(s *State) { s.Installed = Partial }, false, 0, true},
		"somebody's files":               {func(s *State) { *s = State{Installed: Partial, Strangers: []string{"notes"}} }, false, 0, true},
		"half, on the machine we know":   {func(s *State) { s.Installed = Partial }, true, redo, false},
		"half, another cluster's marker": {func(s *State) { s.Installed, s.Owner = Partial, &Owner{Cluster: "two"} }, false, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := testBundle()
			state := wellState(b)
			c.change(&state)
			s := &session{opts: Options{Role: Master, Bundle: b}, host: "h"}
			if c.known {
				s.opts.MachineID = "m1"
			}
			got, err := s.situation(state)
			var foreign *ForeignError
			var strangers *StrangersError
			if c.err != (errors.As(err, &foreign) || errors.As(err, &strangers)) || errors.As(err, &strangers) != (state.Strangers != nil) ||
				got != c.want {
				t.Errorf("got %v, %v; want %v, error %v", got, err, c.want, c.err)
			}
		})
	}
}

func TestUpgradePath(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to string
		ok       bool
	}{
		{"2.1.0", "2.1.0", true}, {"2.1.0", "2.1.2", true}, {"2.1.2", "2.2.1", true}, {"1.13.9", "2.0.0", true},
		{"1.9.0", "1.10.2", true}, {"2.0.6", "2.2.0", false}, {"1.11.0", "1.13.0", false}, {"2.2.1", "2.2.0", false},
		{"2.2.0", "2.1.9", false}, {"", "2.2.0", true}, {"2.1.100", "2.2.100", true},
	} {
		if err := UpgradePath(c.from, c.to); (err == nil) != c.ok {
			t.Errorf("%s to %s: %v", c.from, c.to, err)
		}
	}
}

func TestAtLeast(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		have, least string
		want        bool
	}{
		{"1.6", "1.6", true}, {"1.5.9", "1.6", false}, {"17.05.0-ce", "1.6", true}, {"20.10.5+dfsg1", "1.11", true},
		{"2", "1.6", true}, {"1", "1.6", false}, {"252", "200", true}, {"", "200", false}, {"4", "4.0", true},
	} {
		if got := atLeast(c.have, c.least); got != c.want {
			t.Errorf("%q at least %q: %v", c.have, c.least, got)
		}
	}
}

func TestChecksAreSkippedByName(t *testing.T) {
	t.Parallel()
	if err := checkSkips([]string{"ports", "clock"}); err != nil {
		t.Error(err)
	}
	err := checkSkips([]string{"ports", "prots"})
	var unknown *UnknownCheckError
	if !errors.As(err, &unknown) || !slices.Equal(unknown.Names, []string{`"prots"`}) || !strings.Contains(err.Error(), "ports") {
		t.Errorf("%v", err)
	}
}

func TestChecks(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	shared := func(_ *hostFacts, o *Options) {
		o.Bundle.Arguments["exhibitor_storage_backend"], o.Bundle.Arguments["exhibitor_fs_config_dir"] = "shared_filesystem", "/srv/x"
	}
	inS3 := func(_ *hostFacts, o *Options) {
		o.Bundle.Arguments["exhibitor_storage_backend"], o.Bundle.Arguments["aws_region"] = "aws_s3", "eu-1"
	}
	inAzure := func(_ *hostFacts, o *Options) {
		o.Bundle.Arguments["exhibitor_storage_backend"], o.Bundle.Arguments["exhibitor_azure_account_name"] = "azure", "account"
	}
	for name, c := range map[string]struct {
		role   Role
		facts  []string
		change func(*hostFacts, *Options)
		want   []string // names of findings, warnings with a "?"
	}{
		"well":                   {Master, nil, nil, nil},
		"ip-detect fails":        {Master, []string{"ip_detect_code=1", "ip_detect="}, nil, []string{"ip-detect"}},
		"ip-detect is elsewhere": {Master, []string{"ip_detect_code=0", "ip_detect=10.0.0.2"}, nil, []string{"ip-detect"}},
		"not a listed master": {Master, []string{"ip_detect_code=0", "ip_detect=10.0.0.9"},
			func(h *hostFacts, _ *Options) { h.Addresses = []string{"10.0.0.9"} }, []string{"master-list"}},
		"an agent that is listed": {Agent, nil, nil, []string{"master-list"}},
		"a clone": {Master, nil, func(h *hostFacts, _ *Options) { h.peers.Twin = &Twin{Address: "10.0.0.2"} },
			[]string{"machine-id"}},
		"itself is no clone":  {Master, nil, func(h *hostFacts, _ *Options) { h.peers.Twin = &Twin{Address: "10.0.0.1"} }, nil},
		"clock far off":       {Master, nil, func(h *hostFacts, _ *Options) { h.Clock = now.Add(-time.Hour) }, []string{"clock"}},
		"clock a little off":  {Master, nil, func(h *hostFacts, _ *Options) { h.Clock = now.Add(20 * time.Second) }, []string{"clock?"}},
		"no room":             {Master, []string{"space=/opt/mesosphere /dev/vda ext4 1000 /"}, nil, []string{"disk"}},
		"DC/OS is there":      {Master, nil, func(h *hostFacts, _ *Options) { h.Installed = Partial }, []string{"dcos"}},
		"an empty root":       {Master, []string{"opt=empty"}, nil, nil},
		"an empty root, 1.10": {Master, []string{"opt=empty"}, func(_ *hostFacts, o *Options) { o.Bundle.Line = "1.10" }, []string{"dcos"}},
		"leftovers": {Master, nil, func(h *hostFacts, _ *Options) { h.Leftovers = []string{"/var/lib/dcos/exhibitor"} },
			[]string{"leftovers"}},
		"a link that leads nowhere": {Master, []string{"unfit=/opt/mesosphere dangling"}, nil, []string{"directories"}},
		"a file for a directory":    {Master, []string{"unfit=/var/lib/dcos file"}, nil, []string{"directories"}},
		"a disk that is read only":  {Master, []string{"unfit=/var/lib/mesos readonly"}, nil, []string{"directories"}},
		"an old ensemble": {Master, []string{"directory=/srv/x yes", "contents=/srv/x exhibitor.properties"}, shared,
			[]string{"exhibitor-backend?"}},
		"another's ensemble": {Master, []string{"directory=/srv/x yes", "contents=/srv/x exhibitor.properties",
			"servers=/srv/x 1:10.0.0.1,2:10.9.9.9"},
			shared, []string{"exhibitor-backend"}},
		"its own ensemble": {Master, []string{"directory=/srv/x yes", "contents=/srv/x exhibitor.properties"},
			func(h *hostFacts, o *Options) { shared(h, o); h.peers.Master = true }, nil},
		"no ensemble yet":          {Master, []string{"directory=/srv/x yes", "contents=/srv/x "}, shared, nil},
		"no shared directory":      {Master, []string{"directory=/srv/x missing"}, shared, []string{"exhibitor-backend"}},
		"S3 is out of reach":       {Master, []string{"tcp=s3.eu-1.amazonaws.com 443 no"}, inS3, []string{"exhibitor-backend?"}},
		"Azure is out of reach":    {Master, []string{"tcp=account.blob.core.windows.net 443 no"}, inAzure, []string{"exhibitor-backend?"}},
		"Azure answers":            {Master, []string{"tcp=account.blob.core.windows.net 443 yes"}, inAzure, nil},
		"a name that is not known": {Master, []string{"resolve=h1 no"}, nil, []string{"hostname?"}},
		"not systemd":              {Master, []string{"pid1=init"}, nil, []string{"systemd"}},
		"skipped":                  {Master, []string{"pid1=init"}, func(_ *hostFacts, o *Options) { o.SkipChecks = []string{"systemd"} }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &frame{}
			lines := append([]string{"begin=preflight", "pid1=systemd", "systemd_version=252", "ip_detect_code=0", "ip_detect=10.0.0.1",
				"resolve=h1 yes"}, c.facts...)
			if _, err := f.Write([]byte(strings.Join(lines, "\n") + "\n")); err != nil {
				t.Fatal(err)
			}
			h := &hostFacts{
				State: State{MachineID: "m1", Hostname: "h1", Addresses: []string{"127.0.0.1", "10.0.0.1"}, Installed: None, Clock: now},
				f:     f, before: now, after: now.Add(time.Second),
			}
			b := testBundle()
			b.Line = "" // no line's own facts: they have their own test
			o := &Options{Role: c.role, Bundle: b, Address: "10.0.0.1"}
			if c.change != nil {
				c.change(h, o)
			}
			var got []string
			for _, f := range h.judge(o, false) {
				mark := ""
				if f.Severity == SeverityWarning {
					mark = "?"
				}
				switch f.Name {
				case "commands", "docker", "ports", "groups", "kernel-modules":
					continue // of the newest line
				}
				got = append(got, f.Name+mark)
				if f.Found == "" || f.Needed == "" {
					t.Errorf("says too little: %+v", f)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestUnwell(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "",
		`{"status":0,"checks":{"a":{"status":0,"output":""}}}`:                      "",
		`{"status":2,"checks":{"a":{"status":0},"b":{"status":2,"output":"no\n"}}}`: "b (no)",
		`{"error":"One or more requested checks could not be found on this node.","checks":["x"]}`: "One or more requested checks could not " +
			"be found on this node.",
		"panic: no such file": "panic: no such file",
	} {
		if got := unwell(in, "node-poststart 1"); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestBatches(t *testing.T) {
	t.Parallel()
	var sizes []int
	for b := range batches([]bundle.Artifact{{Size: maxBatch * 2}, {Size: 1}, {Size: maxBatch - 1}, {Size: 1}, {Size: 5}}) {
		sizes = append(sizes, len(b))
	}
	if !slices.Equal(sizes, []int{1, 2, 2}) {
		t.Errorf("%v", sizes)
	}
	for range batches(nil) {
		t.Error("a batch of nothing")
	}
}
