// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// cutRules drops what comes from or goes to the devices of hosts in a black
// hole. It is in the lab's own namespace, so a host's reboot changes nothing.
// ARP passes: between real machines there is a router that answers it, and
// without an answer callers would soon get "No route to host".
const cutRules = `table bridge lab {
	set gone { type ifname; }
	chain passing { type filter hook forward priority 0; policy accept; ether type arp accept; iifname @gone drop; oifname @gone drop; }
	chain entering { type filter hook input priority 0; policy accept; ether type arp accept; iifname @gone drop; }
	chain leaving { type filter hook output priority 0; policy accept; ether type arp accept; oifname @gone drop; }
}`

// ownTable is the name of the table of refuseRules.
const ownTable = "table inet lab_cut"

// refuseRules is put into a host's own namespace. The kernel's bridge cannot
// answer for a host, but the host's end of the device can.
//
//nolint:lll // a chain a line
const refuseRules = ownTable + " {}\ndelete " + ownTable + "\n" + ownTable + ` {
	chain entering { type filter hook input priority -300; policy accept; iifname "host0" meta l4proto tcp reject with tcp reset; iifname "host0" reject; }
	chain leaving { type filter hook output priority -300; policy accept; oifname "host0" tcp flags rst accept; oifname "host0" meta l4proto icmp accept; oifname "host0" meta l4proto tcp reject with tcp reset; oifname "host0" reject; }
}
`

// CutMode is how a host is cut off.
type CutMode int

// How callers see a host that is cut off.
const (
	BlackHole CutMode = iota // packets vanish: connections time out, open ones stall
	Refuse                   // connections are refused, open ones reset
)

// Cut cuts the host off the network, both ways; it goes on running. It stays
// cut off when it reboots, until Rejoin.
func (h *Host) Cut(ctx context.Context, mode CutMode) error {
	var err error
	switch mode {
	case BlackHole:
		if err = os.WriteFile(h.cutFile(), nil, 0o600); err == nil {
			err = h.blackHole(ctx)
		}
	case Refuse:
		if err = os.WriteFile(h.refuseFile(), []byte(refuseRules), 0o600); err == nil {
			err = h.ownRules(ctx, refuseRules)
		}
	default:
		err = fmt.Errorf("unknown mode %d", mode)
	}
	if err != nil {
		return fmt.Errorf("cut off host %s: %w", h.Name, err)
	}
	return nil
}

// Rejoin undoes Cut.
func (h *Host) Rejoin(ctx context.Context) error {
	var errs []error
	if exists(h.refuseFile()) {
		errs = append(errs, os.Remove(h.refuseFile()), h.ownRules(ctx, ownTable+" {}\ndelete "+ownTable+"\n"))
	}
	if exists(h.cutFile()) {
		errs = append(errs, h.blackHole(ctx, "delete"), os.Remove(h.cutFile()))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("rejoin host %s: %w", h.Name, err)
	}
	return nil
}

func (h *Host) cutFile() string    { return filepath.Join(h.dir, "cut") }
func (h *Host) refuseFile() string { return filepath.Join(h.dir, "refuse.nft") }

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// blackHole adds the host to those in a black hole, where it may be already,
// and then does what else is to be done with its name there.
func (h *Host) blackHole(ctx context.Context, then ...string) error {
	var rules strings.Builder
	for _, verb := range append([]string{"add"}, then...) {
		fmt.Fprintf(&rules, "%s element bridge lab gone { %s }\n", verb, h.device())
	}
	return run(ctx, rules.String(), []string{"nsenter", "--net=" + h.lab.namespace(), "--", "nft", "-f", "-"})
}

// ownRules gives rules to the host's own namespace; one that is off gets them
// from its supervisor when it boots.
func (h *Host) ownRules(ctx context.Context, rules string) error {
	leader := h.leader()
	if leader == 0 {
		return nil
	}
	return run(ctx, rules, []string{"nsenter", "--net=/proc/" + strconv.Itoa(leader) + "/ns/net", "--", "nft", "-f", "-"})
}
