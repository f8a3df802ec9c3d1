// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package sshconfig

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Question is about one host.
type Question struct {
	Host string // as the user names it; see CheckHost
	Port int    // 0: the file may say it
	User string // "": the file may say it
	// DefaultUser is who logs in where nobody is named.
	DefaultUser string
}

// Settings are what a configuration says of a host. Zero values say that it
// says nothing, but of HostName, Port, User and the known_hosts files, which have
// defaults.
type Settings struct {
	HostName string
	Port     int
	User     string
	Tokens   Tokens // of this connection

	IdentityFiles    []string // without "none"; paths that need not exist
	CertificateFiles []string
	NoIdentities     bool // IdentityFile none, and no other
	IdentitiesOnly   bool
	// IdentityAgent is the socket, "none", or "": the usual one.
	IdentityAgent string

	// Jumps are the hosts of ProxyJump in the order in which they are passed.
	Jumps        []Jump
	ProxyCommand string // with its tokens

	UserKnownHostsFiles   []string
	GlobalKnownHostsFiles []string
	// UsualUser and UsualGlobal say that they are those that count where none are named.
	UsualUser, UsualGlobal bool
	HostKeyAlias           string
	// StrictHostKeyChecking is yes, ask, accept-new or no.
	StrictHostKeyChecking string
	RevokedHostKeys       []string
	KnownHostsCommand     string // with its tokens and quotes

	ConnectTimeout      time.Duration
	ServerAliveInterval time.Duration
	ServerAliveCountMax int

	AddressFamily string // "inet", "inet6"
	BindAddress   string

	Ciphers, MACs, KexAlgorithms, HostKeyAlgorithms, PubkeyAcceptedAlgorithms, CASignatureAlgorithms Algorithms

	// Dropped are the options that would change something and are not honoured,
	// as they are written in the file.
	Dropped []string
}

// A Jump is one host of a ProxyJump.
type Jump struct {
	Host string
	Port int    // 0: what the file says of it
	User string // the same with ""
}

// Algorithms is a list of names, or a change to the defaults of whoever uses it
// where only the file's words are known.
type Algorithms struct {
	// Change is '+', which appends to the defaults, '-', which takes patterns out
	// of them, '^', which puts names in front, or 0: the list takes their place.
	Change byte
	Names  []string
}

// Apply gives those of supported that the list allows, in its order; all of
// defaults if there is no list.
func (a Algorithms) Apply(defaults, supported []string) []string {
	listed := slices.DeleteFunc(slices.Clone(a.Names), func(name string) bool { return !slices.Contains(supported, name) })
	added := slices.DeleteFunc(slices.Clone(listed), func(name string) bool { return slices.Contains(defaults, name) })
	switch {
	case len(a.Names) == 0:
		return defaults
	case a.Change == '+':
		return slices.Concat(defaults, added)
	case a.Change == '-':
		return slices.DeleteFunc(slices.Clone(defaults), func(name string) bool { return MatchList(strings.Join(a.Names, ","), name) })
	case a.Change == '^':
		rest := slices.DeleteFunc(slices.Clone(defaults), func(name string) bool { return slices.Contains(listed, name) })
		return slices.Concat(listed, rest)
	}
	return listed
}

// number is a keyword's number, at most so large; 0 if it has none.
func (v values) number(keyword string, most int) (int, error) {
	text := v.first(keyword)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most || n == 0 && keyword == "port" {
		return 0, fmt.Errorf("%q is not a number that it takes", text)
	}
	return n, nil
}

// settle makes settings of values, of which those in expanded have no tokens any
// more. at says where a value is from, in an error.
func (q Question) settle(v values, expanded []string, at func(keyword string, err error) error) (s *Settings, err error) {
	s = &Settings{HostName: v.first("hostname"), User: cmp.Or(v.first("user"), q.DefaultUser), Port: 22}
	var failed error
	fail := func(keyword string, err error) {
		if err != nil && failed == nil {
			failed = at(keyword, err)
		}
	}
	number := func(keyword string, most int) int {
		n, err := v.number(keyword, most)
		fail(keyword, err)
		return n
	}
	duration := func(keyword string) time.Duration {
		d, err := seconds(v.first(keyword))
		fail(keyword, err)
		return d
	}
	s.Port = cmp.Or(number("port", 65535), 22)
	if err := CheckHost(s.HostName); err != nil {
		fail("hostname", err)
	}
	// Newer versions of ssh expand tokens in it, older ones take them for a part of
	// the name; nobody's name has them.
	if err := CheckUser(s.User); err != nil || strings.ContainsAny(s.User, "%$") {
		fail("user", cmp.Or(err, fmt.Errorf("%q is not a name", s.User)))
	}
	s.HostKeyAlias = v.first("hostkeyalias")
	s.Tokens = q.tokens(s.HostName, strconv.Itoa(s.Port), s.User, s.HostKeyAlias)
	// paths are the names of files that a keyword has, set whether it is there.
	paths := func(keyword string) (paths []string, set bool) {
		for _, p := range v[keyword] {
			if strings.EqualFold(p, "none") {
				continue
			}
			if !slices.Contains(expanded, keyword) {
				var err error
				if keyword == "identityfile" || keyword == "certificatefile" {
					p, err = s.Tokens.Expand(expandHome(p), true) // one that is not there is passed over
				} else {
					p, err = s.Tokens.path(p)
				}
				fail(keyword, err)
			}
			paths = append(paths, p)
		}
		return paths, len(v[keyword]) > 0
	}
	s.proxies(v, fail)
	s.identities(v, paths)
	s.hostKeys(v, paths, fail)
	s.ConnectTimeout, s.ServerAliveInterval = duration("connecttimeout"), duration("serveraliveinterval")
	s.ServerAliveCountMax = number("serveralivecountmax", math.MaxInt32)
	switch family := strings.ToLower(v.first("addressfamily")); family {
	case "", "any":
	case "inet", "inet6":
		s.AddressFamily = family
	default:
		fail("addressfamily", fmt.Errorf("%q is no address family", family))
	}
	if s.BindAddress = v.first("bindaddress"); s.BindAddress == "*" {
		s.BindAddress = ""
	}
	for keyword, list := range map[string]*Algorithms{
		"ciphers": &s.Ciphers, "macs": &s.MACs, "kexalgorithms": &s.KexAlgorithms, "hostkeyalgorithms": &s.HostKeyAlgorithms,
		"pubkeyacceptedalgorithms": &s.PubkeyAcceptedAlgorithms, "casignaturealgorithms": &s.CASignatureAlgorithms,
	} {
		text := v.first(keyword)
		if text != "" && strings.IndexByte("+-^", text[0]) >= 0 {
			list.Change, text = text[0], text[1:]
		}
		if text != "" {
			list.Names = strings.Split(text, ",")
		}
	}
	return s, failed
}

// proxies are the ways to the host.
func (s *Settings) proxies(v values, fail func(string, error)) {
	if text := v.first("proxyjump"); text != "" && !strings.EqualFold(text, "none") {
		text, err := s.Tokens.proxyTokens().Expand(text, false)
		fail("proxyjump", err)
		s.Jumps, err = parseJumps(text)
		fail("proxyjump", err)
	}
	if text := v.first("proxycommand"); !strings.EqualFold(text, "none") {
		s.ProxyCommand = text
	}
	if is(v.first("proxyusefdpass")) && s.ProxyCommand != "" {
		fail("proxyusefdpass", errors.New("a connection that the command passes on is not supported"))
	}
}

// ExpandProxyCommand replaces the tokens of a ProxyCommand.
func (t Tokens) ExpandProxyCommand(command string) (string, error) {
	return t.proxyTokens().Expand(command, false)
}

// identities are what logs in.
func (s *Settings) identities(v values, paths func(string) ([]string, bool)) {
	var set bool
	s.IdentityFiles, set = paths("identityfile")
	s.NoIdentities = set && len(s.IdentityFiles) == 0
	s.CertificateFiles, _ = paths("certificatefile")
	s.IdentitiesOnly = is(v.first("identitiesonly"))
	switch text := v.first("identityagent"); {
	case text == "SSH_AUTH_SOCK":
	case strings.EqualFold(text, "none"):
		s.IdentityAgent = "none"
	case strings.HasPrefix(text, "$") && !strings.HasPrefix(text, "${"):
		// An agent that is not there is none (ssh.c, main).
		s.IdentityAgent = cmp.Or(os.Getenv(text[1:]), "none")
	case text != "":
		agent, _ := paths("identityagent")
		s.IdentityAgent = agent[0]
	}
}

// hostKeys are what says which keys the host may show.
func (s *Settings) hostKeys(v values, paths func(string) ([]string, bool), fail func(string, error)) {
	var set bool
	user, global := usualKnownHosts()
	if s.UserKnownHostsFiles, set = paths("userknownhostsfile"); !set {
		s.UserKnownHostsFiles, s.UsualUser = user, true
	}
	if s.GlobalKnownHostsFiles, set = paths("globalknownhostsfile"); !set {
		s.GlobalKnownHostsFiles, s.UsualGlobal = global, true
	}
	s.RevokedHostKeys, _ = paths("revokedhostkeys")
	if text := v.first("knownhostscommand"); !strings.EqualFold(text, "none") {
		s.KnownHostsCommand = text
	}
	switch text := strings.ToLower(v.first("stricthostkeychecking")); text {
	case "", "ask", "accept-new":
		s.StrictHostKeyChecking = text
	case "yes", "true":
		s.StrictHostKeyChecking = "yes"
	case "no", "false", "off":
		s.StrictHostKeyChecking = "no"
	default:
		fail("stricthostkeychecking", fmt.Errorf("%q is not a policy", text))
	}
}

// usualKnownHosts are the known_hosts files that count where none are named: of
// the user, who may have no home directory, and of the machine.
func usualKnownHosts() (user, global []string) {
	both := func(first string) []string { return []string{first, first + "2"} }
	if path, ok := ownFile("known_hosts"); ok {
		user = both(path)
	}
	system := "/etc/ssh"
	if runtime.GOOS == "windows" {
		system = filepath.Join(os.Getenv("ProgramData"), "ssh")
	}
	return user, both(filepath.Join(system, "ssh_known_hosts"))
}

// UsualIdentities are the keys that are tried where none are named.
func UsualIdentities() (paths []string) {
	for _, name := range []string{"id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"} {
		if path, ok := ownFile(name); ok {
			paths = append(paths, path)
		}
	}
	return paths
}

// is reads a flag.
func is(text string) bool { return strings.EqualFold(text, "yes") || strings.EqualFold(text, "true") }

// seconds reads a time: 90, 1m30s, none (sshd_config(5), "TIME FORMATS").
func seconds(text string) (time.Duration, error) {
	if text == "" || strings.EqualFold(text, "none") {
		return 0, nil
	}
	units := map[byte]int{'s': 1, 'm': 60, 'h': 3600, 'd': 86400, 'w': 7 * 86400}
	total := 0
	for rest := strings.ToLower(text); rest != ""; {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		n, err := strconv.Atoi(rest[:digits])
		unit := 1
		if rest = rest[digits:]; rest != "" {
			unit = units[rest[0]]
			rest = rest[1:]
		}
		if err != nil || unit == 0 || n > math.MaxInt32/unit || total > math.MaxInt32-n*unit {
			return 0, fmt.Errorf("%q is not a time", text)
		}
		total += n * unit
	}
	return time.Duration(total) * time.Second, nil
}

// KnownHostsArgs is KnownHostsCommand as a program and its arguments, with the
// tokens that are about a key: %H, %I, %t, %f and %K.
func (s *Settings) KnownHostsArgs(about Tokens) ([]string, error) {
	args, err := splitWords(s.KnownHostsCommand, false)
	if err == nil && len(args) == 0 {
		err = errors.New("it is empty")
	}
	if err != nil {
		return nil, err
	}
	tokens := maps.Clone(s.Tokens)
	maps.Copy(tokens, about)
	for i := range args[1:] {
		if args[i+1], err = tokens.Expand(args[i+1], true); err != nil {
			return nil, err
		}
	}
	return args, nil
}

// parseJumps reads a ProxyJump: [user@]host[:port] or ssh://…, separated by
// commas (readconf.c, parse_jump; misc.c, parse_user_host_port).
func parseJumps(text string) (jumps []Jump, err error) {
	for word := range strings.SplitSeq(text, ",") {
		word = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(word), "ssh://"), "/")
		var j Jump
		j.Host = word
		if i := strings.LastIndexByte(word, '@'); i >= 0 {
			j.User, j.Host = word[:i], word[i+1:]
		}
		if i := strings.LastIndexByte(j.Host, ':'); i >= 0 && (strings.Count(j.Host, ":") == 1 || j.Host[i-1] == ']') {
			if j.Port, err = strconv.Atoi(j.Host[i+1:]); err != nil || j.Port < 1 || j.Port > 65535 {
				return nil, fmt.Errorf("%q is not a port", j.Host[i+1:])
			}
			j.Host = j.Host[:i]
		}
		j.Host = strings.TrimSuffix(strings.TrimPrefix(j.Host, "["), "]")
		if err := CheckHost(j.Host); err != nil {
			return nil, fmt.Errorf("the name of a jump host: %w", err)
		}
		if err := CheckUser(j.User); err != nil {
			return nil, fmt.Errorf("the user of a jump host: %w", err)
		}
		jumps = append(jumps, j)
	}
	return jumps, nil
}
