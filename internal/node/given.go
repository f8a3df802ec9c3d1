// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"context"
	"time"
)

// Masked is what DC/OS writes in the place of a secret where everybody may read.
const Masked = "**HIDDEN**"

// Given is what a node knows of the site that it was installed for.
type Given struct {
	State *State
	// ConfigYAML is the site's config.yaml as the generator wrote it down again: every
	// value a text, those of secrets [Masked]. Empty if there is none.
	ConfigYAML string
	// The scripts as they are on the node; "" for one that is not there. DC/OS puts
	// ip-detect in the place of the public one where that is not given.
	IPDetect, IPDetectPublic, IP6Detect, FaultDomainDetect string
	// Programs are those of custom checks, by name; too large a one is empty.
	Programs map[string]string
}

// ReadGiven looks at a node, and reads what its site was configured with. It changes
// nothing.
func ReadGiven(ctx context.Context, conn Conn) (*Given, error) {
	c := call{scripts: []string{"inspect", "given"}, doing: "reading what the cluster was configured with", timeout: 5 * time.Minute}
	f, err := run(ctx, conn, c)
	if err != nil {
		return nil, stageError(conn.Target().Address, stageInspect, c.doing, f, err)
	}
	s, err := parseState(f)
	if err != nil {
		return nil, stageError(conn.Target().Address, stageInspect, c.doing, f, err)
	}
	g := &Given{
		State: s, ConfigYAML: f.get("given_config"), IPDetect: f.get("given_ip_detect"), IPDetectPublic: f.get("given_ip_detect_public"),
		IP6Detect: f.get("given_ip6_detect"), FaultDomainDetect: f.get("given_fault_domain_detect"), Programs: map[string]string{},
	}
	texts := f.all("given_program_text")
	for i, name := range f.all("given_program") {
		if i < len(texts) {
			g.Programs[name] = texts[i]
		}
	}
	return g, nil
}
