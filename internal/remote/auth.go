// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote/sshconfig"
)

// authAttempts is the logging in to one host over all attempts of one Dial.
type authAttempts struct {
	login *login
	// algorithms limit what may be signed by, if a client configuration says so.
	algorithms sshconfig.Algorithms
	// offers counts how often each key was shown to the server. Those shown
	// least come first, so that a server which cuts a full agent off after
	// six keys (MaxAuthTries) gets to see the others at the next attempt.
	offers map[string]int
	ready  []string // the names of the keys of the latest attempt
	tried  []string // of the latest attempt, in words
	unused []string // of it, what could not be tried, with the reason
	fatal  error    // no further attempt can help
	// keptBack says that in the latest attempt the password was asked for and not given.
	keptBack bool

	user     string   // that logs in
	said     []string // banners of the latest attempt
	told     bool     // one of them came after a credential was tried: it is of this login, and no notice for all
	offered  []string // the methods that the server would have taken last
	accepted []string // those that it took, and wanted more
	asked    []string // questions that a password does not answer
	invalid  []string // what is wrong with certificates that were tried

	mu sync.Mutex
}

func newAuthAttempts(l *login) *authAttempts {
	return &authAttempts{login: l, offers: map[string]int{}}
}

// methods are for one attempt. All keys go into one public-key method, since
// the library uses only the first of each kind. trusted says, once the host key
// has come, whether the host may see the password.
func (a *authAttempts) methods(ctx context.Context, use *agentUse, user string, trusted func() bool) (methods []ssh.AuthMethod) {
	a.mu.Lock()
	a.tried, a.unused, a.fatal, a.keptBack = nil, nil, nil, false
	a.user = user
	a.said, a.told, a.offered, a.accepted, a.asked, a.invalid = nil, false, nil, nil, nil, nil
	a.mu.Unlock()
	l := a.login
	if l.hasKeys() {
		methods = append(methods, ssh.PublicKeysCallback(func() ([]ssh.Signer, error) { return a.signers(ctx, use) }))
	}
	if l.password != "" {
		refused := false
		methods = append(methods, ssh.PasswordCallback(func() (string, error) {
			if !trusted() {
				return "", a.keepBack()
			}
			a.note("password")
			refused = true // if anything else is asked for after it
			return l.password.Reveal(), nil
		}), ssh.KeyboardInteractive(a.answer(&refused, trusted)))
	}
	return methods
}

// answer gives the password to the one hidden question of keyboard-interactive
// (RFC 4256), and to no second one: the same wrong answer twice could lock the
// account.
func (a *authAttempts) answer(refused *bool, trusted func() bool) ssh.KeyboardInteractiveChallenge {
	given := false
	return func(_, _ string, questions []string, echo []bool) ([]string, error) {
		if len(questions) == 0 {
			return nil, nil
		}
		if !trusted() {
			return nil, a.keepBack()
		}
		if len(questions) > 1 || echo[0] {
			a.mu.Lock()
			defer a.mu.Unlock()
			for _, q := range questions {
				a.asked = append(a.asked, tidyLines(clip(q), 1)...)
			}
			return nil, fmt.Errorf("the server asks %q, which a password does not answer", questions)
		}
		if given || *refused {
			return nil, errors.New("the server refused the password")
		}
		given = true
		a.note("keyboard-interactive")
		return []string{a.login.password.Reveal()}, nil
	}
}

// hear keeps a banner: a notice for all, or why an account is not let in.
func (a *authAttempts) hear(banner string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.told = a.told || len(a.tried) > 0
	for _, line := range tidyLines(banner, 5) {
		a.said = append(a.said, clip(line))
	}
	a.said = a.said[max(0, len(a.said)-5):]
}

// progress keeps what the server says of methods before the next one. It chooses none.
func (a *authAttempts) progress(c *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.offered, a.accepted = c.AllowedMethods, c.PartialSuccessMethods
	return nil, nil
}

// refused is the error of a login that was refused.
func (a *authAttempts) refused(host string, err error) *AuthError {
	a.mu.Lock()
	defer a.mu.Unlock()
	left := len(a.ready) - len(a.offers)
	return &AuthError{Host: host, User: a.user, Tried: slices.Clone(a.tried), Offered: a.offered, Accepted: a.accepted, Asked: a.asked,
		Unused: a.unused, Invalid: a.invalid, Said: a.said, KeptBack: a.keptBack, Err: err, more: a.unseen(), unseen: left}
}

// invalidity is what is wrong with a certificate for a user, "" if nothing is that can
// be seen here.
func invalidity(c *ssh.Certificate, user string, now time.Time) string {
	const day = "2006-01-02 15:04 MST"
	at := uint64(now.Unix()) //nolint:gosec // it is not before 1970
	switch {
	case c.CertType != ssh.UserCert:
		return "is a host's"
	case c.ValidBefore != ssh.CertTimeInfinity && at >= c.ValidBefore:
		return "has expired at " + time.Unix(int64(c.ValidBefore), 0).UTC().Format(day) //nolint:gosec // it is before now
	case at < c.ValidAfter && c.ValidAfter < 1<<40:
		return "is not valid before " + time.Unix(int64(c.ValidAfter), 0).UTC().Format(day)
	case len(c.ValidPrincipals) > 0 && !slices.Contains(c.ValidPrincipals, user):
		return fmt.Sprintf("is for %q, not for user %s", c.ValidPrincipals, user)
	}
	return ""
}

// keepBack notes that the password was asked for and not given.
func (a *authAttempts) keepBack() error {
	a.note("no password, since nothing vouches for the host's key")
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keptBack = true
	return errors.New("nothing vouches for the host's key")
}

// unseen reports whether there are keys that no attempt has shown yet, and that the
// latest one got further in showing them. The caller holds mu.
func (a *authAttempts) unseen() bool {
	fresh := slices.ContainsFunc(a.ready, func(name string) bool { return a.offers[name] == 0 })
	news := slices.ContainsFunc(a.tried, func(name string) bool { return a.offers[name] == 1 })
	return fresh && news
}

func (a *authAttempts) note(what string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !slices.Contains(a.tried, what) {
		a.tried = append(a.tried, what)
	}
}

// signers are the keys in the order in which they are to be offered.
func (a *authAttempts) signers(ctx context.Context, use *agentUse) ([]ssh.Signer, error) {
	l := a.login
	all := slices.Clone(l.signers)
	var fromAgent []agentKey
	fatal := func(err error) ([]ssh.Signer, error) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.fatal = err
		return nil, err
	}
	if l.agentSocket != "" {
		var err error
		if fromAgent, err = use.keys(ctx, l); err != nil {
			if len(all) == 0 && !l.usable() && l.password == "" {
				return fatal(err)
			}
			a.note("agent (" + err.Error() + ")")
		}
	}
	more, unused := l.withAgent(fromAgent)
	all = allowed(append(all, more...), a.algorithms)
	if len(all) == 0 && l.agentSocket == "" && l.password == "" && len(unused) > 0 {
		return fatal(&ConfigError{Field: "ssh.config_file", Err: fmt.Errorf("no key can be used: %s", strings.Join(unused, ", ")),
			hint: "Correct IdentityFile, set ssh.private_key_passphrase, or have the key in an agent."})
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.unused = unused
	slices.SortStableFunc(all, func(x, y namedSigner) int { return cmp.Compare(a.offers[x.name], a.offers[y.name]) })
	signers := make([]ssh.Signer, 0, len(all))
	a.ready = a.ready[:0]
	for _, s := range all {
		a.ready = append(a.ready, s.name)
		signers = append(signers, noting(s.Signer, func() {
			a.mu.Lock()
			defer a.mu.Unlock()
			if slices.Contains(a.tried, s.name) {
				return
			}
			a.tried = append(a.tried, s.name)
			a.offers[s.name]++
			if cert, ok := s.PublicKey().(*ssh.Certificate); ok {
				if why := invalidity(cert, a.user, time.Now()); why != "" {
					a.invalid = append(a.invalid, "the "+s.name+" "+why)
				}
			}
		}))
	}
	return signers, nil
}

// agentUse is the connection to the agent during one handshake: its signers
// sign over it. The library's calls of the agent wait for its answer alone.
type agentUse struct {
	asking atomic.Int32 // what it has not answered yet

	mu   sync.Mutex
	over bool
	conn io.ReadWriteCloser
}

// end ends the use of the agent, whatever it is asked just then.
func (u *agentUse) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.over = true
	if u.conn != nil {
		_ = u.conn.Close() // nothing was written that could be lost
	}
}

// waiting reports whether the agent has been asked and has not answered.
func (u *agentUse) waiting() bool { return u.asking.Load() > 0 }

// use makes conn the connection, unless the handshake is over.
func (u *agentUse) use(conn io.ReadWriteCloser) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.over {
		u.conn = conn
	}
	return !u.over
}

// Write and Read are the connection's, for the library, which asks for one thing
// at a time: it writes a question in one piece and reads the answer.
func (u *agentUse) Write(p []byte) (int, error) {
	u.asking.Store(1)
	return u.conn.Write(p)
}

func (u *agentUse) Read(p []byte) (int, error) {
	n, err := u.conn.Read(p)
	if n > 0 {
		u.asking.Store(0)
	}
	return n, err
}

// An agentKey is a key of an agent, or a certificate with one.
type agentKey struct {
	namedSigner
	key ssh.PublicKey
}

func (k agentKey) is(public ssh.PublicKey) bool {
	return bytes.Equal(k.key.Marshal(), public.Marshal())
}

// keys are those that count, each after the certificate that the Config has for it.
func (u *agentUse) keys(ctx context.Context, l *login) ([]agentKey, error) {
	conn, err := dialAgent(ctx, l.agentSocket)
	if err != nil {
		return nil, &ConfigError{Field: "ssh.agent", Err: fmt.Errorf("the agent does not answer: %w", err),
			hint: "Check that SSH_AUTH_SOCK names a running agent: ssh-add -l."}
	}
	if !u.use(conn) {
		_ = conn.Close() // nobody waits for it any more
		return nil, net.ErrClosed
	}
	client := agent.NewClient(u)
	signers, err := client.Signers()
	if err != nil {
		return nil, fmt.Errorf("asking the agent for its keys: %w", err)
	}
	var out []agentKey
	for _, s := range signers {
		key, comment := s.PublicKey(), ""
		if k, ok := key.(*agent.Key); ok {
			comment = k.Comment
			// The agent's own type is opaque to the library's certificate code.
			if parsed, err := ssh.ParsePublicKey(k.Blob); err == nil {
				key = parsed
			}
		}
		if l.identity != "" && !matchesIdentity(l.identity, key, comment) {
			continue
		}
		name := "agent key " + ssh.FingerprintSHA256(key)
		if comment != "" {
			name += " (" + comment + ")"
		}
		if l.certificate != nil {
			if withCert, err := ssh.NewCertSigner(l.certificate, s); err == nil {
				out = slices.Insert(out, 0,
					agentKey{namedSigner{withCert, "certificate " + certificateName(l.certificate) + " with " + name}, withCert.PublicKey()})
			}
		}
		out = append(out, agentKey{namedSigner{s, name}, key})
	}
	if len(out) == 0 {
		if l.identity != "" {
			return nil, &ConfigError{Field: "ssh.agent_identity", Err: fmt.Errorf("the agent has no key %q", l.identity),
				hint: "ssh-add -l shows the agent's keys; give a fingerprint, a comment or a public key."}
		}
		return nil, &ConfigError{Field: "ssh.agent", Err: errors.New("the agent shows no keys: it has none, or is locked"),
			hint: "Look with ssh-add -l. ssh-add -X unlocks a locked agent; add a key with ssh-add, or set ssh.private_key."}
	}
	return out, nil
}

// noting wraps a signer so that note is called when its key is offered. The
// library looks at which of its three interfaces a signer has, so each needs
// its own wrapper.
func noting(s ssh.Signer, note func()) ssh.Signer {
	switch s := s.(type) {
	case ssh.MultiAlgorithmSigner:
		return &notingMulti{s, note}
	case ssh.AlgorithmSigner:
		return &notingAlgorithm{s, note}
	}
	return &notingPlain{s, note}
}

type notingPlain struct {
	ssh.Signer
	note func()
}

type notingAlgorithm struct {
	ssh.AlgorithmSigner
	note func()
}

type notingMulti struct {
	ssh.MultiAlgorithmSigner
	note func()
}

func (s *notingPlain) PublicKey() ssh.PublicKey     { s.note(); return s.Signer.PublicKey() }
func (s *notingAlgorithm) PublicKey() ssh.PublicKey { s.note(); return s.AlgorithmSigner.PublicKey() }
func (s *notingMulti) PublicKey() ssh.PublicKey     { s.note(); return s.MultiAlgorithmSigner.PublicKey() }
