// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// Bounds of what one diagnostic shows of a pool's failures.
const (
	maxFullFailures = 20 // hosts in full
	maxNamedHosts   = 40 // hosts by name, of each cause
	maxCauses       = 20
)

// poolFailures gathers what failed on the hosts of a pool, by cause.
type poolFailures struct {
	redactor *runlog.Redactor

	mu      sync.Mutex
	byCause map[string]*poolCause
	count   int
	halts   []string // why hosts were not begun
}

// A poolCause is why hosts failed.
type poolCause struct {
	summary string
	hosts   []string
	full    []string // the first hosts' failures in full
}

// add takes a host's failure, and gives it in short.
func (p *poolFailures) add(name string, f hostFailure) string {
	f.message = p.redactor.Redact(f.message)
	if f.host != name {
		f.host = name + ": " + f.host
	}
	why := f.message
	if f.doing != "" && !strings.HasPrefix(why, f.doing) {
		why = f.doing + ": " + why
	}
	text := f.summary + ": " + short(why)
	key := f.summary + ": " + causeOf(why, name, strings.TrimPrefix(f.host, name+": "))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count++
	if p.byCause == nil {
		p.byCause = map[string]*poolCause{}
	}
	c := p.byCause[key]
	if c == nil {
		c = &poolCause{summary: key}
		p.byCause[key] = c
	}
	c.hosts = append(c.hosts, name)
	if len(c.full) < maxFullFailures {
		c.full = append(c.full, p.redactor.Redact(f.detail()))
	}
	return text
}

var (
	causeNumbers = regexp.MustCompile(`([0-9]+(\.[0-9]+)*[a-zµ]*)+`)
	causeHex     = regexp.MustCompile(`\b(SHA256:[A-Za-z0-9+/]{20,}|[0-9a-f]{16,})`)
)

// causeOf is a message without what is particular to one host.
func causeOf(message, name, address string) string {
	message = short(message)
	for _, own := range []string{address, name} {
		message = replaceWord(message, own, "HOST")
	}
	return causeNumbers.ReplaceAllString(causeHex.ReplaceAllString(message, "…"), "N")
}

// replaceWord replaces a word where it stands by itself. A mere number is no
// word: it may stand for anything.
func replaceWord(text, word, with string) string {
	if strings.Trim(word, "0123456789") == "" {
		return text
	}
	inner := func(b byte) bool {
		return b == '_' || b == '-' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= 0x80
	}
	var out strings.Builder
	last := byte(' ')
	for {
		i := strings.Index(text, word)
		if i < 0 {
			return out.String() + text
		}
		end := i + len(word)
		if i > 0 {
			last = text[i-1]
		}
		replacement := word
		if !inner(last) && (end == len(text) || !inner(text[end])) {
			replacement = with
		}
		out.WriteString(text[:i] + replacement)
		last, text = word[len(word)-1], text[end:]
	}
}

// ended notes why a batch was not run to its end.
func (p *poolFailures) ended(out fleet.Outcome, all, most int) {
	rest := plural(all-out.Started, "host")
	p.mu.Lock()
	defer p.mu.Unlock()
	switch out.Halt {
	case fleet.HaltCanary:
		p.halts = append(p.halts, fmt.Sprintf("A canary failed, so nothing was begun on %s.", rest))
	case fleet.HaltFailures:
		p.halts = append(p.halts, fmt.Sprintf("More than %s failed, which is what max_failures allows here, so nothing was begun on %s.",
			plural(most, "host"), rest))
	case fleet.HaltStopped:
		p.halts = append(p.halts, fmt.Sprintf("Terraform was interrupted, so nothing was begun on %s.", rest))
	case fleet.HaltNot:
	}
}

// failed says whether anything is left to do.
func (p *poolFailures) failed() bool { return p.count > 0 || len(p.halts) > 0 }

// causes lists them, those of most hosts first.
func (p *poolFailures) causes() []*poolCause {
	var list []*poolCause
	for _, c := range p.byCause {
		slices.Sort(c.hosts)
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *poolCause) int {
		return cmp.Or(cmp.Compare(len(b.hosts), len(a.hosts)), strings.Compare(a.summary, b.summary))
	})
	return list
}

// inFull picks the failures to show in full: one of each cause as long as there
// is room, then a second one of each, and so on.
func (p *poolFailures) inFull() (texts []string) {
	list := p.causes()
	take := make([]int, len(list))
	for left, some := maxFullFailures, true; some && left > 0; {
		some = false
		for i, c := range list {
			if left > 0 && take[i] < len(c.full) {
				take[i]++
				left--
				some = true
			}
		}
	}
	for i, c := range list {
		texts = append(texts, c.full[:take[i]]...)
	}
	return texts
}

// text lists the causes with counts and names.
func (p *poolFailures) text() string {
	var b strings.Builder
	list := p.causes()
	for i, c := range list {
		if i == maxCauses {
			others := 0
			for _, c := range list[i:] {
				others += len(c.hosts)
			}
			fmt.Fprintf(&b, "and %s of other causes\n", plural(others, "host"))
			break
		}
		fmt.Fprintf(&b, "%s: %s\n  %s\n", plural(len(c.hosts), "host"), c.summary, namedHosts(c.hosts))
	}
	return b.String()
}

func namedHosts(names []string) string {
	if len(names) <= maxNamedHosts {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:maxNamedHosts], ", ") + fmt.Sprintf(" and %s more", thousands(len(names)-maxNamedHosts))
}

// diagnostics words what failed of so many hosts that there was something to
// do on.
func (p *poolFailures) diagnostics(operation string, of int) diag.Diagnostics {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.failed() {
		return nil
	}
	summary := fmt.Sprintf("%s of %s Failed", thousands(p.count), titled(plural(of, "host")))
	if p.count == 0 {
		summary = "Pool Not Finished"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "While %s. ", operation)
	b.WriteString("Hosts that are done are in the state as done; apply again, and only the others are taken up.\n\n")
	for _, h := range p.halts {
		b.WriteString(h + "\n")
	}
	b.WriteString("\n" + p.text())
	full := p.inFull()
	for _, text := range full {
		b.WriteString("\n----\n" + text + "\n")
	}
	shown := len(full)
	if shown < p.count {
		fmt.Fprintf(&b, "\n----\n%s of %s shown in full; the run log has all.\n", thousands(shown), plural(p.count, "failed host"))
	}
	return diag.Diagnostics{diag.NewErrorDiagnostic(summary, strings.TrimSpace(b.String()))}
}

// titled is a number of things as a title has it.
func titled(text string) string {
	words := strings.Fields(text)
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, " ")
}
