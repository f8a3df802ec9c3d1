// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/packed"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// TestWarningsOfAPool holds that what thousands of hosts of a pool are warned of is a
// few diagnostics of bounded length, none of which is lost without a word.
func TestWarningsOfAPool(t *testing.T) {
	t.Parallel()
	const hosts = 10_000
	r := &poolRun{shared: &shared{redactor: runlog.NewRedactor()}}
	var wait sync.WaitGroup
	for worker := range 10 {
		wait.Go(func() {
			for n := worker; n < hosts; n += 10 {
				warn := r.warnsOf(fleet.Host{Target: remote.Target{Address: simhosts.Address(n)}})
				for _, name := range []string{"memory", node.NotDrained} {
					warn(node.Finding{Name: name, Found: fmt.Sprintf("%d MB on %s", 1000+n, simhosts.Address(n)), Needed: "4 GB", Hint: "look"})
				}
				r.warn(leftNode(simhosts.Address(n), fmt.Errorf("%s is silent", simhosts.Address(n))))
			}
		})
	}
	wait.Wait()
	all := r.warnings.diagnostics()
	if len(all) != 3 {
		t.Fatalf("%d diagnostics of three kinds", len(all))
	}
	for _, d := range all {
		if d.Severity() != diag.SeverityWarning || len(d.Detail()) > 4096 {
			t.Errorf("%s: %v, %d bytes", d.Summary(), d.Severity(), len(d.Detail()))
		}
		for _, want := range []string{"9,999 other hosts: 127.", " and 9,959 more", "run log"} {
			if !strings.Contains(d.Detail(), want) {
				t.Errorf("%s does not say %q:\n%s", d.Summary(), want, d.Detail())
			}
		}
	}
	// Kinds have a bound too, and what is beyond it is counted.
	letters := func(n int) string { return strings.Repeat(string(rune('a'+n%26)), 1+n/26) }
	for n := range 50 {
		r.warn(diag.NewWarningDiagnostic("Kind "+letters(n), "text"))
	}
	all = r.warnings.diagnostics()
	if last := all[len(all)-1]; len(all) != maxFolded+1 || last.Summary() != "More Warnings" ||
		!strings.Contains(last.Detail(), "33 more warnings") {
		t.Errorf("%d diagnostics, the last is %q", len(all), last.Detail())
	}
	var errs foldedDiagnostics
	for n := range 50 {
		errs.add(diag.NewAttributeErrorDiagnostic(tfpath.Root("hosts").AtMapKey(letters(n)), "Host Twice In The Pool", letters(49-n)))
	}
	all = errs.diagnostics()
	if last := all[len(all)-1]; len(all) != maxFolded+1 || last.Summary() != "More Errors" ||
		!strings.Contains(last.Detail(), "30 more errors") {
		t.Errorf("%d diagnostics, the last is %q", len(all), last.Detail())
	}
	if at, ok := all[0].(diag.DiagnosticWithPath); !ok || !at.Path().Equal(tfpath.Root("hosts").AtMapKey("a")) {
		t.Error("the first one has lost its place")
	}
}

// TestMistakesOfAPool holds that a mistake that thousands of hosts of a configuration
// have is a few errors of bounded length, which count all of them.
func TestMistakesOfAPool(t *testing.T) {
	t.Parallel()
	const hosts = 10_000
	kinds := map[string]func(n int) packed.Value{
		"it has no address": func(int) packed.Value { return packed.Fields(nil) },
		"the user has an attribute of its own": func(n int) packed.Value {
			return packed.Fields([]packed.Field{{Name: "address", Text: "ops@" + simhosts.Address(n)}})
		},
		"has no attribute \"addr\"": func(n int) packed.Value {
			return packed.Fields([]packed.Field{{Name: "addr", Text: simhosts.Address(n)}})
		},
	}
	for what, host := range kinds {
		var elements []packed.Element
		for n := range hosts {
			elements = append(elements, packed.Element{Name: fmt.Sprintf("rack-%c%d", 'a'+n%26, n), Value: host(n)})
		}
		value := types.StringValue(string(packed.Dynamic([]byte(`"dynamic"`), packed.Map(elements))))
		var resp validator.StringResponse
		hostsValidator{}.ValidateString(t.Context(), validator.StringRequest{Path: tfpath.Root("hosts"), ConfigValue: value}, &resp)
		if n := len(resp.Diagnostics); n != 1 {
			t.Fatalf("%s: %d diagnostics of one kind", what, n)
		}
		d := resp.Diagnostics[0]
		if len(d.Detail()) > 4096 || !strings.Contains(d.Detail(), what) || !strings.Contains(d.Detail(), "9,999 other hosts: rack-") ||
			!strings.Contains(d.Detail(), " and 9,959 more") {
			t.Errorf("%d bytes: %s", len(d.Detail()), d.Detail())
		}
	}
}

// TestManyHostsUnreached holds the same of hosts to which nothing leads, and of those
// that could not be checked.
func TestManyHostsUnreached(t *testing.T) {
	t.Parallel()
	const hosts = 10_000
	targets := make([]remote.Target, hosts)
	found := map[string][]node.Finding{}
	for n := range targets {
		targets[n].Address = simhosts.Address(n)
		found[simhosts.Address(n)] = []node.Finding{{Name: checkConnect, Severity: node.SeverityError}}
	}
	s := &shared{reach: func(_ context.Context, to remote.Target) ([]string, error) {
		return nil, fmt.Errorf("no way to %s", to.Address)
	}}
	for what, diags := range map[string]diag.Diagnostics{
		"9,999 other hosts: 127.": s.planReach(t.Context(), targets, func(n int) tfpath.Path {
			return tfpath.Root("hosts").AtMapKey(targets[n].Address)
		}),
		"and 9,960 more could": notCheckedWarning(found),
	} {
		if len(diags) != 1 || len(diags[0].Detail()) > 4096 || !strings.Contains(diags[0].Detail(), what) {
			t.Errorf("%d diagnostics without %q: %.2000v", len(diags), what, diags)
		}
	}
}

// TestFoldedWithoutAHost holds that what names no host is counted, not left out.
func TestFoldedWithoutAHost(t *testing.T) {
	t.Parallel()
	var f foldedDiagnostics
	for n := range 3 {
		f.add(diag.NewErrorDiagnostic("Kind", fmt.Sprintf("number %d", n)))
	}
	if all := f.diagnostics(); len(all) != 1 || !strings.Contains(all[0].Detail(), "The same 2 times more.") {
		t.Errorf("%v", all)
	}
}
