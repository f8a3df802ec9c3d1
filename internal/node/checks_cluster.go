// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"fmt"
	"slices"
	"strings"
)

// Checks of the host's place in the cluster: its address, and what it has to
// reach.

func checkIPDetect(h *hostFacts, _ *Options) []Finding {
	if !h.f.has("ip_detect_code") {
		return nil
	}
	ip := h.f.trimmed("ip_detect")
	switch {
	case h.f.get("ip_detect_code") != "0" || ip == "":
		return one(Finding{
			Found: fmt.Sprintf("an ip-detect script that ends with code %s and prints %q%s", h.f.get("ip_detect_code"), clip(ip, 80),
				inWords("; its errors: ", clip(h.f.trimmed("ip_detect_stderr"), 400))),
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
	out := append(h.unreachable(o, "exhibitor-backend", SeverityError, ""), checkBucket(h, o)...)
	dir := o.Bundle.Arguments["exhibitor_fs_config_dir"]
	if o.Bundle.Arguments["exhibitor_storage_backend"] == "shared_filesystem" {
		switch state := h.fact("directory", dir); state {
		case "missing":
			out = append(out, Finding{Found: "no directory " + dir, Needed: "the shared file system's directory (exhibitor_fs_config_dir)",
				Hint: "mount the shared file system on every master"})
		case "readonly":
			out = append(out,
				Finding{Found: dir + " cannot be written to", Needed: "a shared file system that masters can write to (exhibitor_fs_config_dir)"})
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
			out = append(out, Finding{Severity: p.severity, Found: fmt.Sprintf("%s does not resolve on the host", p.host), Needed: p.what,
				Hint: "check the name and the host's DNS"})
			continue
		}
		if connected := h.fact("tcp", p.host+" "+p.port); connected == "no" {
			if p.severity != "" {
				notConnected = p.severity
			}
			out = append(out, Finding{Severity: notConnected, Found: fmt.Sprintf("%s does not take connections on port %s from the host", p.host,
				p.port), Needed: p.what, Hint: hint})
		}
	}
	return out
}
