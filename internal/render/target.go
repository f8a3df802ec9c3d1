// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"fmt"
	"slices"
	"strings"
)

// A Target is what a template mentions: variables at its top level, and a
// scope for every switch, whose variables count only if the case is chosen.
type Target struct {
	Variables []string // sorted, each once
	Scopes    []Scope  // in order of first appearance, each name once
}

// A Scope is one switch of a target.
type Scope struct {
	Name  string
	Cases []Case // in order of first appearance
}

// A Case is one case of a switch.
type Case struct {
	Value  string
	Target Target
}

// Values gives the values of the scope's cases.
func (s Scope) Values() []string {
	values := make([]string, len(s.Cases))
	for i, c := range s.Cases {
		values[i] = c.Value
	}
	return values
}

// Target returns what the template mentions. It fails if the same switch has
// different cases in two places.
func (t *Template) Target() (Target, error) {
	return targetOf(t.chunks, nil)
}

func targetOf(chunks []chunk, bound []string) (Target, error) {
	var parts []Target
	var own Target
	for i := range chunks {
		c := &chunks[i]
		switch {
		case c.ref != nil:
			if !slices.Contains(bound, c.ref.name) {
				own.Variables = append(own.Variables, c.ref.name)
			}
		case c.choice != nil:
			scope := Scope{Name: c.choice.name}
			for _, cc := range c.choice.cases {
				sub, err := targetOf(cc.chunks, bound)
				if err != nil {
					return Target{}, err
				}
				scope.Cases = append(scope.Cases, Case{cc.value, sub})
			}
			parts = append(parts, Target{Scopes: []Scope{scope}})
		case c.loop != nil:
			sub, err := targetOf(c.loop.chunks, append(slices.Clone(bound), c.loop.variable))
			if err != nil {
				return Target{}, err
			}
			parts = append(parts, sub)
		}
	}
	return MergeTargets(append(parts, own)...)
}

// MergeTargets joins targets. It fails if the same switch has different cases
// in two of them.
func MergeTargets(targets ...Target) (Target, error) {
	var merged Target
	at := make(map[string]int)
	for _, t := range targets {
		merged.Variables = append(merged.Variables, t.Variables...)
		for _, scope := range t.Scopes {
			i, ok := at[scope.Name]
			if !ok {
				at[scope.Name] = len(merged.Scopes)
				merged.Scopes = append(merged.Scopes, scope)
				continue
			}
			joined, err := mergeScopes(merged.Scopes[i], scope)
			if err != nil {
				return Target{}, err
			}
			merged.Scopes[i] = joined
		}
	}
	slices.Sort(merged.Variables)
	merged.Variables = slices.Compact(merged.Variables)
	return merged, nil
}

func mergeScopes(a, b Scope) (Scope, error) {
	joined := Scope{Name: a.Name}
	for _, ca := range a.Cases {
		i := slices.IndexFunc(b.Cases, func(cb Case) bool { return cb.Value == ca.Value })
		if i < 0 || len(a.Cases) != len(b.Cases) {
			return Scope{}, fmt.Errorf("the templates contradict each other: switch %s has the cases %s in one place and %s in another",
				a.Name, strings.Join(a.Values(), ", "), strings.Join(b.Values(), ", "))
		}
		sub, err := MergeTargets(ca.Target, b.Cases[i].Target)
		if err != nil {
			return Scope{}, err
		}
		joined.Cases = append(joined.Cases, Case{ca.Value, sub})
	}
	if len(a.Cases) == 0 && len(b.Cases) > 0 {
		return Scope{}, fmt.Errorf("the templates contradict each other: switch %s has no case in one place", a.Name)
	}
	return joined, nil
}
