// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/kevinburke/ssh_config"
)

// configFile is an OpenSSH client configuration. Of it HostName, User, Port,
// IdentityFile, CertificateFile, IdentityAgent, IdentitiesOnly, ProxyJump and
// UserKnownHostsFile count, with Host, Match host, Match all and Include
// around them. What the Config or the Target says comes before it.
type configFile struct {
	path string
	file *ssh_config.Config

	mu     sync.Mutex
	logins map[string]*login      // by what they are made of
	known  map[string]*knownHosts // by path
}

func openConfigFile(path string) (*configFile, error) {
	if path == "" {
		return nil, nil
	}
	bad := func(err error) (*configFile, error) {
		return nil, &ConfigError{Field: "ssh.config_file", Err: err, hint: "Check it with: ssh -F " + path + " -G some-host."}
	}
	f, err := os.Open(expandHome(path))
	if err != nil {
		return bad(err)
	}
	cfg, err := decodeConfig(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return bad(err)
	}
	return &configFile{path: path, file: cfg, logins: map[string]*login{}, known: map[string]*knownHosts{}}, nil
}

// decodeConfig reads a configuration. The library panics on some that are
// wrong.
func decodeConfig(r io.Reader) (cfg *ssh_config.Config, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it cannot be read: %v", p)
		}
	}()
	return ssh_config.Decode(r)
}

// hostSettings is what the file says of one host, completed.
type hostSettings struct {
	address   string
	port      int
	user      string
	login     *login // nil: the file has no credentials for it
	jumps     []Hop  // nil: it says nothing of jump hosts
	knownFrom []*knownHosts
}

// maxJumpDepth bounds jump hosts that are reached through jump hosts.
const maxJumpDepth = 8

// settings looks a host up by the name that the user gave. port and user are
// those of the Config or Target, 0 and "" if they say nothing.
func (f *configFile) settings(c *Client, alias string, port int, user string, depth int) (hostSettings, error) {
	s := hostSettings{address: alias, port: port, user: user}
	bad := func(key string, err error) (hostSettings, error) {
		return s, &ConfigError{Field: "ssh.config_file", Err: fmt.Errorf("%s: %s of host %s: %w", f.path, key, alias, err)}
	}
	get := func(key string) string {
		// Its error is that of a pattern, and patterns were read already.
		v, _ := f.file.Get(alias, key)
		return unquote(v)
	}
	if v := get("Port"); v != "" && s.port == 0 {
		n, err := strconv.Atoi(v)
		if err != nil {
			return bad("Port", fmt.Errorf("%q is not a number", v))
		}
		s.port = n
	}
	if s.port == 0 {
		s.port = 22
	}
	if s.user == "" {
		s.user = get("User")
	}
	if v := get("HostName"); v != "" {
		s.address = expandTokens(v, map[byte]string{'h': alias, 'n': alias})
	}
	tokens := map[byte]string{'h': s.address, 'n': alias, 'p': strconv.Itoa(s.port), 'r': s.user, 'u': localUser(), 'd': homeDirectory()}
	var err error
	if s.login, err = f.login(c, alias, tokens); err != nil {
		return bad("credentials", err)
	}
	for _, path := range strings.Fields(get("UserKnownHostsFile")) {
		if path == "none" {
			continue
		}
		db, err := f.knownHosts(expandHome(expandTokens(path, tokens)))
		if err != nil {
			return bad("UserKnownHostsFile", err)
		}
		s.knownFrom = append(s.knownFrom, db)
	}
	if v := get("ProxyJump"); v != "" && depth >= 0 {
		if s.jumps, err = f.jumps(c, expandTokens(v, tokens), depth); err != nil {
			return bad("ProxyJump", err)
		}
	}
	return s, nil
}

// jumps reads a ProxyJump: [user@]host[:port] or ssh://…, in order, separated
// by commas. The first may itself have a ProxyJump.
func (f *configFile) jumps(c *Client, text string, depth int) ([]Hop, error) {
	hops := []Hop{}
	if strings.EqualFold(text, "none") {
		return hops, nil
	}
	if depth >= maxJumpDepth {
		return nil, errors.New("the jump hosts go in circles")
	}
	for i, word := range strings.Split(text, ",") {
		word = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(word), "ssh://"), "/")
		user, host, found := cutLast(word, "@")
		if !found {
			user, host = "", word
		}
		port := 0
		if h, p, ok := cutLast(host, ":"); ok && (!strings.Contains(h, ":") || strings.HasSuffix(h, "]")) {
			n, err := strconv.Atoi(p)
			if err != nil {
				return nil, fmt.Errorf("%q is not a port", p)
			}
			host, port = h, n
		}
		if host = trimBrackets(host); host == "" {
			return nil, errors.New("a jump host has no name")
		}
		d := -1 // a later one is reached through those before it
		if i == 0 {
			d = depth + 1
		}
		s, err := f.settings(c, host, port, user, d)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			hops = append(hops, s.jumps...)
		}
		hops = append(hops, Hop{Address: s.address, Port: s.port, User: s.user, settings: &s})
	}
	return hops, nil
}

// login gives the credentials that the file has for a host: its identity
// files, of which those that are not there are left out, and the agent, which
// is the client's where the file names none. The client's password stays.
func (f *configFile) login(c *Client, alias string, tokens map[byte]string) (*login, error) {
	all := func(key string) []string {
		v, _ := f.file.GetAll(alias, key) // as above
		for i := range v {
			v[i] = expandHome(expandTokens(unquote(v[i]), tokens))
		}
		return v
	}
	identities, certificates := all("IdentityFile"), all("CertificateFile")
	l := &login{agentSocket: c.login.agentSocket, identity: c.login.identity, password: c.login.password}
	if v, _ := f.file.Get(alias, "IdentitiesOnly"); strings.EqualFold(v, "yes") {
		l.agentSocket = ""
	}
	socket := ""
	if v, _ := f.file.Get(alias, "IdentityAgent"); strings.EqualFold(v, "none") {
		l.agentSocket = ""
	} else if v != "" {
		socket = expandHome(expandTokens(unquote(v), tokens))
		switch {
		case v == "SSH_AUTH_SOCK":
			socket = agentAddress()
		case strings.HasPrefix(socket, "$"):
			socket = os.Getenv(strings.Trim(socket[1:], "{}"))
		}
	}
	if len(identities) == 0 && socket == "" {
		return nil, nil
	}
	if socket != "" {
		l.agentSocket = socket
	}
	key := strings.Join(append(append([]string{l.agentSocket}, identities...), certificates...), "\x00")
	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.logins[key]; known != nil {
		return known, nil
	}
	for _, path := range identities {
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		certificate := ""
		for _, p := range append([]string{path + "-cert.pub"}, certificates...) {
			b, err := os.ReadFile(p)
			if err == nil && belongs(string(b), Secret(text), c.cfg.Credentials.Passphrase) {
				certificate = string(b)
			}
		}
		c.cfg.Redactor.Add(string(text))
		one, err := newLogin(Credentials{PrivateKey: Secret(text), Passphrase: c.cfg.Credentials.Passphrase, Certificate: certificate}, "ssh")
		var bad *ConfigError
		if errors.As(err, &bad) && bad.Field == "ssh.private_key_passphrase" && l.agentSocket != "" {
			continue // the agent is likely to hold it open
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		l.signers = append(l.signers, one.signers...)
	}
	f.logins[key] = l
	return l, nil
}

// belongs reports whether a certificate is for a key.
func belongs(certificate string, key, passphrase Secret) bool {
	cert, err := parseCertificate(certificate)
	if err != nil {
		return false
	}
	signer, err := parsePrivateKey(key, passphrase, "ssh")
	return err == nil && bytes.Equal(cert.Key.Marshal(), signer.PublicKey().Marshal())
}

func (f *configFile) knownHosts(path string) (*knownHosts, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if db := f.known[path]; db != nil {
		return db, nil
	}
	db := &knownHosts{}
	text, err := os.ReadFile(path)
	if err == nil {
		err = db.add(text, path, false)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f.known[path] = db
	return db, nil
}

// expandTokens replaces %h and the like (ssh_config(5), "TOKENS").
func expandTokens(s string, tokens map[byte]string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if v, ok := tokens[s[i]]; ok {
			b.WriteString(v)
		} else if s[i] == '%' {
			b.WriteByte('%')
		} else {
			b.WriteString(s[i-1 : i+1])
		}
	}
	return b.String()
}

func unquote(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

func expandHome(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		return filepath.Join(homeDirectory(), rest)
	}
	return path
}

// homeDirectory is "" if there is none: paths below it are not found then.
func homeDirectory() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return home
}

func localUser() string {
	for _, name := range []string{"USER", "LOGNAME", "USERNAME"} {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	return ""
}
