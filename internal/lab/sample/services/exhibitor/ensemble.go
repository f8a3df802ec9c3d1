// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package exhibitor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Spec is one server of an ensemble, with its number in ZooKeeper.
type Spec struct {
	ID       int
	Hostname string
}

// Servers are an ensemble's, in the order in which they joined.
type Servers []Spec

// standardServer is exhibitor's letter for a server that is no observer. DC/OS has no
// observers (observer-threshold=0).
const standardServer = "S"

// ParseServers reads a servers-spec: "S:1:ADDRESS,S:2:ADDRESS", the letter may be left out.
func ParseServers(text string) (Servers, error) {
	var all Servers
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		number, address, ok := strings.Cut(strings.TrimPrefix(item, standardServer+":"), ":")
		id, err := strconv.Atoi(number)
		if !ok || err != nil {
			return nil, fmt.Errorf("the servers %q have an entry that is not NUMBER:ADDRESS", text)
		}
		all = append(all, Spec{id, address})
	}
	return all, nil
}

func (s Servers) String() string {
	var items []string
	for _, one := range s {
		items = append(items, fmt.Sprintf("%s:%d:%s", standardServer, one.ID, one.Hostname))
	}
	return strings.Join(items, ",")
}

// Hostnames are the servers' addresses.
func (s Servers) Hostnames() []string {
	var names []string
	for _, one := range s {
		names = append(names, one.Hostname)
	}
	return names
}

// number is a server's number; 0 if it is none of them.
func (s Servers) number(hostname string) int {
	for _, one := range s {
		if one.Hostname == hostname {
			return one.ID
		}
	}
	return 0
}

// same reports whether two lists have the same servers, in whatever order.
func (s Servers) same(other Servers) bool {
	return len(s) == len(other) && !slices.ContainsFunc(s, func(one Spec) bool { return !slices.Contains(other, one) })
}

// With is the list that a member makes of an ensemble of a fixed size, to be in it: all
// that are down leave at once, and it comes last, with a number that nobody had. Where
// there is no room, the list is what it was.
func (s Servers) With(hostname string, size int, down func(hostname string) bool) Servers {
	var stay Servers
	last := 0
	for _, one := range s {
		last = max(last, one.ID)
		if !down(one.Hostname) {
			stay = append(stay, one)
		}
	}
	if len(stay) >= size {
		return s
	}
	return append(stay, Spec{last + 1, hostname})
}
