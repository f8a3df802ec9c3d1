// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
)

// A work is what has to be done to a node so that it is what a bundle says.
type work struct {
	broken   string   // why nothing less than a new installation will do
	role     bool     // the role's file is missing
	packages bool     // the active packages are not the bundle's
	missing  []string // ids that should be active
	extra    []string // ids that should not be
	swap     bool     // the package manager was interrupted
	files    []bundle.File
	fileWhy  map[string]string // by path: missing, changed, mode
	units    []string          // files of units, a subset of files' paths
	enable   []string          // units
	revive   []string          // units that have failed or were stopped
	stopped  map[string]bool   // of revive: those that were stopped
}

// empty says that there is nothing to do.
func (w work) empty() bool {
	return w.broken == "" && !w.role && !w.packages && !w.swap && len(w.files) == 0 && len(w.enable) == 0 && len(w.revive) == 0
}

// words says it to a user.
func (w work) words() []string {
	if w.broken != "" {
		return []string{w.broken}
	}
	var out []string
	if w.swap {
		out = append(out, "an activation of packages was interrupted")
	}
	if w.role {
		out = append(out, "the file that gives the node its role is missing")
	}
	out = append(out, packageWords(w.missing, w.extra)...)
	for _, f := range w.files {
		out = append(out, fmt.Sprintf("%s %s", f.Path, w.fileWhy[f.Path]))
	}
	for _, u := range w.enable {
		out = append(out, fmt.Sprintf("unit %s is not enabled", u))
	}
	for _, u := range w.revive {
		if w.stopped[u] {
			out = append(out, fmt.Sprintf("unit %s is stopped", u))
		} else {
			out = append(out, fmt.Sprintf("unit %s has failed", u))
		}
	}
	return out
}

// packageWords pairs ids of the same name.
func packageWords(missing, extra []string) []string {
	var out []string
	have := map[string]string{}
	for _, id := range extra {
		have[packageName(id)] = id
	}
	for _, id := range missing {
		if was, ok := have[packageName(id)]; ok {
			out = append(out, fmt.Sprintf("package %s is active instead of %s", was, id))
			delete(have, packageName(id))
		} else {
			out = append(out, fmt.Sprintf("package %s is not active", id))
		}
	}
	for _, id := range extra {
		if _, ok := have[packageName(id)]; ok {
			out = append(out, fmt.Sprintf("package %s is active and should not be", id))
		}
	}
	const most = 12
	if len(out) > most {
		out = append(out[:most], fmt.Sprintf("and %d more packages", len(out)-most))
	}
	return out
}

func packageName(id string) string {
	name, _, _ := strings.Cut(id, "--")
	return name
}

// plan compares what is on the host with what the bundle says. A unit that
// has failed and that a timer starts is not counted: it will run again, and
// DC/OS's checks of itself end like that.
func (s State) plan(b *bundle.Bundle, role Role) work {
	w := work{fileWhy: map[string]string{}, stopped: map[string]bool{}}
	if s.Installed == None {
		w.broken = "DC/OS is not installed"
		return w
	}
	if s.Role != "" && s.Role != role || len(s.Roles) > 1 {
		w.broken = fmt.Sprintf("the node's role is %s, not %s", strings.Join(s.Roles, " and "), role.OnDisk())
		return w
	}
	if len(s.ActivePackages) == 0 {
		w.broken = "DC/OS's files are gone or incomplete"
		return w
	}
	if s.SetupPending {
		w.broken = "DC/OS was never set up completely"
		return w
	}
	w.role = s.Role == ""
	w.swap = s.SwapUnfinished
	for _, id := range b.PackageIDs {
		if !slices.Contains(s.ActivePackages, id) || slices.Contains(s.Dangling, packageName(id)) {
			w.missing = append(w.missing, id)
		}
	}
	for _, id := range s.ActivePackages {
		if !slices.Contains(b.PackageIDs, id) {
			w.extra = append(w.extra, id)
		}
	}
	w.packages = len(w.missing) > 0 || len(w.extra) > 0
	for _, f := range b.HostFiles() {
		have, there := s.Files[f.Path]
		switch {
		case !there && !s.lookedAt(f.Path):
			continue
		case !there:
			w.fileWhy[f.Path] = "is missing"
		case f.Sealed && slices.Contains(s.Edited, f.Path), !f.Sealed && have.SHA256 != sum(f.Content):
			w.fileWhy[f.Path] = "differs"
		case have.Mode != fmt.Sprintf("%o", f.Mode.Perm()):
			w.fileWhy[f.Path] = fmt.Sprintf("has mode %s instead of %o", have.Mode, f.Mode.Perm())
		default:
			continue
		}
		w.files = append(w.files, f)
		if strings.HasPrefix(f.Path, unitDirectory) {
			w.units = append(w.units, f.Path)
		}
	}
	s.planUnits(b, &w)
	return w
}

func (s State) planUnits(b *bundle.Bundle, w *work) {
	enabled := []string{"dcos.target"}
	for _, u := range b.Units {
		if u.Enable {
			enabled = append(enabled, u.Name)
		}
	}
	timed := map[string]bool{}
	for _, u := range s.Units {
		if name, ok := strings.CutSuffix(u.Name, ".timer"); ok {
			timed[name+".service"] = true
		}
		if slices.Contains(enabled, u.Name) && u.Enabled != "enabled" {
			w.enable = append(w.enable, u.Name)
		}
	}
	for _, u := range s.Units {
		oneOff := u.Name == "dcos-setup.service" || u.Name == "dcos-download.service" || u.Name == "dcos-link-env.service"
		switch {
		case timed[u.Name] || oneOff:
		case u.Active == "failed":
			w.revive = append(w.revive, u.Name)
		case u.Active == "inactive" && !u.Job && !u.Triggered && (u.Always && u.Unconditional || u.Name == "dcos.target"):
			w.revive = append(w.revive, u.Name)
			w.stopped[u.Name] = true
		}
	}
}

const unitDirectory = "/etc/systemd/system/"

// Paths gives what [Inspect] has to be told of a bundle: the files of its
// installer that not every DC/OS has.
func Paths(b *bundle.Bundle) []string {
	var paths []string
	for _, f := range b.HostFiles() {
		if !everyDCOS(f.Path) {
			paths = append(paths, f.Path)
		}
	}
	return paths
}

// everyDCOS says whether inspect.sh looks at the file without being told.
func everyDCOS(path string) bool {
	switch path {
	case "/etc/mesosphere/docker_credentials", "/etc/systemd/journald.conf.d/dcos.conf", "/etc/rexray/config.yml",
		unitDirectory + "dcos-link-env.service", unitDirectory + "dcos-download.service", unitDirectory + "dcos-setup.service":
		return true
	}
	return strings.HasPrefix(path, "/etc/mesosphere/setup-flags/")
}

func (s State) lookedAt(path string) bool { return everyDCOS(path) || slices.Contains(s.Looked, path) }

func sum(content []byte) string {
	h := sha256.Sum256(content)
	return hex.EncodeToString(h[:])
}
