// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
)

// fact gives the rest of the line that preflight.sh printed about a subject:
// "command curl /usr/bin/curl" → "/usr/bin/curl".
func (h *hostFacts) fact(key, subject string) string {
	for _, l := range slices.Backward(h.f.lines) {
		if l.key != key {
			continue
		}
		if rest, found := strings.CutPrefix(l.value, subject); found && (rest == "" || rest[0] == ' ') {
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
			Found: "an empty directory /opt/mesosphere",
			Needed: fmt.Sprintf("none: dcos-download of DC/OS %s unpacks nothing where there is one, so that it cannot be a mount point either",
				o.Bundle.Line),
			Hint: "rmdir /opt/mesosphere",
		})
	}
	if h.Installed == None || h.Owner != nil && h.Owner.Cluster == o.Bundle.ClusterName {
		return nil // an unfinished installation of ours is continued
	}
	if len(h.Strangers) > 0 && h.Owner == nil {
		e := &StrangersError{Host: o.Address, Names: h.Strangers}
		return one(Finding{Found: e.found(), Needed: "a directory for DC/OS alone, or none", Hint: e.Hint()})
	}
	f := (&ForeignError{Host: o.Address, Cluster: h.Cluster, Version: h.Version, Role: h.Role, Installed: h.Installed})
	return one(Finding{
		Found: strings.TrimSpace(fmt.Sprintf("DC/OS %s (%s installation) %s %s", h.Version, h.Installed,
			inWords("with the role ", string(h.Role)), inWords("of the cluster ", h.Cluster))),
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
		Hint: "remove /var/lib/dcos if nothing in it is needed; to have DC/OS take it up, as on a host that was this very node before, skip " +
			"this check",
	})
}

// checkDirectories finds what DC/OS could neither be installed in nor removed
// from.
func checkDirectories(h *hostFacts, _ *Options) []Finding {
	if h.Installed != None {
		return nil
	}
	var out []Finding
	for _, v := range h.f.all("unfit") {
		path, why, _ := strings.Cut(v, " ")
		f := Finding{Needed: "a directory, a link to one, or none"}
		switch why {
		case "dangling":
			f.Found = path + ", a link that leads nowhere"
			f.Hint = "make the directory that it leads to, or remove the link"
		case "file":
			f.Found = path + ", which is no directory"
			f.Hint = "move it away"
		default:
			f.Found = path + " on a file system that cannot be written to"
			f.Needed = "one that can"
			f.Hint = "mount it writable"
		}
		out = append(out, f)
	}
	return out
}

// checkMachineID stands in the way of a new node alone: one that is in the
// cluster is not made better by being left as it is.
func checkMachineID(h *hostFacts, o *Options) []Finding {
	twin := h.peers.Twin
	if twin == nil || twin.Address == o.Address {
		return nil
	}
	f := Finding{
		Found:  fmt.Sprintf("machine id %s, which the node %s has too (%s)", h.MachineID, twin.Address, twin.known(h.after)),
		Needed: "a machine id of its own",
		Hint: "the machines are clones of one image: empty /etc/machine-id in the image, or run rm /etc/machine-id && " +
			"systemd-machine-id-setup and reboot. If there is no such node any more, skip this check",
	}
	if twin.BootID != "" && twin.BootID == h.BootID {
		f.Found = fmt.Sprintf("the machine of the node %s (%s): its machine id, %s, and its boot id are the same", twin.Address,
			twin.known(h.after), h.MachineID)
		f.Needed = "a machine that is no other node of the cluster"
		f.Hint = "name the machine once, by one of its addresses. If there is no such node any more, skip this check"
	}
	if o.MachineID != "" {
		f.Severity = SeverityWarning
	}
	return one(f)
}

// known says how it is known, and how fresh that is.
func (t *Twin) known(now time.Time) string {
	if t.Seen.IsZero() {
		return "as Terraform's state has it, not looked at since"
	}
	switch minutes := int(now.Sub(t.Seen).Minutes()); {
	case minutes < 1:
		return "looked at just now"
	case minutes == 1:
		return "looked at 1 minute ago"
	default:
		return fmt.Sprintf("looked at %d minutes ago", minutes)
	}
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
		Found: fmt.Sprintf("a clock that is off by %s from this machine's (%s there)", off.Round(time.Second),
			h.Clock.UTC().Format(time.RFC3339)),
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
	f := Finding{Found: "DC/OS's own checks of the node fail: " + what, Needed: "a node that is well before it is upgraded",
		Hint: "repair the node first, or skip this check"}
	if h.Version == o.Bundle.Version {
		f.Severity = SeverityWarning
	}
	return one(f)
}
