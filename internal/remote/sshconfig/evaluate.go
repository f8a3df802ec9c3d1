// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package sshconfig

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// A reading is what the words of a file say of one host, as far as they can be
// understood without ssh.
type reading struct {
	q     Question
	host  string // what Host lines are compared with
	final bool   // the second time

	wantFinal bool
	values    values
	lines     map[string]*line // that the first value of each keyword is from
	ignored   string           // IgnoreUnknown
}

// values are settings by keyword in lower case: one word for each that may
// stand there once, or as many as there are.
type values map[string][]string

func (v values) first(keyword string) string {
	if len(v[keyword]) == 0 {
		return ""
	}
	return v[keyword][0]
}

// errNotAsked is in the error of what only ssh knows.
var errNotAsked = errors.New("cannot be asked")

// evaluate reads a file as ssh does: the first value of each keyword counts,
// from the blocks that are about the host. What it does not understand in one
// that may be is a *LineError. As ssh, it reads a second time where a Match
// final wants it (ssh.c, process_config_files).
func evaluate(lines []line, q Question) (values, map[string]*line, error) {
	r := &reading{q: q, host: q.Host, values: values{}, lines: map[string]*line{}}
	if q.Port != 0 {
		r.values["port"] = []string{fmt.Sprint(q.Port)}
	}
	if q.User != "" {
		r.values["user"] = []string{q.User}
	}
	if err := r.file(lines, false); err != nil {
		return nil, nil, err
	}
	name, err := r.hostName()
	if err != nil {
		return nil, nil, err
	}
	if r.wantFinal {
		r.host, r.final, r.values["hostname"] = name, true, []string{name}
		if err := r.file(lines, false); err != nil {
			return nil, nil, err
		}
	}
	r.values["hostname"] = []string{name}
	return r.values, r.lines, nil
}

// hostName is whom to connect to.
func (r *reading) hostName() (string, error) {
	name := r.q.Host
	if v := r.values.first("hostname"); v != "" && !r.final {
		var err error
		if name, err = (Tokens{'h': r.q.Host}).Expand(v, false); err != nil {
			return "", r.lines["hostname"].errorf("HostName %w", err)
		}
	} else if v != "" {
		name = v
	}
	if a, err := netip.ParseAddr(name); err == nil {
		if usual := a.String(); !strings.EqualFold(usual, name) {
			return usual, nil
		}
		return name, nil
	}
	return strings.ToLower(name), nil
}

// file reads lines. never says that nothing in them counts, whatever their
// blocks say: they are included from a block that does not.
func (r *reading) file(lines []line, never bool) error {
	active := !never
	for i := range lines {
		l := &lines[i]
		var err error
		switch l.keyword {
		case "host":
			active, err = r.hostBlock(l)
		case "match":
			active, err = r.matchBlock(l, never)
		case "include":
			if active && l.unread != nil {
				return l.unread
			}
			for _, file := range l.included {
				if err := r.file(file, !active); err != nil {
					return err
				}
			}
		default:
			if active {
				err = r.set(l)
			}
		}
		if err != nil {
			return err
		}
		active = active && !never
	}
	return nil
}

func (r *reading) hostBlock(l *line) (active bool, err error) {
	if err := l.wants(); err != nil {
		return false, err
	}
	for _, p := range l.args {
		positive, negated := strings.CutPrefix(p, "!")
		if !Wildcard(positive, r.host) {
			continue
		}
		if negated {
			return false, nil
		}
		active = true
	}
	return active, nil
}

// matchBlock says whether a Match holds. All of its conditions have to: one
// that does not decides, whatever the others are. Of a block that counts for
// nothing only whether it wants a second reading is of interest.
func (r *reading) matchBlock(l *line, never bool) (bool, error) {
	result, only := true, 0
	var open error
	if strings.Contains(l.rest, "\x00") {
		return false, l.errorf("%w", l.bad)
	}
	for rest := l.rest; rest != ""; only++ {
		word, after, ok := cutWord(rest)
		if rest = after; !ok {
			return false, l.errorf("%w", errQuotes)
		}
		if strings.HasPrefix(word, "#") {
			break
		}
		name, negated := strings.CutPrefix(strings.ToLower(word), "!")
		holds := true
		switch name {
		case "all":
			if only > 1 || rest != "" && rest[0] != '#' {
				return false, l.errorf("Match all stands with other conditions")
			}
			rest = ""
		case "final", "canonical":
			holds = r.final
			r.wantFinal = r.wantFinal || name == "final" // negated, too
		default:
			var argument string
			if argument, rest, ok = cutWord(rest); !ok || argument == "" || argument[0] == '#' {
				return false, l.errorf("Match %s has no pattern", word)
			}
			var known bool
			if holds, known = r.condition(name, argument); !known {
				if open == nil {
					open = l.errorf("only ssh itself can tell whether Match %s holds, and it %w", word, errNotAsked)
				}
				continue
			}
		}
		result = result && holds != negated
	}
	if only == 0 {
		return false, l.errorf("Match has no condition")
	}
	if result && !never {
		return open == nil, open
	}
	return false, nil
}

// condition evaluates a condition with an argument. It is not known if only ssh
// can.
func (r *reading) condition(name, argument string) (holds, known bool) {
	switch name {
	case "host":
		host, err := r.hostName()
		if err != nil {
			return false, false
		}
		return MatchList(strings.ToLower(argument), strings.ToLower(host)), true
	case "originalhost":
		return MatchList(strings.ToLower(argument), strings.ToLower(r.q.Host)), true
	case "user":
		user := r.values.first("user")
		if user == "" {
			user = localUser()
		}
		return MatchList(argument, user), true
	case "localuser":
		return MatchList(argument, localUser()), true
	}
	return false, false
}

// set takes a value, unless there is one.
func (r *reading) set(l *line) error {
	_, known := handlings[l.keyword]
	if !known {
		if r.ignored != "" && MatchList(strings.ToLower(r.ignored), l.keyword) {
			return nil
		}
		return l.errorf("%s is not known", l.written)
	}
	keyword := canonical(l.keyword)
	words, err := l.value(keyword)
	if err == nil {
		err = l.understood(keyword, words)
	}
	if err != nil {
		return err
	}
	switch keyword {
	case "refuseconnection":
		return l.errorf("%s: %s", l.written, strings.Join(words, " "))
	case "canonicalizehostname":
		if r.values[keyword] == nil && !strings.EqualFold(words[0], "no") && !strings.EqualFold(words[0], "false") {
			return l.errorf("only ssh itself makes host names canonical, and it %w", errNotAsked)
		}
		r.values[keyword] = words
	case "ignoreunknown":
		r.ignored = cmp.Or(r.ignored, words[0])
	case "identityfile", "certificatefile":
		if slices.Contains(r.values[keyword], words[0]) {
			return nil
		}
		r.values[keyword] = append(r.values[keyword], words[0])
	case "sendenv", "setenv", "localforward", "remoteforward", "dynamicforward":
		r.values[keyword] = append(r.values[keyword], strings.Join(words, " "))
	case "proxyjump", "proxycommand":
		// Whichever stands first counts, and the other one does not.
		if r.values["proxyjump"] == nil && r.values["proxycommand"] == nil {
			r.values[keyword] = words
		}
	case "userknownhostsfile", "globalknownhostsfile", "revokedhostkeys":
		if r.values[keyword] == nil {
			r.values[keyword] = words
		}
	default:
		if r.values[keyword] == nil {
			r.values[keyword] = []string{strings.Join(words, " ")}
		}
	}
	if r.lines[keyword] == nil {
		r.lines[keyword] = l
	}
	return nil
}

// understood says what is wrong with the words of an option that counts, as ssh does,
// which refuses the whole file for it.
func (l *line) understood(keyword string, words []string) error {
	if handlings[keyword] != honoured {
		return nil
	}
	switch keyword {
	case "userknownhostsfile", "globalknownhostsfile", "revokedhostkeys":
		if len(words) > 1 && slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, "none") }) {
			return l.errorf("%s has none beside others", l.written)
		}
	case "canonicaldomains", "canonicalizepermittedcnames":
		// Only ssh makes names canonical.
	case "identitiesonly", "hashknownhosts", "proxyusefdpass", "canonicalizefallbacklocal":
		if !slices.Contains([]string{"yes", "true", "no", "false"}, strings.ToLower(words[0])) {
			return l.errorf("%s is yes or no, not %q", l.written, words[0])
		}
		fallthrough
	default:
		if len(words) > 1 {
			return l.errorf("%s has more than one value", l.written)
		}
	}
	return nil
}

// value gives what follows a keyword: its words or, of what is a command line, all in
// one.
func (l *line) value(keyword string) ([]string, error) {
	words := l.args
	switch keyword {
	case "proxycommand", "knownhostscommand", "localcommand", "remotecommand", "proxyjump":
		text := strings.TrimLeft(l.rest, whitespace+"=")
		if keyword == "proxyjump" {
			text, _, _ = strings.Cut(text, "#")
		}
		words = []string{strings.TrimRight(text, whitespace)}
	default:
		if err := l.wants(); err != nil {
			return nil, err
		}
	}
	if l.bad != nil && strings.Contains(l.rest, "\x00") {
		return nil, l.errorf("%w", l.bad)
	}
	if len(words) == 0 || words[0] == "" {
		return nil, l.errorf("%s has no value", l.written)
	}
	return words, nil
}
