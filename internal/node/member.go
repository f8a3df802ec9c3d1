// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// A Membership is what a node that nobody has claimed shows of which cluster it is of.
//
// What proves that it is of a bundle's cluster is two things, and each alone is not enough.
// Its own configuration has to name the masters that the bundle names, in the same way: a
// cluster's name may be another's, too. And the masters that its own services find there have
// to answer, asked from the host, with one cluster id, which is the one that is noted on the
// node where there is one: masters' addresses may be others' in another network. Since the
// masters are the same ones in both configurations, that is one question, and not two. What a
// host cannot show is that its network is that of the others: hence whoever adopts several
// nodes has to find one id on all of them ([Options.Joins]).
type Membership struct {
	State            *State
	Masters          []string // that its configuration lists, sorted; nil unless they are listed
	ExhibitorAddress string   // that its site was given; "" if none
	ClusterID        string   // that is noted on the node; "" if none is
	Asked            []MasterAnswer
}

// A MasterAnswer is what a master answers when it is asked for the cluster's id.
type MasterAnswer struct {
	Master, Code, ID string // Code is HTTP's, "000" for no answer
}

// ReadMembership looks at a node as [Inspect] does, and at which cluster it is of. It changes
// nothing.
func ReadMembership(ctx context.Context, conn Conn, paths ...string) (*Membership, error) {
	c := call{scripts: []string{"inspect", "member"}, doing: "looking at which cluster the node is of", args: paths, timeout: 5 * time.Minute}
	f, err := run(ctx, conn, c)
	if err != nil {
		return nil, stageError(conn.Target().Address, stageInspect, c.doing, f, err)
	}
	s, err := parseState(f)
	if err != nil {
		return nil, stageError(conn.Target().Address, stageInspect, c.doing, f, err)
	}
	s.Looked = paths
	return parseMembership(f, s), nil
}

// parseMembership reads what member.sh printed.
func parseMembership(f *frame, s *State) *Membership {
	m := &Membership{State: s, Masters: sortedList(f.get("masters")), ClusterID: f.trimmed("cluster_id")}
	if given, err := bundle.GivenIn(f.get("given_config")); err == nil { // else nothing is known
		m.ExhibitorAddress = strings.TrimSpace(given["exhibitor_address"])
	}
	for _, line := range f.all("asked") {
		words := strings.SplitN(strings.TrimSpace(line), " ", 3)
		a := MasterAnswer{Master: words[0]}
		if len(words) > 1 {
			a.Code = words[1]
		}
		if len(words) > 2 {
			a.ID = words[2]
		}
		m.Asked = append(m.Asked, a)
	}
	return m
}

func sortedList(text string) []string {
	var list []string
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil // there is none
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Prove returns the cluster's id if the node is one of the bundle's cluster with the role, whole
// and nobody's but claim's, and a [*NotMemberError] that says what speaks against it.
func (m *Membership) Prove(host string, b *bundle.Bundle, role Role, claim string) (id string, err error) {
	if why, hint := m.unfit(b, role, claim); why != "" {
		return "", &NotMemberError{Host: host, Why: why, Do: hint}
	}
	if why, hint := m.otherMasters(b.Arguments); why != "" {
		return "", &NotMemberError{Host: host, Why: why, Do: hint}
	}
	id, why, hint := m.id()
	if why != "" {
		return "", &NotMemberError{Host: host, Why: why, Do: hint}
	}
	return id, nil
}

// unfit says why the node could not be adopted into whatever cluster.
func (m *Membership) unfit(b *bundle.Bundle, role Role, claim string) (why, hint string) {
	s := m.State
	broken, _ := s.broken(role)
	switch {
	case s.Claim != nil && s.Claim.ID != claim:
		return "another resource has this node: " + s.Claim.String(), "if it is to go to this pool, take it out there without uninstalling it " +
			"(terraform state rm), and import it: adopt takes nothing that is another resource's"
	case s.Installed != Complete:
		return "DC/OS on it is unfinished or broken" + inWords(": ", broken), "finish it, or uninstall it, in the way in which it was installed"
	case s.Role != role:
		return fmt.Sprintf("it is a node with the role %s, and the pool's are %s", s.Role, role), "put it into a pool of its role"
	case s.Cluster != b.ClusterName:
		return fmt.Sprintf("it is a node of the cluster %q, and the pool's is %q", s.Cluster, b.ClusterName),
			"correct cluster_name, or the address"
	case broken != "":
		return broken, "mend the node in the way in which it was installed"
	}
	if err := UpgradePath(s.Version, b.Version); err != nil {
		return err.Error(), "give the pool a release that the node can go to"
	}
	if err := ChangeTopology(role, s.Topology, TopologyOf(b.Arguments)); err != nil {
		return err.Error(), err.Hint()
	}
	return "", ""
}

// otherMasters says why the masters that the node's configuration names are not known to be
// those of a site.
func (m *Membership) otherMasters(args map[string]string) (why, hint string) {
	const correct = "correct the parameters of dcos_cluster_config to be those of the node's cluster, or take the host out of adopt and hosts"
	const unlike = "its configuration does not say which masters it has in a form that can be compared with the pool's (master_discovery %q)"
	discovery := args["master_discovery"]
	if discovery == "" || m.State.Topology.Discovery != discovery {
		return fmt.Sprintf(unlike, m.State.Topology.Discovery), correct
	}
	switch discovery {
	case "static":
		want := sortedList(args["master_list"])
		if len(want) == 0 || len(m.Masters) == 0 {
			return fmt.Sprintf(unlike, discovery), correct
		}
		if !slices.Equal(m.Masters, want) {
			return fmt.Sprintf("its masters are %s, and the pool's are %s", strings.Join(m.Masters, ", "), strings.Join(want, ", ")), correct
		}
	default:
		want := args["exhibitor_address"]
		if want == "" || m.ExhibitorAddress == "" {
			return fmt.Sprintf(unlike, discovery), correct
		}
		if m.ExhibitorAddress != want {
			return fmt.Sprintf("it finds its masters at %s, and the pool's nodes theirs at %s (exhibitor_address)", m.ExhibitorAddress, want),
				correct
		}
	}
	return "", ""
}

// id gives the cluster's id that all sources agree on.
func (m *Membership) id() (id, why, hint string) {
	var refused []string
	id = m.ClusterID
	answered := false
	for _, a := range m.Asked {
		if a.ID == "" {
			refused = append(refused, a.Master+" ("+a.Code+")")
			continue
		}
		answered = true
		if id != "" && a.ID != id {
			return "", fmt.Sprintf("the master %s is one of the cluster with the id %s, and what was seen before is of %s", a.Master, a.ID, id),
				"find out of which cluster the host is: its masters' addresses may be those of another cluster in another network"
		}
		id = a.ID
	}
	switch {
	case answered:
		return id, "", ""
	case len(refused) > 0:
		return "", "none of its masters says which cluster they are of (http://MASTER/metadata): " + strings.Join(refused, ", "),
			"mend the masters, or the way from the host to their port 80. If they ask for a login there (401), import the host into a pool of " +
				"its own instead, apply, and then move it over"
	}
	return "", "it finds no masters", "mend the masters, or the way from the host to them"
}

// KindNotMember is the kind of NotMemberError.
const KindNotMember remote.Kind = "not adopted"

var _ remote.Fault = (*NotMemberError)(nil)

// A NotMemberError says why a node cannot be adopted into a cluster.
type NotMemberError struct {
	Host, Why, Do string
}

func (e *NotMemberError) Error() string { return e.Host + ": it is not adopted: " + e.Why }

// Kind is KindNotMember.
func (*NotMemberError) Kind() remote.Kind { return KindNotMember }

// Hint says what to do.
func (e *NotMemberError) Hint() string { return "nothing was changed on the host: " + e.Do }

// joins makes sure, before anything is changed, that the node is one of the bundle's cluster,
// as [Options.Joins] has it. state is what was seen on the host just now.
func (s *session) joins(ctx context.Context, state *State) error {
	if s.opts.Joins == nil {
		return nil
	}
	c := call{scripts: []string{"member"}, doing: "looking at which cluster the node is of", timeout: 5 * time.Minute}
	f, err := s.do(ctx, stageInspect, c)
	if err != nil {
		return err
	}
	claim := ""
	if s.claim != nil {
		claim = s.claim.ID
	}
	id, err := parseMembership(f, state).Prove(s.host, s.opts.Bundle, s.opts.Role, claim)
	if err != nil {
		return err
	}
	return s.opts.Joins(id)
}
