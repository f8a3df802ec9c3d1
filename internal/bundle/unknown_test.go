// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/conformance"
	"github.com/dcos-install/terraform-provider-dcos/internal/render"
)

// eachConformanceSite resolves each recorded site of a release.
func eachConformanceSite(
	t *testing.T, tag string, f func(name string, site config.Site, facts config.Facts, set *templateSet, want conformance.Outcome),
) {
	t.Helper()
	recorded := conformance.Own(t)
	line := newConformanceLine(t, recorded, tag)
	for _, c := range recorded.Cases {
		site, extra := conformanceSite(t, recorded, c)
		if len(extra) > 0 || !c.Of(tag) {
			continue
		}
		var err error
		if site.Given, err = config.FromYAML(config.LineOf(tag), recorded.Config(t, c)); err == nil {
			f(c.Name, site, line.facts(), line.set, recorded.Outcome(t, tag, c.Name))
		}
	}
}

// someUnknown makes some of a site's values unknown, but for those kept.
func someUnknown(rng *rand.Rand, site config.Site, share float64, keep ...string) config.Site {
	some := config.Site{Given: maps.Clone(site.Given), Files: maps.Clone(site.Files)}
	for name := range some.Given {
		if rng.Float64() < share && !slices.Contains(keep, name) {
			some.Given[name] = config.Value{Unknown: true}
		}
	}
	for name := range some.Files {
		if rng.Float64() < share && !slices.Contains(keep, name) {
			some.Files[name] = config.File{Unknown: true}
		}
	}
	return some
}

// TestUnknownNeverErrs turns values of valid sites unknown: no site becomes
// wrong by that, whatever is not known.
func TestUnknownNeverErrs(t *testing.T) {
	t.Parallel()
	for _, tag := range []string{"2.2.1", "2.0.6", "1.11.13", "1.10.11"} {
		if testing.Short() && tag != "2.2.1" {
			continue
		}
		t.Run(tag, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(1, 2))
			eachConformanceSite(t, tag, func(name string, site config.Site, facts config.Facts, set *templateSet, want conformance.Outcome) {
				if want.Outcome != "ok" {
					return
				}
				for round := range 4 {
					some := someUnknown(rng, site, []float64{0.1, 0.3, 0.6, 1}[round%4])
					res, err := config.Resolve(some, facts, set.target)
					if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					if err := res.Err(); err != nil {
						t.Errorf("%s with values unknown: %v", name, err)
					}
					if problems := set.probe(res); len(problems) > 0 {
						t.Errorf("%s with values unknown: %v", name, problems)
					}
				}
			})
		})
	}
}

// TestUnknownHidesNothing turns the other values of refused sites unknown: what
// is wrong with a value that certainly counts is said all the same.
func TestUnknownHidesNothing(t *testing.T) {
	t.Parallel()
	for _, tag := range []string{"2.2.1", "1.11.13"} {
		t.Run(tag, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(3, 4))
			checked := 0
			eachConformanceSite(t, tag, func(name string, site config.Site, facts config.Facts, set *templateSet, want conformance.Outcome) {
				if want.Outcome != "validation" {
					return
				}
				full, err := config.Resolve(site, facts, set.target)
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range full.Errors {
					if _, given := site.Given[p.Parameter]; !given || shared(full.Errors, p) || !certain(set.target, p.Parameter) ||
						!alone(site, facts, set.target, p) {
						continue
					}
					checked++
					for _, share := range []float64{0.2, 0.5, 1} {
						res, err := config.Resolve(someUnknown(rng, site, share, p.Parameter), facts, set.target)
						if err != nil {
							t.Fatal(err)
						}
						if !slices.ContainsFunc(res.Errors, func(q config.Problem) bool { return q.Parameter == p.Parameter }) {
							t.Errorf("%s: with other values unknown nothing is said of %s", name, p.Parameter)
						}
					}
				}
			})
			if checked < 20 {
				t.Errorf("only %d complaints were looked at", checked)
			}
		})
	}
}

// shared reports whether a complaint is about how several parameters stand to
// each other: each of them has it.
func shared(all []config.Problem, p config.Problem) bool {
	return slices.ContainsFunc(all, func(q config.Problem) bool { return q.Message == p.Message && q.Parameter != p.Parameter })
}

func certain(target render.Target, name string) bool {
	return slices.Contains(target.Variables, name) || slices.ContainsFunc(target.Scopes, func(s render.Scope) bool { return s.Name == name })
}

// alone says whether a complaint needs no other given value.
func alone(site config.Site, facts config.Facts, target render.Target, p config.Problem) bool {
	only := config.Site{Given: map[string]config.Value{p.Parameter: site.Given[p.Parameter]}, Files: site.Files}
	res, err := config.Resolve(only, facts, target)
	return err == nil && slices.ContainsFunc(res.Errors, func(q config.Problem) bool { return q.Parameter == p.Parameter })
}
