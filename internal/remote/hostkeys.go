// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // known_hosts hashes names so (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote/program"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/sshconfig"
)

// knownKey is a key, or an authority's key, that is known for a host.
type knownKey struct {
	key       ssh.PublicKey
	authority bool
	revoked   bool   // it must not be used for the host
	source    string // "known_hosts line 3", "/home/u/.ssh/known_hosts:12", "host_key"
}

// knownHosts is a read-only set of known_hosts lines. It is built from lines
// and files alike (x/crypto's and skeema's knownhosts take only files), finds
// a plain name without a scan, and follows sshd(8), "SSH_KNOWN_HOSTS FILE
// FORMAT": hashed names, [host]:port, wildcards, negation, @cert-authority and
// @revoked.
type knownHosts struct {
	plain    map[string][]knownKey // by name as in the file: "host", "[host]:2222"
	patterns []patternEntry
	hashed   []hashedEntry
}

type patternEntry struct {
	patterns string // separated by commas
	knownKey
}

type hashedEntry struct {
	salt, hash []byte
	knownKey
}

// add reads known_hosts text. The name of the source is used in messages. A
// line that cannot be read is an error if strict, and skipped otherwise: files
// that OpenSSH maintains may hold key types that only OpenSSH knows.
func (db *knownHosts) add(text []byte, source string, strict bool) error {
	if db.plain == nil {
		db.plain = map[string][]knownKey{}
	}
	n := 0
	for line := range bytes.Lines(text) {
		n++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		if err := db.addLine(line, source+":"+strconv.Itoa(n)); err != nil && strict {
			return fmt.Errorf("%s:%d: %w", source, n, err)
		}
	}
	return nil
}

func (db *knownHosts) addLine(line []byte, source string) error {
	marker, hosts, key, _, _, err := ssh.ParseKnownHosts(line)
	if err != nil {
		return fmt.Errorf("not a known_hosts line: %w", err)
	}
	entry := knownKey{key: key, source: source}
	switch marker {
	case "":
	case "cert-authority":
		entry.authority = true
	case "revoked":
		entry.revoked = true
	default:
		return fmt.Errorf("unknown marker @%s", marker)
	}
	// One that is hashed stands alone.
	if strings.HasPrefix(hosts[0], "|") {
		salt, hash, err := splitHash(strings.Join(hosts, ","))
		if err != nil {
			return err
		}
		db.hashed = append(db.hashed, hashedEntry{salt, hash, entry})
		return nil
	}
	for i, h := range hosts {
		hosts[i] = strings.ToLower(h)
	}
	if slices.ContainsFunc(hosts, func(h string) bool { return strings.ContainsAny(h, "*?!") }) {
		db.patterns = append(db.patterns, patternEntry{strings.Join(hosts, ","), entry})
		return nil
	}
	// A name with ":22" is nobody's: ssh looks for "host" then (misc.c, put_host_port).
	for _, h := range hosts {
		db.plain[h] = append(db.plain[h], entry)
	}
	return nil
}

func splitHash(s string) (salt, hash []byte, err error) {
	parts := strings.Split(s, "|")
	if len(parts) != 4 || parts[1] != "1" {
		return nil, nil, errors.New("not a hashed host name of type 1")
	}
	salt, err = base64.StdEncoding.DecodeString(parts[2])
	if err == nil {
		hash, err = base64.StdEncoding.DecodeString(parts[3])
	}
	if err != nil {
		return nil, nil, fmt.Errorf("not a hashed host name: %w", err)
	}
	return salt, hash, nil
}

// lookup gives the keys that are known for one name in known_hosts form.
func (db *knownHosts) lookup(name string) []knownKey {
	name = strings.ToLower(name)
	found := slices.Clone(db.plain[name])
	for _, e := range db.patterns {
		if sshconfig.MatchList(e.patterns, name) {
			found = append(found, e.knownKey)
		}
	}
	for _, e := range db.hashed {
		mac := hmac.New(sha1.New, e.salt)
		mac.Write([]byte(name))
		if hmac.Equal(mac.Sum(nil), e.hash) {
			found = append(found, e.knownKey)
		}
	}
	return found
}

// knownName is the form in which known_hosts has an address.
func knownName(host string, port int) string {
	if port == 22 {
		return host
	}
	return "[" + host + "]:" + strconv.Itoa(port)
}

// hostKeys decides about the keys of all hosts of a Client.
type hostKeys struct {
	policy      HostKeyPolicy
	known       knownHosts
	authorities []ssh.PublicKey // for every host

	mu       sync.Mutex
	accepted map[string]ssh.PublicKey // under AcceptNew, by known_hosts name
}

func newHostKeys(cfg Config) (*hostKeys, error) {
	h := &hostKeys{policy: cfg.HostKeyPolicy, accepted: map[string]ssh.PublicKey{}}
	switch h.policy {
	case "":
		h.policy = AcceptNew
	case Strict, AcceptNew, Ignore:
	default:
		return nil, &ConfigError{Field: "ssh.host_key_policy", Err: fmt.Errorf("%q is not a policy", cfg.HostKeyPolicy),
			hint: `Use "strict", "accept_new" or "ignore".`}
	}
	const form = "Lines look like \"host1,host2 ssh-ed25519 AAAA…\", as ssh-keyscan prints them."
	if err := h.known.add([]byte(strings.Join(cfg.KnownHosts, "\n")), "known_hosts", true); err != nil {
		return nil, &ConfigError{Field: "ssh.known_hosts", Err: err, hint: form}
	}
	for _, path := range cfg.KnownHostsFiles {
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = h.known.add(text, path, false)
		}
		if err != nil {
			return nil, &ConfigError{Field: "ssh.known_hosts_files", Err: err, hint: form}
		}
	}
	for _, text := range cfg.HostCertificateAuthorities {
		keys, err := parseAuthorizedKeys(text)
		if err != nil {
			return nil, &ConfigError{Field: "ssh.host_certificate_authorities", Err: err,
				hint: "Give the authority's public key: one line, like \"ssh-ed25519 AAAA…\"."}
		}
		h.authorities = append(h.authorities, keys...)
	}
	return h, nil
}

// parseAuthorizedKeys reads public keys in authorized_keys form, one a line.
func parseAuthorizedKeys(text string) ([]ssh.PublicKey, error) {
	var keys []ssh.PublicKey
	rest := []byte(text)
	for len(bytes.TrimSpace(rest)) > 0 {
		key, _, _, r, err := ssh.ParseAuthorizedKey(rest)
		if err != nil {
			return nil, errors.New("not a public key in authorized_keys form")
		}
		keys, rest = append(keys, key), r
	}
	if len(keys) == 0 {
		return nil, errors.New("no public key in it")
	}
	return keys, nil
}

// keyCheck is the decision about the key of one host in one handshake.
type keyCheck struct {
	all    *hostKeys
	policy HostKeyPolicy
	label  string // for messages
	jump   bool   // it is a jump host
	name   string // known_hosts name
	host   string // that a certificate must be for
	known  []knownKey
	pinned bool // known is what the user or the state names, and what is revoked
	// portless are keys known for the host's name alone when it listens on
	// another port than 22: OpenSSH takes them as a match, never as a mismatch.
	portless []knownKey
	// file is what a client configuration says of the host; nil if there is none.
	file *hostSettings
	// ask gives what KnownHostsCommand says of a key; nil if there is none. ordered is
	// what it said before there was one.
	ask     func(key ssh.PublicKey) ([]knownKey, error)
	ordered []knownKey

	shown   ssh.PublicKey // what was accepted: the key, or a certificate with it
	got     ssh.PublicKey // the accepted key
	vouched vouched       // who vouches for it
	note    string        // what the user should hear of although it was accepted
	err     error
}

// vouched is who vouches for a host key that was accepted.
type vouched int

const (
	byNobody vouched = iota // it was the first one that came
	byNote                  // it is that of the first time
	byConfig                // the user's configuration names it or its authority, or does not care
)

const (
	// fromNote is the source of a key that is noted.
	fromNote = "accepted when it was first used"
	// fromRun is that of one that was the first in this run.
	fromRun = "seen earlier in this run"
)

// check prepares the decision. A pin stands in for known_hosts, and both for what
// is noted, so that a key can be changed.
func (h *hostKeys) check(e *endpoint) *keyCheck {
	c := &keyCheck{all: h, policy: h.policy, label: e.label, jump: e.way != "", host: e.host, name: knownName(e.host, e.port), file: e.file,
		pinned: len(e.pin) > 0}
	sources := []*knownHosts{&h.known}
	alias := ""
	if e.file != nil {
		c.policy = stricter(h.policy, e.file.policy)
		sources = append(sources, e.file.known...)
		alias = e.file.HostKeyAlias
	}
	if alias != "" {
		c.name, c.host = alias, alias
	}
	for _, db := range sources {
		c.known = append(c.known, db.lookup(c.name)...)
	}
	for _, a := range h.authorities {
		c.known = append(c.known, knownKey{key: a, authority: true, source: "host_certificate_authorities"})
	}
	if e.port != 22 && alias == "" {
		for _, db := range sources {
			c.portless = append(c.portless, db.lookup(e.host)...)
		}
	}
	if c.pinned {
		c.known = slices.DeleteFunc(c.known, func(k knownKey) bool { return !k.revoked })
		for _, k := range e.pin {
			c.known = append(c.known, knownKey{key: k, source: "host_key"})
		}
	}
	if slices.ContainsFunc(c.known, knownKey.isPlain) {
		c.portless = slices.DeleteFunc(c.portless, func(k knownKey) bool { return !k.revoked })
	}
	if c.pinned {
		return c
	}
	if e.noted != nil {
		if !slices.ContainsFunc(c.known, knownKey.isPlain) {
			c.known = append(c.known, knownKey{key: e.noted, source: fromNote})
		}
		return c
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if k := h.accepted[c.name]; k != nil {
		c.known = append(c.known, knownKey{key: k, source: fromRun})
	}
	return c
}

// isPlain says that it is the key of the host itself.
func (k knownKey) isPlain() bool { return !k.authority && !k.revoked }

func (c *keyCheck) algorithms() []string {
	ours := hostKeyAlgorithms(slices.Concat(c.known, c.ordered, c.portless))
	if c.file == nil || len(c.file.HostKeyAlgorithms.Names) == 0 {
		return ours
	}
	// Those of a known key still come first: another one could not be compared.
	listed := c.file.HostKeyAlgorithms.Apply(ours, supportedHostKeys())
	return append(slices.DeleteFunc(slices.Clone(ours), func(a string) bool { return !slices.Contains(listed, a) }),
		slices.DeleteFunc(listed, func(a string) bool { return slices.Contains(ours, a) })...)
}

// callback is an ssh.HostKeyCallback. Every key exchange of the connection comes here
// (RFC 4253, section 9): what was accepted is not asked for again (sshconnect.c,
// verify_host_key).
func (c *keyCheck) callback(_ string, _ net.Addr, shown ssh.PublicKey) error {
	if c.shown != nil && sameKey(c.shown, shown) {
		return nil
	}
	err := c.decide(shown)
	if err == nil {
		c.shown = shown
	}
	return err
}

// decide says whether a key or certificate is the host's.
func (c *keyCheck) decide(shown ssh.PublicKey) error {
	key := shown
	cert, _ := shown.(*ssh.Certificate)
	if cert != nil {
		key = cert.Key
	}
	refuse := func(e HostKeyError) error {
		e.Host, e.Jump, e.Got, e.Key = c.label, c.jump, fingerprint(key), authorizedKey(key)
		c.err = &e
		return c.err
	}
	c.got = key
	// Whatever the policy is (sshconnect.c, verify_host_key).
	if source := c.listed(shown); source != "" {
		return refuse(HostKeyError{Revoked: true, Source: source})
	}
	if c.policy == Ignore {
		c.vouched = byConfig
		return nil
	}
	if c.ask != nil {
		more, err := c.ask(shown)
		if err != nil {
			c.err = err
			return err
		}
		c.add(more)
	}
	if source := c.revoked(key, cert); source != "" {
		return refuse(HostKeyError{Revoked: true, Source: source})
	}
	var invalid error
	if cert != nil {
		var signed bool
		if signed, invalid = c.verify(cert); signed && invalid == nil {
			c.vouched = byConfig
			return nil
		}
		if !c.permits(key) {
			return refuse(HostKeyError{Err: cmp.Or(invalid, errNoPlainKey)})
		}
	}
	var want []string
	var source string
	for _, k := range slices.Concat(c.known, c.portless) {
		if !k.isPlain() || !sameKey(k.key, key) {
			continue
		}
		if invalid != nil {
			c.note = fmt.Sprintf("the host certificate of %s is not valid (%v); its key is known (%s)", c.label, invalid, k.source)
		}
		return c.match(key, k.source)
	}
	if invalid != nil {
		return refuse(HostKeyError{Err: invalid})
	}
	for _, k := range c.known {
		if k.isPlain() {
			want, source = append(want, fingerprint(k.key)), k.source
		}
	}
	if len(want) > 0 || c.policy == Strict {
		return refuse(HostKeyError{Want: want, Source: source, ByFile: c.all.policy != Strict})
	}
	// Two handshakes with a new host at once: the first one's key counts.
	if first := c.accept(key); !sameKey(first, key) {
		return refuse(HostKeyError{Want: []string{fingerprint(first)}, Source: fromRun})
	}
	return nil
}

// add adds what a KnownHostsCommand says. It counts as what is in known_hosts does: not
// beside a pin, and more than what is noted, or known for the name alone.
func (c *keyCheck) add(more []knownKey) {
	if c.pinned {
		more = slices.DeleteFunc(more, func(k knownKey) bool { return !k.revoked })
	}
	if slices.ContainsFunc(more, knownKey.isPlain) {
		c.known = slices.DeleteFunc(c.known, func(k knownKey) bool { return k.source == fromNote || k.source == fromRun })
		c.portless = slices.DeleteFunc(c.portless, func(k knownKey) bool { return !k.revoked })
	}
	c.known = append(c.known, more...)
}

// errNoPlainKey says why the key in a certificate does not count.
var errNoPlainKey = errors.New("no known authority signed it, and HostKeyAlgorithms allows no plain key")

// listed is the RevokedHostKeys file that revokes a key, "" if none does.
func (c *keyCheck) listed(shown ssh.PublicKey) string {
	if c.file == nil {
		return ""
	}
	for i, list := range c.file.revoked {
		if list.revokes(shown) {
			return c.file.RevokedHostKeys[i]
		}
	}
	return ""
}

// revoked is the source of the line that revokes a key for the host, or the
// authority of a certificate with it; "" if there is none.
func (c *keyCheck) revoked(key ssh.PublicKey, cert *ssh.Certificate) string {
	for _, k := range slices.Concat(c.known, c.portless) {
		if k.revoked && (sameKey(k.key, key) || cert != nil && sameKey(k.key, cert.SignatureKey)) {
			return k.source
		}
	}
	return ""
}

// permits says whether HostKeyAlgorithms, if there is such a list, allows a plain
// key, such as the one in a certificate.
func (c *keyCheck) permits(key ssh.PublicKey) bool {
	if c.file == nil {
		return true
	}
	names := []string{key.Type()}
	if key.Type() == ssh.KeyAlgoRSA {
		names = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA}
	}
	return len(c.file.HostKeyAlgorithms.Apply(names, names)) > 0
}

func sameKey(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }

// match takes a key that is known from somewhere.
func (c *keyCheck) match(key ssh.PublicKey, source string) error {
	switch source {
	case fromRun:
	case fromNote:
		c.vouched = byNote
		c.accept(key) // by whoever has not noted it
	default:
		c.vouched = byConfig
	}
	return nil
}

// accept gives the key that counts for the host in this run from now on: the
// first one.
func (c *keyCheck) accept(key ssh.PublicKey) ssh.PublicKey {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if first := c.all.accepted[c.name]; first != nil {
		return first
	}
	c.all.accepted[c.name] = key
	return key
}

// withoutPassword is the error of a login that only the password could have
// brought about.
func (c *keyCheck) withoutPassword() error {
	return &HostKeyError{Host: c.label, Jump: true, Got: fingerprint(c.got), Key: authorizedKey(c.got), Password: true}
}

// verify reports whether a known authority signed the certificate. One that it
// signed but that is not valid (expired, for another name) is an error.
func (c *keyCheck) verify(cert *ssh.Certificate) (bool, error) {
	signed := slices.ContainsFunc(slices.Concat(c.known, c.portless), func(k knownKey) bool {
		return k.authority && sameKey(k.key, cert.SignatureKey)
	})
	if !signed {
		return false, nil
	}
	if c.file != nil {
		all := []string{cert.Signature.Format}
		if len(c.file.CASignatureAlgorithms.Apply(all, all)) == 0 {
			return true, fmt.Errorf("it is signed by %s, which CASignatureAlgorithms does not allow", cert.Signature.Format)
		}
	}
	if cert.CertType != ssh.HostCert {
		return false, errors.New("it is a user certificate")
	}
	return true, new(ssh.CertChecker).CheckCert(c.host, cert)
}

func fingerprint(k ssh.PublicKey) string { return k.Type() + " " + ssh.FingerprintSHA256(k) }

func authorizedKey(k ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k)))
}

// knownHostsLimit is how long a KnownHostsCommand may take.
const knownHostsLimit = 30 * time.Second

// checkOf prepares the decision about a host's key. A KnownHostsCommand is asked
// before, for the kinds of keys, and about the key that is shown (ssh_config(5)).
func (c *Client) checkOf(ctx context.Context, e *endpoint) (*keyCheck, error) {
	check := c.keys.check(e)
	if e.file == nil || e.file.KnownHostsCommand == "" || check.policy == Ignore {
		return check, nil
	}
	check.ask = func(key ssh.PublicKey) ([]knownKey, error) {
		name := check.name
		if key == nil {
			name = check.host // without the port (sshconnect2.c, order_hostkeyalgs)
		}
		found, err := c.askKnownHosts(ctx, e, name, key)
		if err != nil {
			return nil, &ConfigError{Field: "ssh.config_file", Err: fmt.Errorf("KnownHostsCommand for %s: %w", e.label, err),
				hint: "Run it by hand: it has to print lines in known_hosts form and to end with exit code 0."}
		}
		return found, nil
	}
	var err error
	check.ordered, err = check.ask(nil)
	return check, err
}

func (c *Client) askKnownHosts(ctx context.Context, e *endpoint, name string, key ssh.PublicKey) ([]knownKey, error) {
	about := map[byte]string{'H': name, 'I': "ORDER", 't': "NONE", 'f': "NONE", 'K': "NONE"}
	if key != nil {
		about['I'], about['t'], about['f'] = "HOSTNAME", key.Type(), ssh.FingerprintSHA256(key)
		about['K'] = base64.StdEncoding.EncodeToString(key.Marshal())
	}
	args, err := e.file.KnownHostsArgs(about)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, knownHostsLimit, fmt.Errorf("no end within %s", knownHostsLimit))
	defer cancel()
	out, err := program.Command{Path: args[0], Args: args[1:], Env: c.environment()}.Output(ctx, maxKnownHosts)
	if err != nil {
		return nil, err
	}
	db := &knownHosts{}
	if err := db.add(out, "KnownHostsCommand", false); err != nil {
		return nil, err
	}
	return db.lookup(name), nil
}

// maxKnownHosts is how much a KnownHostsCommand may print.
const maxKnownHosts = 4 << 20
