// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote/sshconfig"
)

// An identity is one IdentityFile or CertificateFile of a client configuration.
type identity struct {
	name   string
	signer ssh.Signer    // nil: only the public half is known
	public ssh.PublicKey // nil: nothing is
	certs  []*ssh.Certificate
	// why the private half cannot be used from the file.
	why string
}

// login gives the credentials that the file has for a host; nil if it says nothing
// of any. Identity files that cannot be used are left out, with a note. The
// client's password stays.
func (f *configFile) login(c *Client, s *sshconfig.Settings) *login {
	l := &login{agentSocket: c.agentFor(s), identity: c.login.identity, password: c.login.password, only: s.IdentitiesOnly}
	files := s.IdentityFiles
	// Without IdentityFile ssh tries those with the usual names. They count where
	// nothing else does.
	nothing := l.agentSocket == "" && l.password == "" && len(s.CertificateFiles) == 0
	if len(files) == 0 && !s.NoIdentities && (s.IdentitiesOnly || nothing) {
		files = sshconfig.UsualIdentities()
	}
	if len(files) == 0 && len(s.CertificateFiles) == 0 && l.agentSocket == c.login.agentSocket && !s.IdentitiesOnly {
		return nil
	}
	words := slices.Concat([]string{l.agentSocket}, files, []string{""}, s.CertificateFiles)
	if l.only {
		words = append(words, "", "only")
	}
	key := strings.Join(words, "\x00")
	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.logins[key]; known != nil {
		return known
	}
	for _, path := range files {
		l.identities = append(l.identities, c.readIdentity(path))
	}
	l.addCertificates(files, s.CertificateFiles)
	f.logins[key] = l
	return l
}

// agentFor gives the socket of the agent for a host. What the Config says of the
// agent comes before IdentityAgent, but that says which one it is.
func (c *Client) agentFor(s *sshconfig.Settings) string {
	given, wanted := c.cfg.AgentGiven, c.cfg.Credentials.Agent
	switch {
	case given && !wanted:
		return ""
	case s.IdentityAgent == "none" && given, s.IdentityAgent == "":
		return c.login.agentSocket
	case s.IdentityAgent == "none":
		return ""
	}
	return s.IdentityAgent
}

// readIdentity reads an identity file: a private key, or the public half of one
// that an agent or a token has.
func (c *Client) readIdentity(path string) identity {
	id := identity{name: path}
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		id.why = "it is not there"
	case err != nil:
		id.why = err.Error()
	default:
		if id.public = parsePublic(text); id.public != nil {
			id.why = "it is a public key"
			return id
		}
		c.cfg.Redactor.Add(string(text))
		signer, err := parsePrivateKey(Secret(text), c.cfg.Credentials.Passphrase, "ssh")
		if err == nil {
			id.signer, id.public = signer, signer.PublicKey()
			return id
		}
		id.why = err.Error()
		var bad *ConfigError
		if errors.As(err, &bad) {
			id.why = bad.Err.Error()
		}
		// An OpenSSH key has its public half outside of what is encrypted.
		var missing *ssh.PassphraseMissingError
		if _, err := ssh.ParseRawPrivateKey(text); errors.As(err, &missing) && missing.PublicKey != nil {
			id.public = missing.PublicKey
		}
	}
	if text, err := os.ReadFile(path + ".pub"); err == nil && id.public == nil {
		id.public = parsePublic(text)
	}
	return id
}

// parsePublic reads a public key; nil if it is none.
func parsePublic(text []byte) ssh.PublicKey {
	if bytes.Contains(text, []byte("-----BEGIN")) {
		return nil
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		return nil
	}
	if cert, ok := key.(*ssh.Certificate); ok {
		return cert.Key
	}
	return key
}

// addCertificates reads the certificates that are named or, if none are, those
// beside the keys. One whose key is no identity is for a key of the agent.
func (l *login) addCertificates(files, named []string) {
	paths := named
	if len(named) == 0 {
		for _, path := range files {
			paths = append(paths, path+"-cert.pub")
		}
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			if len(named) > 0 {
				l.identities = append(l.identities, identity{name: path, why: err.Error()})
			}
			continue
		}
		cert, err := parseCertificate(string(text))
		if err != nil {
			l.identities = append(l.identities, identity{name: path, why: err.Error()})
			continue
		}
		found := false
		for i := range l.identities {
			id := &l.identities[i]
			if id.public != nil && bytes.Equal(id.public.Marshal(), cert.Key.Marshal()) {
				id.certs, found = append(id.certs, cert), true
			}
		}
		if !found {
			l.identities = append(l.identities, identity{name: path, public: cert.Key, certs: []*ssh.Certificate{cert}, why: "it is a certificate"})
		}
	}
}

// usable says whether an identity could be used without an agent.
func (l *login) usable() bool {
	return slices.ContainsFunc(l.identities, func(id identity) bool { return id.signer != nil })
}

// withAgent gives the signers of the identities, with the keys of an agent for
// those that the file has not, and what cannot be used. Keys of the agent that are
// no identities come last, if they count. Certificates come before their keys.
func (l *login) withAgent(agent []agentKey) (signers []namedSigner, unused []string) {
	used := map[int]bool{}
	for _, id := range l.identities {
		if id.public == nil {
			unused = append(unused, "not "+id.name+" ("+id.why+")")
			continue
		}
		signer, name := id.signer, "key "+id.name
		if i := slices.IndexFunc(agent, func(k agentKey) bool { return k.is(id.public) }); i >= 0 {
			used[i] = true
			if signer == nil {
				signer, name = agent[i].Signer, "key "+id.name+" in the agent"
			}
		}
		if signer == nil {
			unused = append(unused, "not "+id.name+" ("+id.why+", and the agent does not have its private key)")
			continue
		}
		for _, cert := range id.certs {
			if withCert, err := ssh.NewCertSigner(cert, signer); err == nil {
				signers = append(signers, namedSigner{withCert, "certificate " + certificateName(cert) + " with " + name})
			}
		}
		signers = append(signers, namedSigner{signer, name})
	}
	for i, k := range agent {
		if !used[i] && !l.only {
			signers = append(signers, k.namedSigner)
		}
	}
	return signers, unused
}

// allowed leaves out what the algorithms of PubkeyAcceptedAlgorithms do not
// allow, and has the others sign by them.
func allowed(signers []namedSigner, algorithms sshconfig.Algorithms) []namedSigner {
	if len(algorithms.Names) == 0 {
		return signers
	}
	var out []namedSigner
	for _, s := range signers {
		kind := s.PublicKey().Type()
		names, suffix := []string{kind}, ""
		if strings.HasSuffix(kind, certSuffix) {
			suffix = certSuffix
		}
		if kind == ssh.KeyAlgoRSA+suffix {
			names = []string{ssh.KeyAlgoRSASHA512 + suffix, ssh.KeyAlgoRSASHA256 + suffix, ssh.KeyAlgoRSA + suffix}
		}
		left := slices.Clone(algorithms.Apply(names, names))
		if len(left) == 0 {
			continue
		}
		for i := range left {
			left[i] = strings.TrimSuffix(left[i], suffix)
		}
		if a, ok := s.Signer.(ssh.AlgorithmSigner); ok && len(left) < len(names) {
			if limited, err := ssh.NewSignerWithAlgorithms(a, left); err == nil {
				s.Signer = limited
			}
		}
		out = append(out, s)
	}
	return out
}

// certSuffix ends the name of a kind of certificate (OpenSSH, PROTOCOL.certkeys).
const certSuffix = "-cert-v01@openssh.com"
