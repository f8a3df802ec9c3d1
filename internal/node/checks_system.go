// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
)

// Checks of the operating system: what DC/OS needs of it.

// unpackFactor is what a package's tarball grows to, with room to spare:
// DC/OS's take between three and four times their size.
const unpackFactor = 4

func checkDisk(h *hostFacts, o *Options) []Finding {
	type disk struct {
		free   int64
		mount  string
		needed int64
		what   []string
	}
	disks := map[string]*disk{}
	need := func(path, what string, bytes int64) {
		rest := h.fact("space", path)
		p := strings.Fields(rest) // device type free mount
		if len(p) != 4 || bytes == 0 {
			return
		}
		free, err := strconv.ParseInt(p[2], 10, 64)
		if err != nil {
			return
		}
		d := disks[p[3]]
		if d == nil {
			d = &disk{free: free << 10, mount: p[3]}
			disks[p[3]] = d
		}
		d.needed += bytes
		d.what = append(d.what, what)
	}
	var transfer, unpack int64
	for _, a := range h.missing {
		transfer += a.Size
	}
	for _, a := range h.unpack {
		unpack += a.Size * unpackFactor
	}
	// What is uploaded lies in /var/tmp until it is moved, a batch at a time.
	need("/var/tmp", "upload", min(transfer, maxBatch))
	need(stagingOf(o.Bundle), "transfer", transfer)
	need("/opt/mesosphere", "DC/OS", unpack+64<<20)
	var out []Finding
	for _, d := range disks {
		if d.free < d.needed {
			out = append(out, Finding{
				Found:  fmt.Sprintf("%s free on %s", size(d.free), d.mount),
				Needed: fmt.Sprintf("%s (%s)", size(d.needed), strings.Join(d.what, ", ")),
				Hint:   "make room on this file system",
			})
		}
	}
	slices.SortFunc(out, func(a, b Finding) int { return strings.Compare(a.Found, b.Found) })
	return out
}

func size(bytes int64) string {
	if bytes < 10<<30 {
		return fmt.Sprintf("%d MiB", bytes>>20)
	}
	return fmt.Sprintf("%d GiB", bytes>>30)
}

func checkSystemd(h *hostFacts, o *Options) []Finding {
	if pid1 := h.f.get("pid1"); pid1 != "systemd" {
		return one(Finding{Found: "process 1 is " + pid1, Needed: "systemd as process 1"})
	}
	for _, c := range h.facts(o).Commands {
		have := h.f.get("systemd_version")
		if c.Name == "systemctl" && c.MinVersion != "" && !atLeast(have, c.MinVersion) {
			return one(Finding{Found: "systemd " + have, Needed: "systemd " + c.MinVersion + " or newer"})
		}
	}
	return nil
}

func checkSELinux(h *hostFacts, o *Options) []Finding {
	if h.f.get("selinux") != "Enforcing" {
		return nil
	}
	policy := h.f.get("selinux_policy")
	if h.facts(o).SELinuxTargeted {
		if policy == "targeted" {
			return nil
		}
		return one(Finding{Found: fmt.Sprintf("SELinux enforcing the policy %q", policy),
			Needed: "SELinux off, permissive, or enforcing the policy \"targeted\""})
	}
	return one(Finding{
		Found:  "SELinux enforcing",
		Needed: fmt.Sprintf("SELinux off or permissive (DC/OS %s)", o.Bundle.Line),
		Hint:   "setenforce 0, and SELINUX=permissive in /etc/selinux/config",
	})
}

func checkCommands(h *hostFacts, o *Options) []Finding {
	var missing []string
	for _, c := range h.facts(o).Commands {
		if at := h.fact("command", c.Name); at == "" && c.Name != "docker" {
			missing = append(missing, c.Name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return one(Finding{
		Found:  "no " + strings.Join(missing, ", no "),
		Needed: strings.Join(missing, ", ") + " on root's PATH",
		Hint:   "install the packages that have them",
	})
}

func checkGroups(h *hostFacts, o *Options) []Finding {
	var out []Finding
	for _, g := range h.facts(o).Groups {
		if there := h.fact("group", g); there == "no" {
			out = append(out, Finding{Found: "no group " + g, Needed: "the group " + g, Hint: "groupadd " + g})
		}
	}
	return out
}

var harmlessName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// checkUsers judges the users and groups that packages ask for in their pkginfo.json, by the rules of the package
// manager, which stops at the first that it does not like (pkgpanda/__init__.py of DC/OS 2.2.1, UserManagement): with
// half of the files in place.
func checkUsers(h *hostFacts, _ *Options) []Finding {
	var out []Finding
	for _, a := range h.accounts {
		f := Finding{Needed: fmt.Sprintf("the user %s, as the package %s asks", a.User, a.Package)}
		if a.Group != "" {
			f.Needed = fmt.Sprintf("the user %s in the group %s, as the package %s asks", a.User, a.Group, a.Package)
		}
		state, other, _ := strings.Cut(h.fact("account", a.User+" "+cmp.Or(a.Group, "-")), " ")
		switch state {
		case "nogroup":
			f.Found, f.Hint = "no group "+a.Group, "groupadd --system "+a.Group
			if a.Group == "docker" {
				f.Hint += ", which Docker's own packages do"
			}
		case "other":
			f.Found = fmt.Sprintf("the user %s with the primary group %q, and no member of %s", a.User, other, a.Group)
			f.Hint = fmt.Sprintf("usermod -a -G %s %s", a.Group, a.User)
		case "left":
			f.Found = fmt.Sprintf("a group %s without its user, which useradd stops at", a.User)
			f.Hint = "groupdel " + a.User
		case "manual":
			f.Found = fmt.Sprintf("no user %s, and /etc/mesosphere/manual_host_users, which says that users are made by hand", a.User)
			f.Hint = "make the user, or remove that file"
		default:
			continue
		}
		out = append(out, f)
	}
	return out
}

func checkModules(h *hostFacts, o *Options) []Finding {
	var missing []string
	for _, m := range h.facts(o).KernelModules {
		if there := h.fact("module", m); there == "no" {
			missing = append(missing, m)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return one(Finding{
		Severity: SeverityWarning,
		Found:    "kernel modules that are not loaded: " + strings.Join(missing, ", "),
		Needed:   "these modules, where the DC/OS Storage Service is to be used",
	})
}

func checkDocker(h *hostFacts, o *Options) []Finding {
	facts := h.facts(o)
	wanted := slices.ContainsFunc(facts.Commands, func(c bundle.CommandFact) bool { return c.Name == "docker" })
	if !wanted && !facts.DockerRunning {
		return nil
	}
	if at := h.fact("command", "docker"); at == "" {
		return one(Finding{Found: "no docker command", Needed: "Docker", Hint: "install Docker; DC/OS does not bring it"})
	}
	if facts.DockerRunning && h.f.get("docker_code") != "0" {
		return one(Finding{Found: "a Docker daemon that does not answer (docker info)", Needed: "a running Docker daemon",
			Hint: "systemctl enable --now docker"})
	}
	return nil
}

func checkDockerVersion(h *hostFacts, o *Options) []Finding {
	for _, c := range h.facts(o).Commands {
		if c.Name != "docker" || c.MinVersion == "" {
			continue
		}
		for _, have := range strings.Fields(h.f.get("docker_version")) {
			if !atLeast(have, c.MinVersion) {
				return one(Finding{Found: "Docker " + have, Needed: "Docker " + c.MinVersion + " or newer"})
			}
		}
	}
	// Calico's libnetwork plugin writes cluster-store into /etc/docker/daemon.json and has Docker read it
	// (packages/calico/extra/create-calico-docker-network.py of DC/OS 2.1.2 and 2.2.1); Docker 23.0 knows it no longer
	// (docs/deprecated.md of docker/cli), and does not start with what it does not know.
	versions := strings.Fields(h.f.get("docker_version")) // the daemon's, and the client's
	if o.Role != Master && o.Bundle.Arguments["calico_enabled"] == "true" && len(versions) > 0 && atLeast(versions[0], "23") {
		return one(Finding{
			Found: "Docker " + versions[0],
			Needed: fmt.Sprintf("Docker older than 23.0: Calico of DC/OS %s gives it a setting, cluster-store, with which newer ones do not start",
				o.Bundle.Line),
			Hint: "install Docker 20.10, or set calico_enabled = false",
		})
	}
	return nil
}

// checkCgroups wants cgroups of version 1 where Mesos is to isolate tasks: src/linux/cgroups.cpp of its versions 1.4 to
// 1.11, at the commits in packages/mesos/buildinfo.json of DC/OS 1.10.11 to 2.2.1, mounts hierarchies of version 1
// alone. That was read and not tried.
func checkCgroups(h *hostFacts, o *Options) []Finding {
	if o.Role == Master || h.f.get("cgroups") != "cgroup2fs" {
		return nil
	}
	return one(Finding{
		Severity: SeverityWarning,
		Found:    "cgroups of version 2 alone",
		Needed:   fmt.Sprintf("cgroups of version 1: Mesos of DC/OS %s knows no others", o.Bundle.Line),
		Hint:     "boot with systemd.unified_cgroup_hierarchy=0 (and systemd.legacy_systemd_cgroup_controller, where systemd asks for it)",
	})
}

func checkDockerStorage(h *hostFacts, _ *Options) []Finding {
	var driver, data string
	for line := range strings.Lines(h.f.get("docker_info")) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "Storage Driver":
			driver = value
		case "Data file":
			data = value
		}
	}
	if driver == "devicemapper" && strings.HasPrefix(data, "/dev/loop") {
		return one(Finding{Found: "Docker's devicemapper on a loop device",
			Needed: "another storage driver, such as overlay2, or a real device under devicemapper"})
	}
	return nil
}

func checkXFS(h *hostFacts, o *Options) []Finding {
	if !h.facts(o).XFSFtype {
		return nil
	}
	var out []Finding
	for _, v := range h.f.all("xfs") {
		p := strings.Fields(v) // path device type free mount
		if len(p) != 5 || p[2] != "xfs" || !strings.HasPrefix(p[1], "/dev/") {
			continue
		}
		if ftype := h.fact("xfs_ftype", p[0]); ftype == "0" {
			out = append(out, Finding{Found: fmt.Sprintf("an XFS with ftype=0 under %s", p[0]), Needed: "ftype=1",
				Hint: "make the file system anew with mkfs.xfs -n ftype=1"})
		}
	}
	return out
}

func checkPorts(h *hostFacts, o *Options) []Finding {
	if h.Installed != None {
		return nil // it is DC/OS that has them
	}
	used := map[int64]bool{}
	for _, p := range strings.Fields(h.f.get("ports")) {
		if n, err := strconv.ParseInt(p, 16, 32); err == nil {
			used[n] = true
		}
	}
	var taken []string
	for _, p := range h.facts(o).Ports {
		if used[int64(p.Port)] {
			taken = append(taken, fmt.Sprintf("%d (%s)", p.Port, p.Service))
		}
	}
	if len(taken) == 0 {
		return nil
	}
	hint := "ss -lntup shows what uses them"
	if used[53] {
		hint += "; port 53 is systemd-resolved's on many hosts: stop it (systemctl disable --now systemd-resolved), put the real servers into " +
			"/etc/resolv.conf, and name them in resolvers"
	}
	return one(Finding{
		Found:  "ports in use: " + strings.Join(taken, ", "),
		Needed: "these ports free for DC/OS",
		Hint:   hint,
	})
}
