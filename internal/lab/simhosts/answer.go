// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package simhosts

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A host is one simulated machine.
type host struct {
	address    string
	generation int
	keys       int // how many it has had before

	mu        sync.Mutex
	installed bool
	role      string // on disk
	marker    string // of an unfinished installation
	claim     string // whose the node is
	masters   []string
	clusterID string // that its masters answer with
	left      int    // how often they do yet, if nextID is not ""
	nextID    string
	broken    bool
	cluster   string // its name
	version   string
	wanted    string // package ids that a preflight named, sorted, by line
	active    string // package ids that are active
	stored    string // package ids that are in the repository
	files     map[string]string
	units     string // enabled, one a line
	check     int    // exit code of its checks
	restarted time.Time
	drained   bool
}

// names gives the scripts that a text has in it, each by the line with which
// its result begins. Hosts have processors of their own: what the simulation
// takes of this machine's is not to be seen in what is measured.
func names(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for {
			name, ok := "", false
			if _, text, ok = strings.Cut(text, "\nput begin "); !ok {
				return
			}
			if name, text, ok = strings.Cut(text, "\n"); !ok || !yield(name) {
				return
			}
		}
	}
}

// arguments gives the line that has a text's arguments.
func arguments(text string) string {
	line, _ := between(text, "(unset d e ", "\n") // whatever else is unset (remote, wrap)
	return line
}

// A reply is a result as scripts print it.
type reply struct{ strings.Builder }

func (r *reply) put(key, value string) {
	harmless := strings.Trim(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/@:+,%=-") == ""
	if !harmless || strings.ContainsAny(value, " \n") {
		r.WriteString(key + ":" + base64.StdEncoding.EncodeToString([]byte(value)) + "\n")
		return
	}
	r.WriteString(key + "=" + value + "\n")
}

// always is what a script prints on each host at any time.
func (f *Fleet) always(name string) map[string]string {
	return map[string]map[string]string{
		"given": f.opts.Given, "drain": {"outcome": "drained"}, "cloudinit": {"outcome": "absent"},
	}[name]
}

// answer does what the scripts of a text would, and gives the exit code.
func (f *Fleet) answer(h *host, text, payload string, out io.StringWriter, stderr io.Writer) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	var r reply
	fails := f.Fails(h.address)
	code := 0
	for name := range names(text) {
		if name == "gate" { // it has begun
			if !strings.HasPrefix(payload, "go\n") {
				r.put("failed", "asking whether this master may be taken out of service")
				code = 70
				break
			}
			r.put("end", name)
			continue
		}
		r.put("begin", name)
		if doing := f.script(h, name, text, payload, fails, &r); doing != "" {
			r.put("failed", doing)
			_, _ = io.WriteString(stderr, "simulated failure at "+fails+"\n") // the peer may be gone
			code = 70
			break
		}
		r.put("end", name)
	}
	_, _ = out.WriteString(r.String()) // a strings.Builder never fails
	return code
}

// question is what the gate in front of a script asks; its answer comes before
// the input.
func (f *Fleet) question(h *host) string {
	var r reply
	r.put("begin", "gate")
	h.mu.Lock()
	f.ensembleAt(h, &r)
	h.mu.Unlock()
	r.put("ask", "yes")
	return r.String()
}

// script does what one script would. It gives what was being done if it fails.
func (f *Fleet) script(h *host, name, text, payload, fails string, r *reply) (failed string) {
	words := func(key string) (values []string) {
		for line := range strings.Lines(payload) {
			if value, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), key+" "); ok {
				values = append(values, value)
			}
		}
		return values
	}
	for _, m := range words("marker") {
		h.marked(f, m)
	}
	switch name {
	case "inspect":
		h.inspect(r)
	case "preflight":
		if fails == FailPreflight {
			return "looking at the disks"
		}
		ids := words("package")
		slices.Sort(ids)
		h.wanted = f.share(strings.Join(ids, "\n"))
		h.preflight(r, payload, f.opts.Transfer)
	case "apply":
		h.apply(f, words)
	case "follow":
		if fails == FailInstall {
			return "running dcos-setup.service"
		}
		if strings.Contains(arguments(text), "terraform-dcos-activate") {
			h.active = h.stored
		} else {
			h.installed, h.active = true, h.wanted
			if h.role == "master" {
				f.join(h.address)
			}
		}
		r.put("outcome", "done")
	case "fetch":
		ids := words("id")
		for _, id := range ids {
			r.put("fetched", id)
		}
	case "activate":
		ids := words("id")
		slices.Sort(ids)
		h.stored = f.share(strings.Join(ids, "\n"))
		r.put("unit", "terraform-dcos-activate.service")
	case "postflight":
		if fails == FailPostflight {
			return "waiting for the agent to register"
		}
		r.put("ip", h.address)
		r.put("outcome", "well")
	case "finish":
		h.marker = ""
		for _, claim := range words("claim") {
			h.claimed(f, claim)
		}
	case "health":
		f.ensembleAt(h, r)
	case "uninstall":
		f.part(h.address)
		h.installed, h.files = false, nil
		h.role, h.version, h.wanted, h.active, h.stored, h.units = "", "", "", "", "", ""
	case "verify":
		h.marker, h.claim, h.cluster = "", "", ""
		if f.opts.Stays != "" {
			r.put("stays", "unknown "+f.opts.Stays)
		}
	default:
		for key, value := range f.always(name) {
			r.put(key, value)
		}
		return h.act(f, name, r, text, payload, fails)
	}
	return ""
}

// act does what the scripts of actions would.
func (h *host) act(f *Fleet, name string, r *reply, text, payload, fails string) (failed string) {
	switch name {
	case "member":
		h.member(r)
	case "runner":
		h.checks(r, text)
	case "restart":
		return h.restart(r, payload, fails)
	case "maintain":
		h.maintain(f, r, arguments(text), payload)
	case "collect":
		r.put("secret_masked", `{"cluster_name":"sim"}`)
		r.put("secret_full", fmt.Sprintf(`{"cluster_name":"sim","exhibitor_admin_password":%q}`, Secret))
		r.put("name", "journal/dcos-net.service.log")
		r.put("content", h.address+" logs in with "+Secret+"\n")
		r.put("name", "state/large.txt")
		r.put("content", strings.Repeat("0123456789abcde\n", 40_000))
	}
	return ""
}

// Secret is in what hosts keep for root, and in what they say.
const Secret = "simulated-secret-word"

// checks answers with DC/OS's checks: one that is well, and one that [Fleet.Check] has made
// something else.
func (h *host) checks(r *reply, text string) {
	for _, kind := range []string{"node-poststart", "cluster"} {
		if strings.Contains(arguments(text), kind) {
			r.put("progress", kind)
			r.put(kind+"-code", strconv.Itoa(h.check))
			r.put(kind, fmt.Sprintf(`{"status":%d,"checks":{"xz":{"status":0,"output":""},"components":{"status":%d,"output":"simulated"}}}`,
				h.check, h.check))
		}
	}
}

// restart has one service, which is old until it was restarted.
func (h *host) restart(r *reply, payload, fails string) (failed string) {
	switch what := strings.Fields(strings.TrimPrefix(payload, "go\n")); {
	case fails == FailPostflight: // it would do so a stage later
		return "restarting"
	case len(what) > 2 && what[0] == "look":
		if before, err := strconv.ParseInt(what[2], 10, 64); err != nil || h.restarted.Unix() < before {
			r.put("old", "dcos-simulated.service")
		}
	case len(what) > 2 && what[0] == "do":
		r.put("progress", "restarting 1 service")
		h.restarted = time.Now()
	}
	r.put("outcome", "done")
	return ""
}

// maintain answers as an agent without tasks and its leading master do.
func (h *host) maintain(f *Fleet, r *reply, args, payload string) {
	leader := strings.Join(f.ensemble()[:min(1, len(f.ensemble()))], "")
	r.put("leader", leader)
	switch {
	case strings.Contains(args, "look"):
		info := ""
		if h.drained {
			info = `,"deactivated":true,"drain_info":{"state":"DRAINED"}`
		}
		for key, value := range map[string]string{
			"ip": h.address, "hostname": h.address, "id": "S-" + h.address, "tasks": "0", "registered": "yes",
			"slave": fmt.Sprintf(`{"slaves":[{"id":"S-%s"%s}]}`, h.address, info), "schedule": "{}", "status": "{}",
		} {
			r.put(key, value)
		}
	case strings.Contains(args, "post"):
		h.drained = strings.Contains(payload, "DRAIN_AGENT")
		r.put("code", "200")
	}
}

// marked takes a marker as scripts get it: base64, and a claim.
func (h *host) marked(f *Fleet, words string) {
	word, claim, _ := strings.Cut(words, " ")
	h.claimed(f, claim)
	marker, err := base64.StdEncoding.DecodeString(word)
	if err != nil {
		return
	}
	h.marker = f.share(string(marker))
	if v, ok := between("\n"+h.marker+"\n", "\nversion=", "\n"); ok {
		h.version = f.share(v)
	}
	if v, ok := between("\n"+h.marker+"\n", "\ncluster=", "\n"); ok {
		h.cluster = f.share(v)
	}
}

// claimed takes a claim as scripts get it: base64, or "-" for none.
func (h *host) claimed(f *Fleet, word string) {
	if claim, err := base64.StdEncoding.DecodeString(strings.Trim(word, "-")); err == nil && len(claim) > 0 {
		h.claim = f.share(string(claim))
	}
}

// ensembleAt answers for a host, on which there is no exhibitor without DC/OS.
func (f *Fleet) ensembleAt(h *host, r *reply) {
	r.put("ip", h.address)
	if h.installed {
		f.health(r)
	}
}

// health answers with the ensemble of masters.
func (f *Fleet) health(r *reply) {
	masters := f.ensemble()
	entries := make([]string, len(masters))
	for i, address := range masters {
		entries[i] = fmt.Sprintf(`{"hostname":%q,"description":"serving"}`, address)
	}
	r.put("ensemble", "["+strings.Join(entries, ",")+"]")
	if len(masters) > 0 {
		r.put("leader", masters[0])
		r.put("recovered", "yes")
	}
}

// member answers of which cluster the node is, as [Fleet.Belong] has it.
func (h *host) member(r *reply) {
	if !h.installed || len(h.masters) == 0 {
		return
	}
	if h.nextID != "" && h.left == 0 {
		h.clusterID, h.nextID = h.nextID, ""
	}
	h.left--
	r.put("masters", `["`+strings.Join(h.masters, `", "`)+`"]`)
	for _, m := range h.masters {
		r.put("asked", strings.TrimSpace(m+" "+map[bool]string{true: "200 " + h.clusterID, false: "000"}[h.clusterID != ""]))
	}
}

func (h *host) inspect(r *reply) {
	r.put("clock", strconv.FormatInt(time.Now().Unix(), 10))
	r.put("machine_id", h.machineID())
	r.put("boot_id", "boot-of-"+h.address)
	r.put("hostname", "sim-"+strings.ReplaceAll(h.address, ".", "-"))
	r.put("addresses", h.address)
	if h.marker != "" {
		r.put("owner", h.marker)
		r.put("staged", "yes")
	}
	if h.claim != "" {
		r.put("claim", h.claim)
	}
	if !h.installed {
		r.put("opt", "no")
		r.put("active_directory", "no")
		r.put("target", "no")
		return
	}
	for key, value := range map[string]string{
		"opt": "yes", "active_directory": "yes", "setup_pending": "no", "swap_unfinished": "no", "etc": "yes", "target": "yes",
		"active": h.active, "role": h.role, "detected_ip": h.address, "version": `{"version":"` + h.version + `"}`,
		"mesos_master_provider": "MESOS_CLUSTER=" + h.cluster + "\n",
	} {
		r.put(key, value)
	}
	if len(h.masters) > 0 {
		r.put("setting", "MASTER_SOURCE=master_list")
	}
	if h.broken {
		r.put("dangling", "mesos")
	}
	var units strings.Builder
	there := h.units + "dcos.target\n"
	if h.role == "master" {
		there += "dcos-adminrouter.service\n" // of its packages, which a plan's warnings name
	}
	for u := range strings.Lines(there) {
		fmt.Fprintf(&units, "Id=%sActiveState=active\nSubState=running\nUnitFileState=enabled\nResult=success\nJob=0\nLoadState=loaded\n\n", u)
	}
	r.put("units", units.String())
	for _, path := range slices.Sorted(maps.Keys(h.files)) {
		r.put("file", h.files[path]+" "+path)
	}
}

// preflight answers wishes as a host does that is fit for everything.
func (h *host) preflight(r *reply, payload string, transfer bool) {
	r.put("docker_code", "0")
	r.put("docker_info", "Storage Driver: overlay2")
	r.put("docker_version", "19.3.5 19.3.5")
	for line := range strings.Lines(payload) {
		w := strings.Fields(line)
		if len(w) < 2 {
			continue
		}
		switch w[0] {
		case "command":
			r.put("command", w[1]+" /usr/bin/"+w[1])
		case "group", "module", "resolve", "directory":
			r.put(w[0], w[1]+" yes")
		case "space":
			r.put("space", w[1]+" /dev/vda1 xfs 200000000 /")
		case "artifact":
			if !transfer {
				r.put("have", w[1])
			}
		case "package":
			if h.installed && slices.Contains(strings.Split(h.active, "\n"), w[1]) {
				r.put("package", w[1])
			}
		case "url":
			r.put("url", w[1]+" 200")
		case "tcp":
			r.put("tcp", strings.Join(w[1:], " ")+" yes")
		case "ip_detect":
			r.put("ip_detect_code", "0")
			r.put("ip_detect", h.address)
		}
	}
	r.put("ports", "0016\n")
	r.put("systemd_version", "219")
	r.put("pid1", "systemd")
	r.put("ntp", "yes")
}

// apply takes the setup files and units that the installer writes.
func (h *host) apply(f *Fleet, words func(string) []string) {
	if role := words("role"); len(role) > 0 {
		h.role = f.share(role[0])
	}
	if h.files == nil {
		h.files = map[string]string{}
	}
	for _, line := range words("file") {
		p := strings.Fields(line) // mode, path, content
		if len(p) != 3 {
			continue
		}
		content, err := base64.StdEncoding.DecodeString(strings.Trim(p[2], "-"))
		if err != nil {
			continue
		}
		sum := sha256.Sum256(content)
		h.files[f.share(p[1])] = f.share(hex.EncodeToString(sum[:]) + " " + strings.TrimPrefix(p[0], "0"))
	}
	for _, unit := range words("enable") {
		if !strings.Contains("\n"+h.units, "\n"+unit+"\n") {
			h.units = f.share(h.units + unit + "\n")
		}
	}
}
