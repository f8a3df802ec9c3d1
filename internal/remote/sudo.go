// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"fmt"
	"strings"
	"sync"
)

// rootMode is what has been learned about becoming root on a host. Nothing is
// asked for in advance: the first root script is started in the way that the
// configuration suggests, and a refusal, which comes before anything of the
// script was run, teaches the other way.
type rootMode struct {
	mu       sync.Mutex
	tty      bool // a terminal is needed
	accepted bool // the password was right, or none was asked for
}

func (m *rootMode) get() (tty, accepted bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tty, m.accepted
}

func (m *rootMode) needTTY() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tty = true
}

func (m *rootMode) accept() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.accepted = true
}

// becoming is how one script becomes root, or whoever else is asked for.
type becoming struct {
	prefix   string // what stands before sh: "", "sudo -n -H -u root -- "
	user     string // whom it makes it, "" if nobody is to be become
	password Secret // "": none is given
	prompt   string // what asks for it
	tty      bool
}

// A prompt of sudo's is a word, promptMark, whose password it is (%p, sudo(8)) and
// promptEnd.
const (
	promptMark = "-password:"
	promptEnd  = ","
)

// becomeRoot gives the way for user, the account that is logged in.
func (s Sudo) becomeRoot(user, word string, tty bool) becoming {
	target := s.User
	if target == "" {
		target = "root"
	}
	if s.Command == "none" || user == target {
		return becoming{}
	}
	if s.Command == "doas" {
		b := becoming{prefix: "doas ", user: target, tty: tty}
		if tty && s.Password != "" {
			// doas reads passwords from the terminal and nowhere else.
			b.password, b.prompt = s.Password, "password: "
		} else {
			b.prefix += "-n "
		}
		if target != "root" {
			b.prefix += "-u " + target + " "
		}
		return b
	}
	b := becoming{prefix: "sudo -n -H", user: target, tty: tty}
	if s.Password != "" {
		// -k: sudo asks each time and leaves no time stamp, so that it does
		// not depend on earlier scripts whether it reads the password. If a
		// rule lets the user do without, the starter throws the line away.
		b.password, b.prompt = s.Password, word+promptMark
		b.prefix = "sudo -k -S -H -p " + b.prompt + "%p" + promptEnd
	}
	// Without -u, it is runas_default that says whom it makes (sudoers(5)).
	b.prefix += " -u " + target + " -- "
	return b
}

// notBecome makes an error of what the starter said when it found itself to be
// another user than was asked for, or one who may start nothing; nil if it did not
// say so.
func (s Sudo) notBecome(host, user, word string, said []string) *SudoError {
	for _, line := range said {
		if strings.Contains(line, word+" noexec") {
			return &SudoError{Host: host, User: user, Command: s.Command, Reason: SudoNoExec}
		}
		_, found, ok := strings.Cut(line, word+" uid ")
		if !ok {
			continue
		}
		// Real and effective user, and whoever called sudo, as that says (sudo(8),
		// "ENVIRONMENT").
		ids := append(strings.Fields(found), "", "", "")
		run, effective, caller := ids[0], ids[1], ids[2]
		e := &SudoError{Host: host, User: user, Command: s.Command, Reason: SudoOther}
		who := "it runs commands as uid " + run
		if run != effective {
			who = fmt.Sprintf("it runs commands with the real uid %s and the effective uid %s", run, effective)
		}
		switch {
		case s.Command == "sudo" && caller == "":
			e.Detail = who + ", and is not sudo itself: something stands in its place that does not pass all of the call on (a wrapper)"
		case s.Command == "sudo" && caller == run:
			e.Detail = who + ", who called it: \"Defaults stay_setuid\" in sudoers does that"
		default:
			e.Detail = who + ": a wrapper or a default of its configuration (runas_default) says so"
		}
		return e
	}
	return nil
}

// refusal makes an error of what sudo or doas said, nil if it was not they who said
// something: then nobody got as far. unclear tells that the reason could not be made
// out; a terminal may help then. whose is the user whose password was asked for, "" if
// that is not known.
func (s Sudo) refusal(host, user, whose string, said []string, code, prompts int) (_ *SudoError, unclear bool) {
	e := &SudoError{Host: host, User: user, Command: s.Command, Reason: SudoNotAllowed, Detail: sudoDetail(said, s.Command)}
	text := strings.ToLower(strings.Join(said, "\n"))
	has := func(phrases ...string) bool {
		for _, p := range phrases {
			if strings.Contains(text, p) {
				return true
			}
		}
		return false
	}
	switch {
	case has("must have a tty", "must be run from a terminal", "a tty is required"):
		e.Reason = SudoTTY
	case has("not in the sudoers", "may not run", "is not allowed to", s.Command+": operation not permitted"):
		e.Reason = SudoNotAllowed
	case prompts >= 2 || has("incorrect password", "sorry, try again", s.Command+": authentication fail", "incorrect authentication attempt",
		"no password was provided"):
		e.Reason = SudoPasswordWrong
	case has(s.Command+": account or password is expired", s.Command+": password expired", s.Command+": account validation failure"):
		e.Reason = SudoExpired
	case has("a password is required", s.Command+": authentication required", "no tty present and no askpass",
		"interactive authentication is required"): // the last one is sudo-rs's
		e.Reason = SudoPasswordRequired
	case has(s.Command+": not found", s.Command+": command not found", "unknown command: "+s.Command),
		code == 127 && (text == "" || has(s.Command)):
		e.Reason = SudoMissing
	case prompts == 1:
		e.Reason = SudoPasswordWrong
	case e.Detail == "":
		return nil, false
	default:
		return e, true
	}
	if e.Reason == SudoPasswordWrong && whose != user {
		e.Whose = whose
	}
	return e, false
}

// sudoDetail picks the lines that say something out of the lecture and the
// profile's chatter.
func sudoDetail(said []string, command string) string {
	var own []string
	for _, l := range said {
		low := strings.ToLower(l)
		if strings.Contains(low, command+":") || strings.HasPrefix(low, "sorry, user") || strings.Contains(low, "not in the sudoers") ||
			strings.Contains(low, "may not run") {
			own = append(own, l)
		}
	}
	return strings.Join(own, "; ")
}
