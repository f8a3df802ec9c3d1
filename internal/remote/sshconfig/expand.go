// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package sshconfig

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
)

// Tokens are what %h and the like stand for (ssh_config(5), "TOKENS").
type Tokens map[byte]string

// tokens are those of a connection. %C, a hash whose parts differ by version, and
// %j, which is new, are not among them.
func (q Question) tokens(hostName, port, remoteUser, alias string) Tokens {
	local, _ := os.Hostname() // "" is not a name that a file could be called after
	short, _, _ := strings.Cut(local, ".")
	if alias == "" {
		alias = q.Host
	}
	return Tokens{
		'h': hostName, 'n': q.Host, 'p': port, 'r': remoteUser, 'k': alias,
		'u': localUser(), 'd': home(), 'i': strconv.Itoa(os.Getuid()), 'l': local, 'L': short,
	}
}

// proxyTokens are those that a ProxyCommand knows.
func (t Tokens) proxyTokens() Tokens {
	return Tokens{'h': t['h'], 'n': t['n'], 'p': t['p'], 'r': t['r'], 'k': t['k']}
}

// Expand replaces the tokens in s, and ${NAME} where environment is true. What
// it does not know is an error, as it is to ssh.
func (t Tokens) Expand(s string, environment bool) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case environment && strings.HasPrefix(s[i:], "${"):
			name, _, found := strings.Cut(s[i+2:], "}")
			if !found || name == "" {
				return "", fmt.Errorf("%q: ${ is not closed", s)
			}
			value, ok := os.LookupEnv(name)
			if !ok {
				return "", fmt.Errorf("%q: the environment variable %s is not set", s, name)
			}
			b.WriteString(value)
			i += len("${}") + len(name) - 1
		case s[i] != '%':
			b.WriteByte(s[i])
		case i+1 == len(s):
			return "", fmt.Errorf("%q ends in a single %%", s)
		default:
			i++
			value, ok := t[s[i]]
			if s[i] == '%' {
				value, ok = "%", true
			}
			if !ok {
				return "", fmt.Errorf("%q: %%%c is not known here", s, s[i])
			}
			b.WriteString(value)
		}
	}
	return b.String(), nil
}

// path expands the name of a file.
func (t Tokens) path(s string) (string, error) {
	path := expandHome(s)
	if strings.HasPrefix(path, "~") {
		return "", fmt.Errorf("%q: there is no such home directory", s)
	}
	return t.Expand(path, true)
}

// expandHome replaces a leading ~, and that of another user.
func expandHome(path string) string {
	rest, ok := strings.CutPrefix(path, "~")
	if !ok {
		return path
	}
	name, rest, _ := strings.Cut(rest, "/")
	dir := home()
	if name != "" {
		u, err := user.Lookup(name)
		if err != nil {
			return path // a file that is not there
		}
		dir = u.HomeDir
	}
	if dir == "" {
		return path // as above, and not one of the current directory
	}
	return filepath.Join(dir, rest)
}

// ownFile is a file in ~/.ssh. It is false for whoever has no home directory.
func ownFile(name string) (path string, ok bool) {
	dir := home()
	if dir == "" {
		return "", false
	}
	return filepath.Join(dir, ".ssh", name), true
}

// home is the user's home directory as ssh has it, which does not ask the
// environment.
func home() string {
	if u, err := user.Current(); err == nil && u.HomeDir != "" {
		return u.HomeDir
	}
	return os.Getenv("HOME")
}

// localUser is who runs this.
func localUser() string {
	if u, err := user.Current(); err == nil {
		// On Windows with its domain in front.
		return u.Username[strings.LastIndexByte(u.Username, '\\')+1:]
	}
	return cmp.Or(os.Getenv("USER"), os.Getenv("LOGNAME"))
}

// CheckHost refuses a name that would be an option or more than a name where it
// becomes a part of a command line: in Match exec, in %h, or as ssh's argument
// (readconf.c, ssh_valid_hostname). One with a user in it is another host's.
func CheckHost(name string) error {
	switch {
	case name == "":
		return errors.New("it is empty")
	case name[0] == '-':
		return fmt.Errorf("%q begins with a hyphen", name)
	}
	for _, r := range name {
		if strings.ContainsRune("'`\"$\\;&<>|(){},@/", r) || unicode.IsSpace(r) || unicode.IsControl(r) {
			return fmt.Errorf("%q has %q in it, which no host's name has", name, r)
		}
	}
	return nil
}

// CheckUser is the same for %r (readconf.c, ssh_valid_ruser).
func CheckUser(name string) error {
	if strings.HasPrefix(name, "-") {
		return fmt.Errorf("%q begins with a hyphen", name)
	}
	blank := false
	for _, r := range name {
		if strings.ContainsRune("'`\";&<>|(){}", r) || unicode.IsControl(r) || blank && r == '-' {
			return fmt.Errorf("%q has %q in it, which could be taken for a command", name, r)
		}
		blank = unicode.IsSpace(r)
	}
	if strings.HasSuffix(name, `\`) {
		return fmt.Errorf("%q ends in a backslash", name)
	}
	return nil
}
