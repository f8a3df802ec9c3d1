// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
)

// A gap is what lies between a node as it is and as a bundle says, for somebody
// to close it.
type gap struct {
	broken   string   // why nothing less than an installation will do
	restore  bool     // of broken: what the node has to lose stays
	role     bool     // the role's file is missing
	packages bool     // the active packages are not the bundle's
	missing  []string // ids that should be active
	extra    []string // ids that should not be
	altered  []string // ids that should be and are, with other files
	swap     bool     // the package manager was ended in a swap
	lost     []string // files that an activation of packages makes
	files    []bundle.File
	fileWhy  map[string]string // by path: missing, changed, mode
	units    []string          // files of units, a subset of files' paths
	enable   []string          // units
	revive   []string          // units that have failed or were stopped
	stopped  map[string]bool   // of revive: those that were stopped
	setup    []string          // the installer's units that have failed: their work is done, but DC/OS's checks count them
}

// empty says that there is nothing to do.
func (g gap) empty() bool {
	return g.broken == "" && !g.role && !g.activates() && len(g.files) == 0 && len(g.enable) == 0 && len(g.revive) == 0
}

// activates says whether it takes an activation of packages.
func (g gap) activates() bool { return g.packages || g.swap || len(g.lost) > 0 }

// words says it to a user.
func (g gap) words() []string {
	if g.broken != "" {
		return []string{g.broken}
	}
	var out []string
	if g.swap {
		out = append(out, "an activation of packages was interrupted")
	}
	if g.role {
		out = append(out, "the file that gives the node its role is missing")
	}
	out = append(out, packageWords(g.missing, g.extra)...)
	for _, id := range g.altered {
		out = append(out, fmt.Sprintf("package %s has other files than it should have", id))
	}
	for _, name := range g.lost {
		out = append(out, fmt.Sprintf("DC/OS's file %s is missing or empty", name))
	}
	for _, f := range g.files {
		out = append(out, fmt.Sprintf("%s %s", f.Path, g.fileWhy[f.Path]))
	}
	for _, u := range g.enable {
		out = append(out, fmt.Sprintf("unit %s is not enabled", u))
	}
	for _, u := range g.revive {
		if g.stopped[u] {
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

// gap compares what is on the host with what the bundle says. A unit that
// has failed and that a timer starts is not counted: it will run again, and
// DC/OS's checks of itself end like that.
func (s State) gap(b *bundle.Bundle, role Role) gap {
	g := gap{fileWhy: map[string]string{}, stopped: map[string]bool{}}
	anew := false
	if g.broken, anew = s.broken(role); g.broken != "" && !anew {
		return g
	}
	if g.broken != "" {
		g.restore = s.Up
		if g.restore {
			g.broken += ": its programs are installed again, and what the node keeps stays"
		} else {
			g.broken += ": it is installed anew; nothing shows that the node was ever up, so that there is nothing to lose"
		}
		return g
	}
	g.role = s.Role == ""
	g.swap, g.lost = s.SwapUnfinished, s.LostFiles
	s.packageGap(b, &g)
	for _, f := range b.HostFiles() {
		have, there := s.Files[f.Path]
		switch {
		case !there && !s.lookedAt(f.Path):
			continue
		case !there:
			g.fileWhy[f.Path] = "is missing"
		case f.Sealed && slices.Contains(s.Edited, f.Path), !f.Sealed && !copied(f, have) && have.SHA256 != sum(f.Content):
			g.fileWhy[f.Path] = "differs"
		case have.Mode != fmt.Sprintf("%o", f.Mode.Perm()):
			g.fileWhy[f.Path] = fmt.Sprintf("has mode %s instead of %o", have.Mode, f.Mode.Perm())
		default:
			continue
		}
		g.files = append(g.files, f)
		if strings.HasPrefix(f.Path, unitDirectory) {
			g.units = append(g.units, f.Path)
		}
	}
	s.unitGap(b, &g)
	return g
}

// broken says in words why nothing less than an installation makes the host a node of
// the role, and whether one would; "" if something less does.
func (s State) broken(role Role) (why string, anew bool) {
	switch {
	case s.Installed == None:
		return "DC/OS is not installed", false
	case s.Role != "" && s.Role != role || len(s.Roles) > 1:
		return fmt.Sprintf("the node's role is %s, not %s", strings.Join(s.Roles, " and "), role.OnDisk()), false
	case len(s.ActivePackages) == 0:
		return "DC/OS's files are gone or incomplete", true
	case s.SetupPending:
		return "DC/OS was never set up completely", true
	}
	return "", false
}

func (s State) packageGap(b *bundle.Bundle, g *gap) {
	for _, id := range b.PackageIDs {
		switch {
		case !slices.Contains(s.ActivePackages, id) || slices.Contains(s.Dangling, packageName(id)):
			g.missing = append(g.missing, id)
		case slices.Contains(s.Altered, id):
			g.altered = append(g.altered, id)
		}
	}
	for _, id := range s.ActivePackages {
		if !slices.Contains(b.PackageIDs, id) {
			g.extra = append(g.extra, id)
		}
	}
	g.packages = len(g.missing) > 0 || len(g.extra) > 0 || len(g.altered) > 0
}

// rexrayFile is the one that the installer and REX-Ray both write.
const rexrayFile = "/etc/rexray/config.yml"

// copied says whether a file is what REX-Ray makes of the installer's whenever it starts: it copies its package's own
// over it, which has not the line end that the installer adds (packages/rexray/extra/dcos-rexray.service of DC/OS
// 1.10.11 to 2.2.1).
func copied(f bundle.File, have FileState) bool {
	return f.Path == rexrayFile && have.SHA256 == sum(bytes.TrimSuffix(f.Content, []byte("\n")))
}

func (s State) unitGap(b *bundle.Bundle, g *gap) {
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
			g.enable = append(g.enable, u.Name)
		}
	}
	for _, u := range s.Units {
		oneOff := u.Name == "dcos-setup.service" || u.Name == "dcos-download.service" || u.Name == "dcos-link-env.service"
		switch {
		case oneOff && u.Active == "failed":
			g.setup = append(g.setup, u.Name)
		case timed[u.Name] || oneOff:
		case u.Active == "failed":
			g.revive = append(g.revive, u.Name)
		case u.Active == "inactive" && !u.Job && u.mustRun():
			g.revive = append(g.revive, u.Name)
			g.stopped[u.Name] = true
		}
	}
}

// mustRun says whether a unit that is not active was stopped by somebody.
func (u UnitState) mustRun() bool {
	free := u.Unconditional || u.Untried
	switch {
	case u.Name == "dcos.target":
		return !u.Triggered
	case strings.HasSuffix(u.Name, ".socket"), strings.HasSuffix(u.Name, ".timer"):
		return free // its service may have run all the same, and nothing starts it again
	}
	return !u.Triggered && u.Always && free
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
	case "/etc/mesosphere/docker_credentials", "/etc/systemd/journald.conf.d/dcos.conf", rexrayFile,
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
