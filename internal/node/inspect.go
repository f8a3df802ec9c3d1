// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Inspect looks at a host and changes nothing. It costs one round trip.
// Besides the files that DC/OS's installer writes, those at the paths given
// are looked at too.
func Inspect(ctx context.Context, conn Conn, paths ...string) (*State, error) {
	c := call{scripts: []string{"inspect"}, doing: "looking at the host", args: paths, timeout: 5 * time.Minute}
	f, err := run(ctx, conn, c)
	if err != nil {
		return nil, stageError(conn.Target().Address, stageInspect, c.doing, f, err)
	}
	s, err := parseState(f)
	if err != nil {
		return nil, stageError(conn.Target().Address, stageInspect, c.doing, f, err)
	}
	s.Looked = paths
	return s, nil
}

// parseState reads what inspect.sh printed.
func parseState(f *frame) (*State, error) {
	s := &State{
		MachineID:      f.trimmed("machine_id"),
		BootID:         f.trimmed("boot_id"),
		Hostname:       f.get("hostname"),
		DetectedIP:     f.trimmed("detected_ip"),
		Addresses:      strings.Fields(f.get("addresses")),
		Roles:          f.all("role"),
		ActivePackages: strings.Fields(f.get("active")),
		Dangling:       f.all("dangling"),
		LostFiles:      slices.Compact(slices.Sorted(slices.Values(f.all("lost_file")))),
		Up:             f.yes("up") || f.has("data"),
		PackageListID:  f.trimmed("package_list"),
		RepositoryURL:  f.trimmed("repository_url"),
		SwapUnfinished: f.yes("swap_unfinished"),
		SetupPending:   f.yes("setup_pending"),
		Activating:     f.get("activating") == "running",
		Staged:         f.yes("staged"),
		Recorded:       f.yes("recorded"),
		Leftovers:      strings.Fields(f.get("leftovers")),
		Files:          map[string]FileState{},
	}
	switch {
	case s.MachineID == "":
		return nil, fmt.Errorf("the host has no machine id (/etc/machine-id)")
	case len(s.MachineID) > maxFact:
		return nil, fmt.Errorf("the host's machine id (/etc/machine-id) is longer than %d bytes", maxFact)
	}
	clock, err := strconv.ParseInt(f.get("clock"), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("reading the host's clock: %w", err)
	}
	s.Clock = time.Unix(clock, 0)

	var roles []Role
	for _, name := range s.Roles {
		if r := roleOnDisk(name); r != "" {
			roles = append(roles, r)
		}
	}
	if len(roles) == 1 {
		s.Role = roles[0]
	}
	for _, id := range s.ActivePackages {
		if strings.HasPrefix(id, "dcos-config--") {
			s.ConfigPackageID = id
		}
	}
	if f.has("version") {
		var v struct {
			Version string `json:"version"`
		}
		// A file that cannot be read says nothing; the packages do.
		if err := json.Unmarshal([]byte(f.get("version")), &v); err == nil {
			s.Version = v.Version
		}
	}
	for line := range strings.Lines(f.get("mesos_master_provider")) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "MESOS_CLUSTER="); ok {
			s.Cluster = strings.Trim(name, `"'`)
		}
	}
	s.Topology = parseTopology(f)
	s.Units = parseUnits(f.get("units"))
	for _, u := range s.Units {
		if u.Name == "dcos-setup.service" || u.Name == "dcos-download.service" {
			s.SetupRunning = s.SetupRunning || u.Active == "activating" || u.Job
		}
	}
	for _, line := range f.all("file") {
		p := strings.SplitN(line, " ", 3)
		if len(p) != 3 {
			return nil, fmt.Errorf("reading the state of a file: %q", line)
		}
		s.Files[p[2]] = FileState{SHA256: p[0], Mode: p[1]}
	}
	s.Edited = f.all("edited")
	if f.has("owner") {
		if s.Owner, err = parseOwner(f.get("owner")); err != nil {
			return nil, err
		}
	}
	if s.Claim, err = parseClaim(f.get("claim")); err != nil {
		return nil, err
	}
	s.Installed, s.Strangers = f.installed(s), f.strangers(s)
	s.bound()
	return s, nil
}

// maxFact bounds a fact of a host that gets into a user's state, in bytes: many hosts
// may be in one.
const maxFact = 256

// bound forgets what is too long to be what it is taken for.
func (s *State) bound() {
	for _, fact := range []*string{&s.DetectedIP, &s.Version, &s.ConfigPackageID} {
		if len(*fact) > maxFact {
			*fact = ""
		}
	}
}

// installed judges how much of DC/OS is there.
func (f *frame) installed(s *State) Installed {
	switch {
	case f.yes("active_directory") && len(s.ActivePackages) > 0 && f.yes("target") && s.Role != "" &&
		!s.SetupPending && !s.SwapUnfinished && len(s.Dangling) == 0 && len(s.LostFiles) == 0:
		return Complete
	case f.yes("opt") || f.traces(s):
		return Partial
	}
	return None
}

// strangers gives what is in DC/OS's own directory though nothing of DC/OS is there.
func (f *frame) strangers(s *State) []string {
	if f.has("known") || f.traces(s) {
		return nil
	}
	return slices.Compact(slices.Sorted(slices.Values(f.all("stranger"))))
}

// traces reports whether something of DC/OS is there outside of its own directory.
func (f *frame) traces(s *State) bool {
	return f.yes("target") || len(s.Units) > 0 || len(s.Roles) > 0 || len(s.Files) > 0
}

// parseUnits reads what systemctl show prints for several units: blocks of
// KEY=VALUE with an empty line between them.
func parseUnits(text string) []UnitState {
	var units []UnitState
	for block := range strings.SplitSeq(text, "\n\n") {
		var u UnitState
		loaded := true
		for line := range strings.Lines(block) {
			key, value, _ := strings.Cut(strings.TrimRight(line, "\n"), "=")
			switch key {
			case "Id":
				u.Name = value
			case "ActiveState":
				u.Active = value
			case "SubState":
				u.Sub = value
			case "UnitFileState":
				u.Enabled = value
			case "Result":
				u.Result = value
			case "Job":
				u.Job = value != "" && value != "0"
			case "Restart":
				u.Always = value == "always"
			case "ConditionResult":
				u.Unconditional = value == "yes"
			case "ConditionTimestampMonotonic":
				u.Untried = value == "0"
			case "TriggeredBy":
				// dcos.target starts those with a socket too: the agent that
				// is stopped does not come back by itself.
				u.Triggered = slices.ContainsFunc(strings.Fields(value), func(t string) bool { return !strings.HasSuffix(t, ".socket") })
			case "LoadState":
				loaded = value != "not-found"
			}
		}
		if u.Name != "" && loaded {
			units = append(units, u)
		}
	}
	slices.SortFunc(units, func(a, b UnitState) int { return strings.Compare(a.Name, b.Name) })
	return units
}

// text writes the marker, in the form of scripts' results.
func (o Owner) text() []byte {
	return form("owner", [2]string{"cluster", o.Cluster}, [2]string{"bundle", o.BundleID}, [2]string{"version", o.Version},
		[2]string{"run", o.Run}, [2]string{"role", string(o.Role)}, [2]string{"step", o.Step})
}

// form writes values as scripts print them, between begin and end.
func form(name string, values ...[2]string) []byte {
	var b strings.Builder
	for _, kv := range slices.Concat([][2]string{{"begin", name}}, values, [][2]string{{"end", name}}) {
		if strings.Trim(kv[1], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/@+,%-") == "" {
			fmt.Fprintf(&b, "%s=%s\n", kv[0], kv[1])
		} else {
			fmt.Fprintf(&b, "%s:%s\n", kv[0], encode([]byte(kv[1])))
		}
	}
	return []byte(b.String())
}

// parseOwner reads a marker. It is replaced by rename, so one that is cut
// short or garbled was not written by us; an empty one, which a power cut may
// leave, is none.
func parseOwner(text string) (*Owner, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil // no marker is an answer, too
	}
	f := &frame{}
	if _, err := f.Write([]byte(text)); err != nil {
		return nil, err
	}
	if err := f.check("owner"); err != nil {
		return nil, fmt.Errorf("reading the marker in %s: %w", StagingDirectory, err)
	}
	return &Owner{
		Cluster: f.get("cluster"), BundleID: f.get("bundle"), Version: f.get("version"),
		Run: f.get("run"), Role: Role(f.get("role")), Step: f.get("step"),
	}, nil
}
