// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package sshconfig

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	// maxDepth is how deep files may include others (readconf.c, READCONF_MAX_DEPTH).
	maxDepth = 16
	// maxFiles and maxSize bound what is read of files that include others.
	maxFiles = 1000
	maxSize  = 16 << 20
)

// A line is one line of a configuration file that says something.
type line struct {
	file    string
	number  int
	keyword string // in lower case
	written string // as it stands there
	rest    string // what follows it
	// args are the words that follow it, without their quotes; bad says why there are none.
	args []string
	bad  error
	// included are the files that an Include names, in order; unread says why it is not known
	// which.
	included [][]line
	unread   error
}

// A LineError says what is wrong with a line.
type LineError struct {
	File   string
	Number int
	Err    error
}

func (e *LineError) Error() string { return fmt.Sprintf("%s:%d: %v", e.File, e.Number, e.Err) }
func (e *LineError) Unwrap() error { return e.Err }

func (l *line) errorf(format string, args ...any) error {
	return &LineError{File: l.file, Number: l.number, Err: fmt.Errorf(format, args...)}
}

// A reader reads a configuration with all that it includes.
type reader struct {
	files, size int
}

// read reads one file.
func (r *reader) read(path string, depth int) ([]line, error) {
	if r.files++; depth > maxDepth || r.files > maxFiles {
		return nil, fmt.Errorf("%s: too many files include one another", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		if info, statErr := os.Stat(path); statErr == nil && info.IsDir() {
			err = errors.Join(errDirectory, err)
		}
		return nil, err
	}
	if r.size += len(text); r.size > maxSize {
		return nil, fmt.Errorf("%s: more than %d MiB of configuration", path, maxSize>>20)
	}
	return r.parse(text, path, depth), nil
}

// parse reads the text of a file.
func (r *reader) parse(text []byte, path string, depth int) (lines []line) {
	number := 0
	for raw := range bytes.Lines(text) {
		number++
		l, ok := splitLine(string(raw))
		if !ok {
			continue
		}
		l.file, l.number = path, number
		if l.keyword == "include" {
			l.included, l.unread = r.include(&l, depth)
		}
		lines = append(lines, l)
	}
	return lines
}

// include reads the files that an Include names: glob(7) patterns, relative to
// ~/.ssh (ssh_config(5), "Include").
func (r *reader) include(l *line, depth int) (files [][]line, err error) {
	if err := l.wants(); err != nil {
		return nil, err
	}
	for _, name := range l.args {
		if strings.Contains(name, "%") || strings.Contains(name, "${") {
			return nil, l.errorf("only newer versions of ssh know what Include %s means", name)
		}
		pattern := expandHome(name)
		if !filepath.IsAbs(pattern) {
			var ok bool
			if pattern, ok = ownFile(pattern); !ok {
				return nil, l.errorf("Include %s: there is no home directory in which it could be", name)
			}
		}
		paths, err := glob(pattern)
		if err != nil {
			return nil, l.errorf("Include %s: %w", name, err)
		}
		for _, path := range paths {
			lines, err := r.read(path, depth+1)
			switch {
			case errors.Is(err, fs.ErrNotExist), errors.Is(err, errDirectory):
			case err != nil:
				return nil, l.errorf("Include %s: %w", name, err)
			default:
				files = append(files, lines)
			}
		}
	}
	return files, nil
}

// errDirectory is in the error of a directory, in which ssh finds no lines.
var errDirectory = errors.New("no file")

// glob finds files as glob(3) does: what is hidden has to be named so, [!a] is what
// is not a, and all names are sorted together.
func glob(pattern string) ([]string, error) {
	if strings.Contains(pattern, "[:") || strings.Contains(pattern, "[.") || strings.Contains(pattern, "[=") {
		return nil, errors.New("only ssh itself knows classes of characters")
	}
	found, err := filepath.Glob(strings.ReplaceAll(pattern, "[!", "[^"))
	wanted := strings.Split(filepath.ToSlash(pattern), "/")
	found = slices.DeleteFunc(found, func(path string) bool {
		for i, part := range strings.Split(filepath.ToSlash(path), "/") {
			if strings.HasPrefix(part, ".") && i < len(wanted) && !strings.HasPrefix(strings.TrimPrefix(wanted[i], `\`), ".") {
				return true
			}
		}
		return false
	})
	slices.Sort(found)
	return found, err
}

// wants says what is wrong with the words of a line that has to have some.
func (l *line) wants() error {
	switch {
	case l.bad != nil:
		return l.errorf("%w", l.bad)
	case l.rest == "":
		return l.errorf("%s has no value", l.written)
	case slices.Contains(l.args, ""):
		return l.errorf("%s has an empty value", l.written)
	}
	return nil
}

const whitespace = " \t\r\n"

// splitLine takes a line apart as OpenSSH does (readconf.c,
// process_config_line_depth). It is false for one that says nothing.
func splitLine(raw string) (l line, ok bool) {
	raw = strings.TrimRight(raw, whitespace+"\f")
	word, rest, ok := cutWord(strings.TrimLeft(raw, whitespace))
	if ok && word == "" { // an equals sign, or nothing in quotes
		word, rest, ok = cutWord(rest)
	}
	if !ok || word == "" || word[0] == '#' {
		return l, false
	}
	l.written, l.keyword, l.rest = word, strings.ToLower(word), strings.TrimLeft(rest, whitespace)
	l.args, l.bad = splitWords(l.rest, true)
	if strings.Contains(raw, "\x00") {
		l.args, l.bad = nil, errors.New("it has a zero byte, behind which ssh reads nothing")
	}
	return l, true
}

// cutWord takes the first word off, which ends at blanks or one equals sign and
// may be in double quotes (misc.c, strdelim). It is false where a quote is not
// closed.
func cutWord(s string) (word, rest string, ok bool) {
	i := strings.IndexAny(s, whitespace+`"=`)
	if i < 0 {
		return s, "", true
	}
	if s[i] == '"' {
		quoted, rest, ok := strings.Cut(s[i+1:], `"`)
		return s[:i] + quoted, strings.TrimLeft(rest, whitespace), ok
	}
	word, rest = s[:i], strings.TrimLeft(s[i+1:], whitespace)
	if s[i] != '=' {
		if after, found := strings.CutPrefix(rest, "="); found {
			rest = strings.TrimLeft(after, whitespace)
		}
	}
	return word, rest, true
}

var errQuotes = errors.New("a quote is not closed")

// splitWords splits what follows a keyword, up to a comment if there may be one
// (misc.c, argv_split).
func splitWords(s string, comment bool) (words []string, err error) {
	for i := 0; i < len(s); i++ {
		if s[i] == ' ' || s[i] == '\t' {
			continue
		}
		if comment && s[i] == '#' {
			break
		}
		var word strings.Builder
		quote := byte(0)
	word:
		for ; i < len(s); i++ {
			c := s[i]
			switch {
			case c == '\\' && i+1 < len(s) && (strings.IndexByte(`'"\`, s[i+1]) >= 0 || quote == 0 && s[i+1] == ' '):
				i++
				word.WriteByte(s[i])
			case quote == 0 && (c == ' ' || c == '\t'):
				break word
			case quote == 0 && (c == '"' || c == '\''):
				quote = c
			case quote != 0 && c == quote:
				quote = 0
			default:
				word.WriteByte(c)
			}
		}
		if quote != 0 {
			return nil, errQuotes
		}
		words = append(words, word.String())
	}
	return words, nil
}

// each calls visit for every line, those of included files after their Include.
func each(lines []line, visit func(*line)) {
	for i := range lines {
		visit(&lines[i])
		for _, file := range lines[i].included {
			each(file, visit)
		}
	}
}

// patternWords are the words of a Host or Match line that a host's name may be
// compared with, and perhaps others.
func (l *line) patternWords() []string {
	words := strings.FieldsFunc(l.rest, func(r rune) bool { return strings.ContainsRune(whitespace+`,="'\`, r) })
	for i, w := range words {
		words[i] = strings.TrimPrefix(w, "!")
	}
	slices.Sort(words)
	return slices.Compact(words)
}

// Wildcard matches * and ? (ssh_config(5), "PATTERNS"), without regard to dots.
// It is linear in practice: on a mismatch it goes back to the last star only.
func Wildcard(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]) && pattern[p] != '*':
			p++
			i++
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// MatchList matches patterns that are separated by commas; one that is negated
// and matches decides (match.c, match_pattern_list).
func MatchList(patterns, s string) bool {
	matched := false
	for p := range strings.SplitSeq(patterns, ",") {
		positive, negated := strings.CutPrefix(p, "!")
		if !Wildcard(positive, s) {
			continue
		}
		if negated {
			return false
		}
		matched = true
	}
	return matched
}

// exists says whether there is a file.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
