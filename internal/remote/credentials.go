// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// login is a set of Credentials, parsed and checked.
type login struct {
	signers     []namedSigner // certificate first, then the plain key
	certificate *ssh.Certificate
	password    Secret
	agentSocket string // "": no agent
	identity    string
	identities  []identity // of a client configuration, in order
	only        bool       // of the agent's keys those that are identities
}

// hasKeys says whether there may be a key to log in with.
func (l *login) hasKeys() bool {
	return len(l.signers) > 0 || l.agentSocket != "" || len(l.identities) > 0
}

// any reports whether there is anything to log in with.
func (l *login) any() bool { return l.hasKeys() || l.password != "" }

// nothingToShow is the error of a login for which nothing was given at all.
func nothingToShow(e *endpoint) error {
	field := "ssh"
	if e.way != "" {
		field = "ssh.jump_hosts"
	}
	return &ConfigError{Field: field,
		Err: fmt.Errorf("there is nothing to log in to %s with as %s: no key, no agent, no password", e.label, e.user),
		hint: "Give private_key, agent = true (with a running ssh-agent) or password in " + field + ", or set DCOS_SSH_PRIVATE_KEY, " +
			"DCOS_SSH_AGENT or DCOS_SSH_PASSWORD."}
}

// namedSigner is a key and what it is called in messages.
type namedSigner struct {
	ssh.Signer
	name string
}

// newLogin checks credentials. Fields are named below prefix, "ssh" or
// "ssh.jump_hosts[1]".
func newLogin(c Credentials, prefix string) (*login, error) {
	l := &login{password: c.Password, identity: strings.TrimSpace(c.AgentIdentity)}
	var key ssh.Signer
	if c.PrivateKey != "" {
		var err error
		if key, err = parsePrivateKey(c.PrivateKey, c.Passphrase, prefix); err != nil {
			return nil, err
		}
	}
	if c.Certificate != "" {
		cert, err := parseCertificate(c.Certificate)
		if err != nil {
			return nil, &ConfigError{Field: prefix + ".certificate", Err: err,
				hint: "Give the content of the …-cert.pub file that the authority made for the key."}
		}
		l.certificate = cert
		switch {
		case key != nil:
			signer, err := ssh.NewCertSigner(cert, key)
			if err != nil {
				return nil, &ConfigError{Field: prefix + ".certificate", Err: errors.New("it belongs to another key than " + prefix + ".private_key"),
					hint: "Certificate and private key must be a pair; compare them with ssh-keygen -l -f."}
			}
			l.signers = append(l.signers, namedSigner{signer, "certificate " + certificateName(cert)})
		case !c.Agent:
			return nil, &ConfigError{Field: prefix + ".certificate", Err: errors.New("its private key is missing"),
				hint: "Set " + prefix + ".private_key, or " + prefix + ".agent if an agent holds the key."}
		}
	}
	if key != nil {
		l.signers = append(l.signers, namedSigner{key, "key " + ssh.FingerprintSHA256(key.PublicKey())})
	}
	if c.Agent {
		l.agentSocket = agentAddress()
		if l.agentSocket == "" {
			return nil, &ConfigError{Field: prefix + ".agent", Err: errors.New("no agent is running: SSH_AUTH_SOCK is not set"),
				hint: "Start ssh-agent and add the key with ssh-add, or set " + prefix + ".private_key."}
		}
	} else if l.identity != "" {
		return nil, &ConfigError{Field: prefix + ".agent_identity", Err: errors.New("the agent is not in use"),
			hint: "Set " + prefix + ".agent = true, or leave agent_identity out."}
	}
	return l, nil
}

// redact makes all secrets of c known to r.
func (c Credentials) redact(r *runlog.Redactor) {
	for _, s := range []Secret{c.PrivateKey, c.Passphrase, c.Password} {
		r.Add(s.Reveal())
	}
}

// parsePrivateKey never puts anything of the key into its errors.
func parsePrivateKey(key, passphrase Secret, prefix string) (ssh.Signer, error) {
	fail := func(field, msg, hint string) (ssh.Signer, error) {
		return nil, &ConfigError{Field: prefix + "." + field, Err: errors.New(msg), hint: hint}
	}
	text := strings.TrimSpace(key.Reveal())
	// Keys that went through one line of an environment variable.
	if !strings.Contains(text, "\n") && strings.Contains(text, `\n`) {
		text = strings.ReplaceAll(text, `\n`, "\n")
	}
	text += "\n"
	if !strings.Contains(text, "-----BEGIN") {
		switch {
		case strings.HasPrefix(text, "PuTTY-User-Key-File"):
			return fail("private_key", "it is in PuTTY's own format", "Convert it: puttygen KEY.ppk -O private-openssh -o KEY.")
		case strings.HasPrefix(text, "ssh-") || strings.HasPrefix(text, "ecdsa-"):
			return fail("private_key", "it is a public key", "Give the content of the private key file, the one without .pub.")
		case strings.Count(text, "\n") == 1 && isFile(strings.TrimSpace(text)):
			return fail("private_key", "it is the name of a file, not its content", "Read the file: private_key = file(\"~/.ssh/id_ed25519\").")
		}
		return fail("private_key", "it is not a private key", "Give the whole content of the key file, with its BEGIN and END lines.")
	}
	raw, err := parseRawKey([]byte(text), passphrase)
	var missing *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &missing) && passphrase == "":
		return fail("private_key_passphrase", "the private key is encrypted and no passphrase is given",
			"Set "+prefix+".private_key_passphrase (or DCOS_SSH_PRIVATE_KEY_PASSPHRASE), or use the key through an agent.")
	case errors.Is(err, x509.IncorrectPasswordError):
		return fail("private_key_passphrase", "it does not open the private key", "Try it with: ssh-keygen -y -f KEY.")
	case err != nil:
		return fail("private_key", "it cannot be read: "+err.Error(),
			"Check that it is complete and in PEM, PKCS #8 or OpenSSH form: ssh-keygen -y -f KEY must print its public key.")
	}
	signer, err := ssh.NewSignerFromKey(raw)
	if err != nil {
		return fail("private_key", "it cannot be used for SSH: "+err.Error(), "Use an Ed25519, ECDSA or RSA key.")
	}
	return signer, nil
}

func parseRawKey(text []byte, passphrase Secret) (any, error) {
	if raw, ok, err := parseEncryptedPKCS8(text, passphrase); ok {
		return raw, err
	}
	raw, err := ssh.ParseRawPrivateKey(text)
	var missing *ssh.PassphraseMissingError
	if errors.As(err, &missing) && passphrase != "" {
		raw, err = ssh.ParseRawPrivateKeyWithPassphrase(text, []byte(passphrase.Reveal()))
	}
	return raw, err
}

func isFile(path string) bool {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return false
		}
		path = home + "/" + rest
	}
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

func parseCertificate(text string) (*ssh.Certificate, error) {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(text))
	if err != nil {
		return nil, errors.New("it is not an OpenSSH certificate")
	}
	cert, ok := key.(*ssh.Certificate)
	switch {
	case !ok:
		return nil, errors.New("it is a plain public key, not a certificate")
	case cert.CertType != ssh.UserCert:
		return nil, errors.New("it is a host certificate")
	}
	return cert, nil
}

func certificateName(c *ssh.Certificate) string {
	name := ssh.FingerprintSHA256(c.Key)
	if c.KeyId != "" {
		name += fmt.Sprintf(" (%q)", c.KeyId)
	}
	return name
}

// matchesIdentity reports whether an agent's key is the one that AgentIdentity
// names.
func matchesIdentity(identity string, key ssh.PublicKey, comment string) bool {
	plain := key
	if cert, ok := key.(*ssh.Certificate); ok {
		plain = cert.Key
	}
	if identity == comment || identity == ssh.FingerprintSHA256(plain) || identity == ssh.FingerprintLegacyMD5(plain) ||
		identity == "MD5:"+ssh.FingerprintLegacyMD5(plain) {
		return true
	}
	want, _, _, _, err := ssh.ParseAuthorizedKey([]byte(identity))
	return err == nil && (bytes.Equal(want.Marshal(), key.Marshal()) || bytes.Equal(want.Marshal(), plain.Marshal()))
}
