// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
)

// fact gives the rest of the line that preflight.sh printed about a subject:
// "command curl /usr/bin/curl" → "/usr/bin/curl".
func (h *hostFacts) fact(key, subject string) string {
	for _, v := range slices.Backward(h.f.all(key)) {
		if v == subject {
			return ""
		}
		if rest, found := strings.CutPrefix(v, subject+" "); found {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

func one(f Finding) []Finding { return []Finding{f} }

func (h *hostFacts) facts(o *Options) bundle.PreflightFact {
	return bundle.PreflightFacts(o.Bundle.Line, o.Role.OnDisk())
}

func checkDCOS(h *hostFacts, o *Options) []Finding {
	if h.Installed == None && h.f.get("opt") == "empty" && !h.facts(o).EmptyRoot {
		return one(Finding{
			Found:  "an empty directory /opt/mesosphere",
			Needed: fmt.Sprintf("none: dcos-download of DC/OS %s unpacks nothing where there is one, so that it cannot be a mount point either", o.Bundle.Line),
			Hint:   "rmdir /opt/mesosphere",
		})
	}
	if h.Installed == None || h.Owner != nil && h.Owner.Cluster == o.Bundle.ClusterName {
		return nil // an unfinished installation of ours is continued
	}
	f := (&ForeignError{Host: o.Address, Cluster: h.Cluster, Version: h.Version, Role: h.Role, Installed: h.Installed})
	return one(Finding{
		Found:  strings.TrimSpace(fmt.Sprintf("DC/OS %s (%s installation) %s %s", h.Version, h.Installed, inWords("with the role ", string(h.Role)), inWords("of the cluster ", h.Cluster))),
		Needed: "a host without DC/OS",
		Hint:   f.Hint(),
	})
}

func inWords(before, s string) string {
	if s == "" {
		return ""
	}
	return before + s
}

func checkLeftovers(h *hostFacts, _ *Options) []Finding {
	if h.Installed != None || len(h.Leftovers) == 0 {
		return nil
	}
	return one(Finding{
		Found:  fmt.Sprintf("state of a former DC/OS in /var/lib/dcos (%s)", clip(strings.Join(h.Leftovers, ", "), 200)),
		Needed: "none: DC/OS would take it up, and a master would join its former ensemble",
		Hint:   "remove /var/lib/dcos if nothing in it is needed",
	})
}

func checkMachineID(h *hostFacts, o *Options) []Finding {
	if h.peers.Twin == "" || h.peers.Twin == o.Address {
		return nil
	}
	return one(Finding{
		Found:  fmt.Sprintf("machine id %s, which %s has too", h.MachineID, h.peers.Twin),
		Needed: "a machine id of its own",
		Hint:   "the machines are clones of one image: empty /etc/machine-id in the image, or run rm /etc/machine-id && systemd-machine-id-setup and reboot",
	})
}

// checkClock compares clocks to the second; the host's was read at some time
// between before and after.
func checkClock(h *hostFacts, _ *Options) []Finding {
	var off time.Duration
	switch {
	case h.Clock.Before(h.before.Truncate(time.Second)):
		off = h.before.Sub(h.Clock)
	case h.Clock.After(h.after):
		off = h.Clock.Sub(h.after)
	}
	f := Finding{
		Found:  fmt.Sprintf("a clock that is off by %s from this machine's (%s there)", off.Round(time.Second), h.Clock.UTC().Format(time.RFC3339)),
		Needed: "clocks that agree",
		Hint:   "set up chrony, ntpd or systemd-timesyncd on the host",
	}
	switch {
	case off > time.Minute:
		return one(f)
	case off > 5*time.Second:
		f.Severity = SeverityWarning
		return one(f)
	}
	return nil
}

func checkTimeSync(h *hostFacts, o *Options) []Finding {
	if h.f.get("ntp") != "no" || o.Bundle.Arguments["check_time"] != "true" {
		return nil
	}
	return one(Finding{
		Severity: SeverityWarning,
		Found:    "no time service at work (chronyd, ntpd, systemd-timesyncd)",
		Needed:   "a synchronised clock: with check_time, exhibitor and dcos-net do not start before",
		Hint:     "set one up on the host",
	})
}

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
		return one(Finding{Found: fmt.Sprintf("SELinux enforcing the policy %q", policy), Needed: "SELinux off, permissive, or enforcing the policy \"targeted\""})
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
		return one(Finding{Found: "a Docker daemon that does not answer (docker info)", Needed: "a running Docker daemon", Hint: "systemctl enable --now docker"})
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
	return nil
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
		return one(Finding{Found: "Docker's devicemapper on a loop device", Needed: "another storage driver, such as overlay2, or a real device under devicemapper"})
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
			out = append(out, Finding{Found: fmt.Sprintf("an XFS with ftype=0 under %s", p[0]), Needed: "ftype=1", Hint: "make the file system anew with mkfs.xfs -n ftype=1"})
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
	return one(Finding{
		Found:  "ports in use: " + strings.Join(taken, ", "),
		Needed: "these ports free for DC/OS",
		Hint:   "ss -lntup shows what uses them",
	})
}

func checkIPDetect(h *hostFacts, _ *Options) []Finding {
	if !h.f.has("ip_detect_code") {
		return nil
	}
	ip := h.f.trimmed("ip_detect")
	switch {
	case h.f.get("ip_detect_code") != "0" || ip == "":
		return one(Finding{
			Found:  fmt.Sprintf("an ip-detect script that ends with code %s and prints %q%s", h.f.get("ip_detect_code"), clip(ip, 80), inWords("; its errors: ", clip(h.f.trimmed("ip_detect_stderr"), 400))),
			Needed: "one line with the node's address",
			Hint:   "correct ip_detect_script; it runs as root on the host",
		})
	case !slices.Contains(h.Addresses, ip):
		return one(Finding{
			Found:  fmt.Sprintf("an ip-detect script that prints %q; the host's addresses are %s", clip(ip, 80), strings.Join(h.Addresses, ", ")),
			Needed: "one of the host's own addresses: DC/OS's services listen on it",
			Hint:   "correct ip_detect_script",
		})
	}
	return nil
}

func checkMasterList(h *hostFacts, o *Options) []Finding {
	list := masterList(o.Bundle)
	ip := h.f.trimmed("ip_detect")
	if len(list) == 0 || ip == "" || o.Bundle.Arguments["master_discovery"] != "static" {
		return nil
	}
	listed := slices.Contains(list, ip)
	switch {
	case o.Role == Master && !listed:
		return one(Finding{
			Found:  fmt.Sprintf("the address %s, which is not in master_list (%s)", ip, strings.Join(list, ", ")),
			Needed: "a master whose detected address is in master_list",
			Hint:   "correct master_list or ip_detect_script",
		})
	case o.Role != Master && listed:
		return one(Finding{
			Found:  fmt.Sprintf("the address %s, which is in master_list", ip),
			Needed: "an agent that is not one of the masters",
			Hint:   "correct master_list or the node's role",
		})
	}
	return nil
}

func checkHostname(h *hostFacts, _ *Options) []Finding {
	if there := h.fact("resolve", h.Hostname); there != "no" {
		return nil
	}
	return one(Finding{
		Severity: SeverityWarning,
		Found:    fmt.Sprintf("a host name, %q, that does not resolve on the host", h.Hostname),
		Needed:   "a host name that resolves",
		Hint:     "add it to /etc/hosts",
	})
}

func checkBootstrapURL(h *hostFacts, o *Options) []Finding {
	url := o.Bundle.Arguments["bootstrap_url"]
	var out []Finding
	for _, v := range h.f.all("url") {
		at, code, _ := strings.Cut(v, " ")
		if code = strings.TrimSpace(code); code == "200" || !strings.HasPrefix(at, url) {
			continue
		}
		out = append(out, Finding{
			Found:  fmt.Sprintf("%s does not give it (%s)", at, code),
			Needed: "a bootstrap_url from which the node can fetch the bundle",
			Hint:   "publish the bundle there, and let the node's network and proxy reach it",
		})
	}
	return out
}

func checkLoadBalancer(h *hostFacts, o *Options) []Finding {
	return h.unreachable(o, "load-balancer", SeverityWarning, "before any master is installed, many balancers do not answer")
}

func checkExhibitorBackend(h *hostFacts, o *Options) []Finding {
	if o.Role != Master {
		return nil
	}
	out := h.unreachable(o, "exhibitor-backend", SeverityError, "")
	dir := o.Bundle.Arguments["exhibitor_fs_config_dir"]
	if o.Bundle.Arguments["exhibitor_storage_backend"] == "shared_filesystem" {
		switch state := h.fact("directory", dir); state {
		case "missing":
			out = append(out, Finding{Found: "no directory " + dir, Needed: "the shared file system's directory (exhibitor_fs_config_dir)", Hint: "mount the shared file system on every master"})
		case "readonly":
			out = append(out, Finding{Found: dir + " cannot be written to", Needed: "a shared file system that masters can write to (exhibitor_fs_config_dir)"})
		}
		out = append(out, adopted(h, o, dir)...)
	}
	return out
}

// adopted tells whether a new ensemble would take up another's state, which
// outlives the nodes that made it.
func adopted(h *hostFacts, o *Options, dir string) []Finding {
	if h.Installed != None || h.peers.Master || o.Ensemble.Exists {
		return nil
	}
	contents := h.fact("contents", dir)
	if contents == "" {
		return nil
	}
	list := masterList(o.Bundle)
	var strangers []string
	for entry := range strings.SplitSeq(h.fact("servers", dir), ",") {
		address := entry[strings.LastIndexByte(entry, ':')+1:]
		if address != "" && len(list) > 0 && !slices.Contains(list, address) {
			strangers = append(strangers, address)
		}
	}
	const hint = "If it is of a cluster that is gone, empty the directory, or name another in exhibitor_fs_config_dir"
	if len(strangers) > 0 {
		return one(Finding{
			Found:  fmt.Sprintf("the state of an ensemble in %s, with masters that are not in master_list: %s", dir, strings.Join(strangers, ", ")),
			Needed: "no state of another cluster: exhibitor would take it up",
			Hint:   hint,
		})
	}
	return one(Finding{
		Severity: SeverityWarning,
		Found:    fmt.Sprintf("the state of an ensemble in %s already (%s)", dir, clip(contents, 200)),
		Needed:   "none, unless it is this cluster's own: exhibitor takes it up",
		Hint:     hint,
	})
}

// unreachable gives a finding for each peer of the check that does not
// resolve or does not take a connection.
func (h *hostFacts) unreachable(o *Options, name string, notConnected Severity, hint string) []Finding {
	var out []Finding
	for _, p := range reach(o.Bundle) {
		if p.name != name {
			continue
		}
		if there := h.fact("resolve", p.host); there == "no" {
			out = append(out, Finding{Severity: p.severity, Found: fmt.Sprintf("%s does not resolve on the host", p.host), Needed: p.what, Hint: "check the name and the host's DNS"})
			continue
		}
		if connected := h.fact("tcp", p.host+" "+p.port); connected == "no" {
			if p.severity != "" {
				notConnected = p.severity
			}
			out = append(out, Finding{Severity: notConnected, Found: fmt.Sprintf("%s does not take connections on port %s from the host", p.host, p.port), Needed: p.what, Hint: hint})
		}
	}
	return out
}

// checkHealth counts only where another version is to be put in: a node that
// is not well may well need exactly the change that is on its way.
func checkHealth(h *hostFacts, o *Options) []Finding {
	if h.Installed != Complete {
		return nil
	}
	what := unwell(h.f.get("health_node-poststart"), h.f.get("health_code"))
	if what == "" {
		return nil
	}
	f := Finding{Found: "DC/OS's own checks of the node fail: " + what, Needed: "a node that is well before it is upgraded", Hint: "repair the node first, or skip this check"}
	if h.Version == o.Bundle.Version {
		f.Severity = SeverityWarning
	}
	return one(f)
}
