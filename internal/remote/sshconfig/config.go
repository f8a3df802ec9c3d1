// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package sshconfig

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote/program"
)

const (
	// answerLimit is how long ssh may take to answer: a Match exec and the names of
	// hosts that are made canonical may wait for a network.
	answerLimit = 30 * time.Second
	// atOnce is how many are asked at once.
	atOnce = 16
	// maxAnswer is how much it may answer, in bytes.
	maxAnswer = 1 << 20
)

// A File is a client configuration that is asked about hosts. It is safe for use
// by many goroutines.
type File struct {
	path  string
	lines []line
	// unread says why the words of the file are not known. ssh may know them.
	unread error
	words  *fileWords
	ssh    string // the program's path, "" if there is none
	env    []string

	slots chan struct{}
	end   context.Context //nolint:containedctx // what several wait for ends with the File, not with one of them
	stop  context.CancelFunc

	mu      sync.Mutex
	base    *asked // what ssh says without a file
	classes map[class]*asked
	alone   map[Question]*asked
	calls   int
}

// An asked is a question that is answered once for all who have it.
type asked struct {
	done     chan struct{}
	question Question
	values   values
	err      error
	// shared says that the answer is that of all hosts of the class, each by its own
	// name if own.
	shared, own bool
}

// A class is what hosts that share a call have in common.
type class struct {
	user    string
	port    int
	matched string // of each pattern, whether it matches
}

// Client is the path of this machine's ssh, "" if there is none. One in the
// directory that happens to be the current one (exec.ErrDot) is none.
func Client() string {
	path, err := exec.LookPath("ssh")
	if err != nil {
		return ""
	}
	return path
}

// Open reads the words of a configuration. client is the path of ssh, "" if there
// is none; env is the environment in which it is run. The File must be closed.
func Open(path, client string, env []string) (*File, error) {
	path, err := filepath.Abs(expandHome(path))
	if err != nil {
		return nil, err
	}
	f := &File{path: path, ssh: client, env: env, slots: make(chan struct{}, atOnce), classes: map[class]*asked{},
		alone: map[Question]*asked{}}
	f.lines, f.unread = new(reader).read(path, 0)
	var open *fs.PathError
	if errors.As(f.unread, &open) && open.Path == path {
		return nil, f.unread
	}
	f.words = wordsOf(f.lines, f.unread)
	f.end, f.stop = context.WithCancel(context.Background())
	return f, nil
}

// Path is the file's absolute one.
func (f *File) Path() string { return f.path }

// Calls is how often ssh was asked about hosts so far.
func (f *File) Calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// Close ends what is still asked.
func (f *File) Close() { f.stop() }

// Settings says what the file means for a host.
func (f *File) Settings(ctx context.Context, q Question) (*Settings, error) {
	if err := CheckHost(q.Host); err != nil {
		return nil, fmt.Errorf("the host's name: %w", err)
	}
	if err := CheckUser(q.User); err != nil {
		return nil, fmt.Errorf("the user's name: %w", err)
	}
	base, err := f.baseline(ctx)
	if err != nil {
		return nil, err
	}
	if base == nil {
		return f.read(q)
	}
	answer, err := f.ask(ctx, q)
	if err != nil {
		return nil, err
	}
	set := f.set(q, answer, base)
	// Whom ssh takes for the user decides about Match user and %r: where it is not
	// who will log in, it is asked again.
	if q.User == "" && q.DefaultUser != "" && set.first("user") == "" && f.words.byUser {
		named := q
		named.User = q.DefaultUser
		if answer, err = f.ask(ctx, named); err != nil {
			return nil, err
		}
		set = f.set(q, answer, base)
	}
	return f.settings(q, set, base)
}

// read is what the file's words say.
func (f *File) read(q Question) (*Settings, error) {
	if f.unread != nil {
		return nil, f.unread
	}
	v, lines, err := evaluate(f.lines, q)
	if err == nil && v.first("user") == "" && q.DefaultUser != "" && f.words.byUser {
		named := q
		named.User = q.DefaultUser
		v, lines, err = evaluate(f.lines, named)
	}
	if errors.Is(err, errNotAsked) {
		return nil, fmt.Errorf("%w: %w", err, f.unasked())
	}
	if err != nil {
		return nil, err
	}
	s, err := q.settle(v, []string{"globalknownhostsfile"}, func(keyword string, err error) error {
		if l := lines[keyword]; l != nil {
			return l.errorf("%s: %w", l.written, err)
		}
		return fmt.Errorf("%s: %w", keyword, err)
	})
	if err != nil {
		return nil, err
	}
	s.Dropped = f.dropped(v)
	return s, nil
}

// unasked says why ssh cannot be asked, once that is known.
func (f *File) unasked() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.base == nil {
		return errors.New("there is no ssh on this machine")
	}
	// As one that has no name for the user's number ("No user exists for uid").
	var failed *program.Error
	if errors.As(f.base.err, &failed) {
		return failed
	}
	return f.base.err
}

// settings makes settings of what ssh says is set.
func (f *File) settings(q Question, v, base values) (*Settings, error) {
	tokens := q.tokens(v.first("hostname"), v.first("port"), cmp.Or(v.first("user"), q.DefaultUser), v.first("hostkeyalias"))
	at := func(keyword string, err error) error {
		for _, l := range f.words.lines[keyword] {
			return l.errorf("%s: %w", l.written, err)
		}
		return fmt.Errorf("%s: %s: %w", f.path, keyword, err)
	}
	for _, keyword := range []string{"userknownhostsfile", "globalknownhostsfile", "revokedhostkeys", "identityagent"} {
		text, set := v[keyword]
		if !set {
			continue
		}
		words, err := f.split(keyword, text[0], tokens, base.first(keyword))
		if err != nil {
			return nil, at(keyword, err)
		}
		v[keyword] = words
	}
	s, err := q.settle(v, []string{"userknownhostsfile", "globalknownhostsfile", "revokedhostkeys", "identityagent"}, at)
	if err != nil {
		return nil, err
	}
	s.Dropped = f.dropped(v)
	return s, nil
}

// dropped are the options among those that are set that are not honoured.
func (f *File) dropped(set values) (names []string) {
	for keyword := range set {
		if handlings[keyword] != dropped {
			continue
		}
		name := keyword
		for _, l := range f.words.lines[keyword] {
			name = l.written
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// set gives those values of an answer that the file has set: those that are not
// what ssh says without a file.
func (f *File) set(q Question, answer, base values) values {
	set := values{}
	for keyword, v := range answer {
		if keyword = canonical(keyword); !slices.Equal(v, base[keyword]) {
			set[keyword] = v
		}
	}
	for _, keyword := range []string{"hostname", "port", "user"} {
		set[keyword] = answer[keyword]
	}
	if q.User == "" && slices.Equal(answer["user"], base["user"]) && !f.names(q, "user") {
		delete(set, "user")
	}
	if set["stricthostkeychecking"] == nil && f.names(q, "stricthostkeychecking") {
		set["stricthostkeychecking"] = answer["stricthostkeychecking"]
	}
	return set
}

// names says whether the file sets an option of a host to what it is anyway. Where
// that cannot be told, it is taken to do so: the user is whom ssh would take, and
// the policy is the stricter one.
func (f *File) names(q Question, keyword string) bool {
	if f.unread != nil {
		return true
	}
	if len(f.words.lines[keyword]) == 0 {
		return false
	}
	v, _, err := evaluate(f.lines, q)
	return err != nil || v[keyword] != nil
}

// split splits what ssh printed of several paths, whose quotes are gone: as a line
// of the file does that has the same words.
func (f *File) split(keyword, text string, tokens Tokens, base string) ([]string, error) {
	if text == "none" {
		return []string{"none"}, nil
	}
	var found [][]string
	for _, l := range f.words.lines[keyword] {
		expanded := make([]string, 0, len(l.args))
		for _, word := range l.args {
			path := word
			if keyword != "globalknownhostsfile" {
				var err error
				if path, err = tokens.path(word); err != nil {
					break // this line is not about the host, or ssh knows more
				}
			}
			expanded = append(expanded, path)
		}
		if len(expanded) != len(l.args) {
			continue
		}
		// Older versions print the words as they are.
		same := text == strings.Join(expanded, " ") || text == strings.Join(l.args, " ")
		if same && !slices.ContainsFunc(found, func(other []string) bool { return slices.Equal(other, expanded) }) {
			found = append(found, expanded)
		}
	}
	there := found
	if len(found) > 1 {
		there = slices.DeleteFunc(slices.Clone(found), func(paths []string) bool { return !slices.ContainsFunc(paths, exists) })
	}
	words := strings.Split(text, " ")
	switch {
	case len(there) == 1:
		return there[0], nil
	case len(found) > 1:
		return nil, fmt.Errorf("ssh -G prints %q, which may be %q or %q", text, found[0], found[1])
	case len(words) == 1, text == base, !slices.ContainsFunc(words, func(w string) bool { return !filepath.IsAbs(w) }):
		return words, nil
	}
	return nil, fmt.Errorf("ssh -G prints %q, and where one path ends and the next begins cannot be told", text)
}

// baseline is what ssh says without a file; nil if there is no ssh, or none that
// knows -G.
func (f *File) baseline(ctx context.Context) (values, error) {
	if f.ssh == "" {
		return nil, nil
	}
	f.mu.Lock()
	if f.base == nil {
		f.base = f.start("none", Question{Host: "localhost"}, nil)
	}
	base := f.base
	f.mu.Unlock()
	answer, err := base.wait(ctx)
	if ctx.Err() != nil || f.end.Err() != nil {
		return nil, err
	}
	return answer, nil
}

// run runs ssh. Of a file that it cannot read it says which line is wrong.
func (f *File) run(file string, q Question) (values, error) {
	ctx, cancel := context.WithTimeoutCause(f.end, answerLimit, fmt.Errorf("no answer within %s", answerLimit))
	defer cancel()
	args := []string{"-G", "-F", file}
	if q.User != "" {
		args = append(args, "-l", q.User)
	}
	if q.Port != 0 {
		args = append(args, "-p", strconv.Itoa(q.Port))
	}
	out, err := program.Command{Path: f.ssh, Args: append(args, "--", q.Host), Env: f.env}.Output(ctx, maxAnswer)
	if err != nil {
		return nil, fmt.Errorf("asking what %s means for %s: %w", file, q.Host, err)
	}
	v := values{}
	for line := range strings.Lines(string(out)) {
		keyword, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		v[strings.ToLower(keyword)] = append(v[strings.ToLower(keyword)], value)
	}
	if v["hostname"] == nil || v["port"] == nil || v["user"] == nil {
		return nil, fmt.Errorf("asking what %s means for %s: ssh -G does not say it", file, q.Host)
	}
	return v, nil
}

// ask asks ssh about a host, once for all that it cannot tell apart.
func (f *File) ask(ctx context.Context, q Question) (values, error) {
	q.DefaultUser = ""
	if !f.words.apart && plainName(q.Host) {
		answer, err := f.askClass(ctx, q)
		if answer != nil || err != nil {
			return answer, err
		}
	}
	f.mu.Lock()
	a := f.alone[q]
	if a == nil {
		a = f.start(f.path, q, nil)
		f.alone[q] = a
	}
	f.mu.Unlock()
	return a.wait(ctx)
}

// askClass gives the answer of a host's class, nil if it is another one for each
// host.
func (f *File) askClass(ctx context.Context, q Question) (values, error) {
	c := class{q.User, q.Port, f.words.matched(q.Host)}
	f.mu.Lock()
	a := f.classes[c]
	if a == nil {
		a = f.start(f.path, q, f.words.share)
		f.classes[c] = a
	}
	f.mu.Unlock()
	answer, err := a.wait(ctx)
	switch {
	case err != nil || a.question == q:
		return answer, err
	case !a.shared:
		return nil, nil
	case !a.own:
		return answer, nil
	}
	mine := values{}
	for keyword, v := range answer {
		mine[keyword] = v
	}
	mine["hostname"] = []string{strings.ToLower(q.Host)}
	return mine, nil
}

// start asks ssh what a file means for a host. f.mu is held.
func (f *File) start(file string, q Question, share func(*asked)) *asked {
	a := &asked{done: make(chan struct{}), question: q}
	f.calls++
	go func() {
		defer close(a.done)
		select {
		case f.slots <- struct{}{}:
			defer func() { <-f.slots }()
		case <-f.end.Done():
			a.err = f.end.Err()
			return
		}
		if a.values, a.err = f.run(file, q); a.err == nil && share != nil {
			share(a)
		}
	}()
	return a
}

func (a *asked) wait(ctx context.Context) (values, error) {
	select {
	case <-a.done:
		return a.values, a.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// plainName says that ssh takes a name as it is: what getaddrinfo(3) takes for an
// address it prints in its usual form.
func plainName(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.String() == host
	}
	if strings.Contains(host, ":") {
		return false
	}
	for part := range strings.SplitSeq(host, ".") {
		if part == "" || part[0] < '0' || part[0] > '9' {
			return true
		}
	}
	return false
}

// fileWords is what the words of a file say about the file itself.
type fileWords struct {
	lines    map[string][]*line // by keyword
	patterns []string           // that hosts' names are compared with
	names    []string           // that HostName gives, in lower case
	// apart says that each host has to be asked on its own, byUser that who logs in
	// decides about more than itself.
	apart, byUser bool
}

func wordsOf(lines []line, unread error) *fileWords {
	w := &fileWords{lines: map[string][]*line{}, apart: unread != nil, byUser: unread != nil}
	each(lines, func(l *line) {
		keyword := canonical(l.keyword)
		w.lines[keyword] = append(w.lines[keyword], l)
		text := strings.ToLower(l.rest)
		switch keyword {
		case "host", "match":
			w.patterns = append(w.patterns, l.patternWords()...)
			// What Match exec runs may be about the host.
			w.apart = w.apart || keyword == "match" && strings.Contains(l.rest, "%")
			w.byUser = w.byUser || keyword == "match" && strings.Contains(text, "user")
		case "hostname":
			w.names = append(w.names, strings.ToLower(strings.Join(l.args, " ")))
			w.apart = w.apart || strings.Contains(l.rest, "%")
		case "user":
			w.apart = w.apart || strings.Contains(l.rest, "%")
		case "include":
			w.apart = w.apart || l.unread != nil
			w.byUser = w.byUser || l.unread != nil
		case "canonicalizehostname", "canonicalizepermittedcnames":
			w.apart = true
		}
		w.byUser = w.byUser || strings.Contains(l.rest, "%r") || strings.Contains(l.rest, "%C")
		w.apart = w.apart || strings.Contains(l.rest, "%C") && handlings[keyword] == honoured
	})
	slices.Sort(w.patterns)
	w.patterns = slices.Compact(w.patterns)
	return w
}

// matched says of each pattern whether it matches a name.
func (w *fileWords) matched(host string) string {
	var b strings.Builder
	lower := strings.ToLower(host)
	for i, p := range w.patterns {
		if Wildcard(p, host) {
			b.WriteString(strconv.Itoa(i) + " ")
		}
		if Wildcard(strings.ToLower(p), lower) {
			b.WriteString(strconv.Itoa(i) + "l ")
		}
	}
	return b.String()
}

// share decides whether an answer is that of all hosts of its class.
func (w *fileWords) share(a *asked) {
	name, given := a.values.first("hostname"), strings.ToLower(a.question.Host)
	for keyword, v := range a.values {
		if keyword == "host" || keyword == "hostname" || handlings[canonical(keyword)] != honoured {
			continue
		}
		if strings.Contains(strings.ToLower(strings.Join(v, " ")), given) {
			return
		}
	}
	a.own = name == given
	// A HostName that is this host's own name gives the others this one too.
	a.shared = a.own != slices.Contains(w.names, name)
}
