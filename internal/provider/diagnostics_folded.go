// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
)

// maxFolded bounds how many diagnostics a pool's hosts have of each severity; the
// run log has all.
const maxFolded = 20

// hostLine begins what is said of one host.
const hostLine = "Host:      "

// A foldedDiagnostics makes one diagnostic of those that differ in their host
// alone. With thousands of hosts that is what keeps them readable: no client folds
// what it writes as JSON.
type foldedDiagnostics struct {
	mu     sync.Mutex
	byText map[string]*foldedDiagnostic
	order  []*foldedDiagnostic
	others map[diag.Severity]int // that there was no room for
}

// A foldedDiagnostic is the first of those that are alike.
type foldedDiagnostic struct {
	first diag.Diagnostic
	hosts []string // of all that name one, the first too
	alike int      // how many there are, with and without a host
}

// add takes one.
func (f *foldedDiagnostics) add(d diag.Diagnostic) {
	host, text := hostAndText(d)
	key := fmt.Sprint(d.Severity(), d.Summary(), causeOfText(text, host))
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byText == nil {
		f.byText, f.others = map[string]*foldedDiagnostic{}, map[diag.Severity]int{}
	}
	known := f.byText[key]
	if known == nil {
		same := 0
		for _, o := range f.order {
			if o.first.Severity() == d.Severity() {
				same++
			}
		}
		if same == maxFolded {
			f.others[d.Severity()]++
			return
		}
		known = &foldedDiagnostic{first: d}
		f.byText[key] = known
		f.order = append(f.order, known)
	}
	known.alike++
	if host != "" {
		known.hosts = append(known.hosts, host)
	}
}

// hostAndText gives the host that a diagnostic is of, and its text without that: the
// address in the text, else the name by which its path has the host.
func hostAndText(d diag.Diagnostic) (host, text string) {
	if rest, ok := strings.CutPrefix(d.Detail(), hostLine); ok {
		host, text, _ = strings.Cut(rest, "\n")
		return host, text
	}
	at, ok := d.(diag.DiagnosticWithPath)
	if !ok {
		return "", d.Detail()
	}
	for _, step := range at.Path().Steps() {
		if key, ok := step.(tfpath.PathStepElementKeyString); ok {
			return string(key), d.Detail()
		}
	}
	return "", d.Detail()
}

// addAll takes several.
func (f *foldedDiagnostics) addAll(all diag.Diagnostics) {
	for _, d := range all {
		f.add(d)
	}
}

// causeOfText is a text without what is particular to one host.
func causeOfText(text, host string) string {
	if host != "" {
		text = replaceWord(text, host, "HOST")
	}
	return causeNumbers.ReplaceAllString(causeHex.ReplaceAllString(text, "…"), "N")
}

// diagnostics gives one of each kind, with the names of the other hosts.
func (f *foldedDiagnostics) diagnostics() (all diag.Diagnostics) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, d := range f.order {
		if d.alike < 2 {
			all.Append(d.first)
			continue
		}
		text := fmt.Sprintf("%s\n\nThe same %s more.", d.first.Detail(), plural(d.alike-1, "time"))
		if len(d.hosts) == d.alike {
			others := slices.Clone(d.hosts[1:])
			slices.Sort(others)
			text = fmt.Sprintf("%s\n\nThe same on %s: %s.", d.first.Detail(), plural(len(others), "other host"), namedHosts(others))
		}
		if d.first.Severity() == diag.SeverityWarning {
			text += " The run log has what is said of each."
		}
		all.Append(withDetail(d.first, text))
	}
	if n := f.others[diag.SeverityWarning]; n > 0 {
		all.AddWarning("More Warnings", fmt.Sprintf("There are %s beside those that are shown. The run log has them.", plural(n, "more warning")))
	}
	if n := f.others[diag.SeverityError]; n > 0 {
		all.AddError("More Errors", fmt.Sprintf("There are %s beside those that are shown.", plural(n, "more error")))
	}
	return all
}

// withDetail is a diagnostic with another text.
func withDetail(d diag.Diagnostic, text string) diag.Diagnostic {
	var with diag.Diagnostic = diag.NewWarningDiagnostic(d.Summary(), text)
	if d.Severity() == diag.SeverityError {
		with = diag.NewErrorDiagnostic(d.Summary(), text)
	}
	if at, ok := d.(diag.DiagnosticWithPath); ok {
		return diag.WithPath(at.Path(), with)
	}
	return with
}
