// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// A Claim says whose a node is. It lies in the record directory on the host,
// root's alone, and whoever looks after the node knows its ID: who has another
// one looks after the node no more. It is written with the first change that an
// operation makes, and goes with the node.
type Claim struct {
	ID     string // random; "" is no claim
	Holder string // what has the node, in words: "dcos_node"
	// Cluster is the cluster's name, and Site tells clusters of one name apart
	// ([bundle.Recipe.SiteID]); "" if it is not known.
	Cluster, Site string
	Run           string // the run that made the node the holder's
}

// NewClaimID returns an id that nobody else has.
func NewClaimID() string { return rand.Text() }

// String names the holder.
func (c Claim) String() string {
	text := c.Holder
	if text == "" {
		text = "a resource"
	}
	if c.Cluster != "" {
		text += fmt.Sprintf(" of the cluster %q", c.Cluster)
	}
	if c.Run != "" {
		text += ", since the run " + c.Run
	}
	return text
}

// text writes the claim, in the form of scripts' results.
func (c Claim) text() []byte {
	return form("claim", [2]string{"id", c.ID}, [2]string{"holder", c.Holder}, [2]string{"cluster", c.Cluster},
		[2]string{"site", c.Site}, [2]string{"run", c.Run})
}

// parseClaim reads a claim. An empty file, which a power cut may leave, is none.
func parseClaim(text string) (*Claim, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil // no claim is an answer, too
	}
	f := &frame{}
	if _, err := f.Write([]byte(text)); err != nil {
		return nil, err
	}
	if err := f.check("claim"); err != nil {
		return nil, fmt.Errorf("reading whose the node is, in %s/claim: %w", RecordDirectory, err)
	}
	if len(f.get("id")) > maxFact {
		return nil, fmt.Errorf("reading whose the node is, in %s/claim: its id is longer than %d bytes", RecordDirectory, maxFact)
	}
	return &Claim{ID: f.get("id"), Holder: f.get("holder"), Cluster: f.get("cluster"), Site: f.get("site"), Run: f.get("run")}, nil
}

// A Holding is what whoever looks after a node knows of whose it is.
type Holding struct {
	// Claim is the holder's. Its ID is "" while it has none: it takes up the
	// one that is on the host, or makes one.
	Claim Claim
	// From is the id of the claim of whom the holder has the node from, which the
	// node may bear yet; "" if there is none.
	From string
	// Former is another name that the cluster may still have on the host; "" if
	// it has had none.
	Former string
	// Lost says that the holder has a claim and does not know it here: Terraform
	// does not hand it on to a removal. An unfinished installation counts as the
	// holder's then.
	Lost bool
	// TakeOver says that a wanted node becomes the holder's, whosever it was.
	TakeOver bool
	// Admit is told of the machine and of the claim that is about to be written,
	// before anything is changed, and may refuse. It may be nil.
	Admit func(State, Claim) error
}

// Cluster reports whether what is on the host is a node of the holder's
// cluster, as far as either side knows.
func (h Holding) cluster(s State) bool {
	if s.Claim != nil && h.has(s.Claim.ID) {
		return true
	}
	name := s.Cluster
	if name == "" && s.Owner != nil {
		name = s.Owner.Cluster
	}
	if name != "" && h.Claim.Cluster != "" && name != h.Claim.Cluster && name != h.Former {
		return false
	}
	return s.Claim == nil || s.Claim.Site == "" || h.Claim.Site == "" || s.Claim.Site == h.Claim.Site || h.Former != ""
}

// has reports whether a claim is one that the holder knows for its own.
func (h Holding) has(claim string) bool {
	return claim != "" && (claim == h.Claim.ID || claim == h.From)
}

// Foreign returns why the node is not the holder's to change: a [*ForeignError]
// for a node of another cluster, a [*ClaimedError] for one that another holder
// has; nil if nothing speaks against it. removes says that the node is to go,
// for which a holder without a claim needs more: another one's claim is one that
// it has never seen.
func (h Holding) foreign(host string, s State, removes bool) error {
	switch {
	case h.TakeOver || s.Installed == None && s.Owner == nil:
		return nil
	case !h.cluster(s):
		return &ForeignError{Host: host, Cluster: clusterOn(s), Version: s.Version, Role: s.Role, MachineID: s.MachineID, Installed: s.Installed,
			Ours: h.Claim.Cluster, Why: fmt.Sprintf("it is not a node of %q any more", h.Claim.Cluster)}
	case removes && h.Lost && s.Owner != nil:
		return nil
	case s.Claim != nil && !h.has(s.Claim.ID) && (removes || h.Claim.ID != ""):
		return &ClaimedError{Host: host, MachineID: s.MachineID, By: *s.Claim}
	}
	return nil
}

// Foreign is what the operations would say of a node as it is; see
// [Options.Holding].
func (h Holding) Foreign(host string, s State) error { return h.foreign(host, s, false) }

func clusterOn(s State) string {
	switch {
	case s.Cluster != "":
		return s.Cluster
	case s.Owner != nil:
		return s.Owner.Cluster
	case s.Claim != nil:
		return s.Claim.Cluster
	}
	return ""
}

// mine makes sure that the node is the holder's to change, and settles which
// claim the operation writes.
func (s *session) mine(state State) error {
	h := s.opts.Holding
	if h == nil {
		return nil
	}
	if err := h.foreign(s.host, state, false); err != nil {
		return err
	}
	claim := h.Claim
	if claim.ID == "" && state.Claim != nil && !h.TakeOver {
		claim.ID = state.Claim.ID
	}
	if claim.ID == "" {
		claim.ID = NewClaimID()
	}
	claim.Run = s.opts.Run
	s.claim = &claim
	if h.Admit != nil {
		return h.Admit(state, claim)
	}
	return nil
}

// claims reports whether the host does not say yet that the node is the
// holder's.
func (s *session) claims(state State) bool {
	return s.claim != nil && (state.Claim == nil || state.Claim.ID != s.claim.ID)
}

// TakenOver is the name of the finding on a node that was there already.
const TakenOver = "taken-over"

// tellOfAdoption says that the wanted node was there, and what is known of
// whose it was.
func (s *session) tellOfAdoption(state State) {
	if !s.claims(state) {
		return
	}
	found := "DC/OS " + state.Version + " with the wanted packages"
	needed := "no other resource, here or in another state, that still manages it"
	hint := "If one does, take it out there: its destroy leaves this node as it is from now on"
	if state.Claim != nil {
		found += ", which belonged to another resource: " + state.Claim.String()
	} else {
		found += ", of which nothing says whose it was"
		hint += ", unless it was made by a version of this provider that knew no claims and is not refreshed"
	}
	found += ". This resource has taken it over as it is"
	s.warn(Finding{Name: TakenOver, Severity: SeverityWarning, Found: found, Needed: needed, Hint: hint})
}

// claimed is the claim as a word of a script's input.
func (s *session) claimed() string {
	if s.claim == nil {
		return "-"
	}
	return encode(s.claim.text())
}

// KindClaimed is the kind of ClaimedError.
const KindClaimed remote.Kind = "another's node"

var _ remote.Fault = (*ClaimedError)(nil)

// A ClaimedError says that another resource has the node.
type ClaimedError struct {
	Host      string
	MachineID string
	By        Claim
}

func (e *ClaimedError) Error() string {
	return fmt.Sprintf("%s: another resource has this node: %s", e.Host, e.By)
}

// Kind is KindClaimed.
func (*ClaimedError) Kind() remote.Kind { return KindClaimed }

// Hint says what to do.
func (*ClaimedError) Hint() string {
	return "Nothing was changed on the host. If the other resource is to keep the node, take this one out of the configuration: its destroy " +
		"leaves the node as it is. If this one is to have it, import it here (terraform state rm, then terraform import), and take the other " +
		"one out"
}
