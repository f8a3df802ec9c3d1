// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/remotetest"
)

// keyText makes a private key, and its public key.
func keyText(t testing.TB) (text string, public ssh.PublicKey, raw ed25519.PrivateKey) {
	t.Helper()
	_, raw, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(raw, "comment")
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block)), signer.PublicKey(), raw
}

// lockedKey gives a key in OpenSSH form that "swordfish" opens. It was made
// with one round of bcrypt (ssh-keygen -a 1): the usual 16 take seconds under
// the race detector.
func lockedKey(t testing.TB) (text string, public ssh.PublicKey) {
	t.Helper()
	text = fixture(t, "openssh_locked")
	key, err := ssh.ParsePrivateKeyWithPassphrase([]byte(text), []byte("swordfish"))
	if err != nil {
		t.Fatal(err)
	}
	return text, key.PublicKey()
}

func fixture(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// login dials a server that asks for authentication, for at most a second or
// two.
func login(t testing.TB, o remotetest.Options, cfg remote.Config) (*remotetest.Server, error) {
	t.Helper()
	s := remotetest.Serve(t, o)
	if cfg.User == "" {
		cfg.User = "user"
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = 1500 * time.Millisecond
	}
	conn, err := newClient(t, cfg).Dial(t.Context(), remote.Target{Address: s.Host, Port: s.Port, HostKey: s.HostKey})
	if err == nil {
		err = conn.Close()
	}
	return s, err
}

func allowing(keys ...ssh.PublicKey) remotetest.Options {
	return remotetest.Options{Config: ssh.ServerConfig{PublicKeyCallback: remotetest.AllowKeys(keys...)}}
}

func TestPrivateKeys(t *testing.T) {
	t.Parallel()
	plain, plainPublic, _ := keyText(t)
	locked, lockedPublic := lockedKey(t)
	pkcs8, err := ssh.ParsePrivateKey([]byte(fixture(t, "pkcs8_plain.pem")))
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rsaPublic, err := ssh.NewPublicKey(&rsaKey.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	rsaDER := x509.MarshalPKCS1PrivateKey(rsaKey)
	rsaText := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: rsaDER}))
	//nolint:staticcheck // The old form of encryption is what is tested.
	old, err := x509.EncryptPEMBlock(rand.Reader, "RSA PRIVATE KEY", rsaDER, []byte("swordfish"), x509.PEMCipherAES128)
	if err != nil {
		t.Fatal(err)
	}
	oldText := string(pem.EncodeToMemory(old))
	for name, c := range map[string]struct {
		key, passphrase string
		public          ssh.PublicKey
	}{
		"openssh":                   {plain, "", plainPublic},
		"openssh, needless phrase":  {plain, "x", plainPublic},
		"openssh, encrypted":        {locked, "swordfish", lockedPublic},
		"windows line ends":         {strings.ReplaceAll(plain, "\n", "\r\n"), "", plainPublic},
		"no end of line":            {strings.TrimSpace(plain), "", plainPublic},
		"blanks around":             {"\n  " + plain + " \n", "", plainPublic},
		"escaped line ends":         {strings.ReplaceAll(strings.TrimSpace(plain), "\n", `\n`), "", plainPublic},
		"rsa":                       {rsaText, "", rsaPublic},
		"rsa, old encryption":       {oldText, "swordfish", rsaPublic},
		"pkcs8":                     {fixture(t, "pkcs8_plain.pem"), "", pkcs8.PublicKey()},
		"pkcs8, aes256 sha256":      {fixture(t, "pkcs8_aes256_sha256.pem"), "swordfish", pkcs8.PublicKey()},
		"pkcs8, aes128 sha1":        {fixture(t, "pkcs8_aes128_sha1.pem"), "swordfish", pkcs8.PublicKey()},
		"pkcs8, triple des, sha512": {fixture(t, "pkcs8_des3_sha512.pem"), "swordfish", pkcs8.PublicKey()},
		"pkcs8, scrypt":             {fixture(t, "pkcs8_scrypt.pem"), "swordfish", pkcs8.PublicKey()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := remote.Config{Credentials: remote.Credentials{PrivateKey: remote.Secret(c.key), Passphrase: remote.Secret(c.passphrase)},
				ConnectTimeout: 20 * time.Second}
			if _, err := login(t, allowing(c.public), cfg); err != nil {
				t.Error(err)
			}
		})
	}
	for name, c := range map[string]struct {
		key, passphrase, field, want string
	}{
		"no passphrase":            {locked, "", "ssh.private_key_passphrase", "no passphrase is given"},
		"wrong passphrase":         {locked, "wrong", "ssh.private_key_passphrase", "does not open"},
		"old, no passphrase":       {oldText, "", "ssh.private_key_passphrase", "no passphrase is given"},
		"old, wrong passphrase":    {oldText, "wrong", "ssh.private_key_passphrase", "does not open"},
		"pkcs8, no passphrase":     {fixture(t, "pkcs8_aes256_sha256.pem"), "", "ssh.private_key_passphrase", "no passphrase is given"},
		"pkcs8, wrong passphrase":  {fixture(t, "pkcs8_aes256_sha256.pem"), "wrong", "ssh.private_key_passphrase", "does not open"},
		"scrypt, wrong passphrase": {fixture(t, "pkcs8_scrypt.pem"), "wrong", "ssh.private_key_passphrase", "does not open"},
		"public":                   {remotetest.AuthorizedKey(plainPublic), "", "ssh.private_key", "is a public key"},
		"path":                     {"testdata/pkcs8_plain.pem", "", "ssh.private_key", "name of a file"},
		"putty":                    {"PuTTY-User-Key-File-2: ssh-rsa\n", "", "ssh.private_key", "PuTTY"},
		"nonsense":                 {"hello", "", "ssh.private_key", "not a private key"},
		"cut short":                {plain[:len(plain)/2], "", "ssh.private_key", "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := remote.NewClient(remote.Config{User: "user",
				Credentials: remote.Credentials{PrivateKey: remote.Secret(c.key), Passphrase: remote.Secret(c.passphrase)}})
			var bad *remote.ConfigError
			if !errors.As(err, &bad) || bad.Field != c.field || !strings.Contains(err.Error(), c.want) || bad.Hint() == "" {
				t.Fatalf("have %v, want %s: %s", err, c.field, c.want)
			}
			for line := range strings.Lines(c.key) {
				if line = strings.TrimSpace(line); len(line) > 30 && strings.Contains(err.Error()+bad.Hint(), line) {
					t.Errorf("the key is in the error: %v", err)
				}
			}
		})
	}
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	key, public, _ := keyText(t)
	password := func(_ ssh.ConnMetadata, p []byte) (*ssh.Permissions, error) {
		if string(p) != "open sesame" {
			return nil, errors.New("no")
		}
		return nil, nil
	}
	question := func(text string, echo bool) func(ssh.ConnMetadata, ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
		return func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			answers, err := ask("", "", []string{text}, []bool{echo})
			if err != nil || len(answers) != 1 || answers[0] != "open sesame" {
				return nil, errors.New("no")
			}
			_, err = ask("", "welcome", nil, nil)
			return nil, err
		}
	}
	then := func(next ssh.ServerAuthCallbacks) *ssh.PartialSuccessError {
		return &ssh.PartialSuccessError{Next: next}
	}
	for name, c := range map[string]struct {
		server ssh.ServerConfig
		creds  remote.Credentials
		tried  string // of the AuthError; "": it succeeds
	}{
		"password": {server: ssh.ServerConfig{PasswordCallback: password}, creds: remote.Credentials{Password: "open sesame"}},
		"keyboard-interactive": {server: ssh.ServerConfig{KeyboardInteractiveCallback: question("Password: ", false)},
			creds: remote.Credentials{Password: "open sesame"}},
		"key refused, then password": {
			server: ssh.ServerConfig{PasswordCallback: password, PublicKeyCallback: remotetest.AllowKeys()},
			creds:  remote.Credentials{PrivateKey: remote.Secret(key), Password: "open sesame"},
		},
		"key and then password": {
			server: ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
				if !bytes.Equal(k.Marshal(), public.Marshal()) {
					return nil, errors.New("no")
				}
				return nil, then(ssh.ServerAuthCallbacks{PasswordCallback: password})
			}},
			creds: remote.Credentials{PrivateKey: remote.Secret(key), Password: "open sesame"},
		},
		"key and then keyboard-interactive": {
			server: ssh.ServerConfig{PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
				return nil, then(ssh.ServerAuthCallbacks{KeyboardInteractiveCallback: question("Password: ", false)})
			}},
			creds: remote.Credentials{PrivateKey: remote.Secret(key), Password: "open sesame"},
		},
		"wrong": {server: ssh.ServerConfig{PasswordCallback: password}, creds: remote.Credentials{Password: "wrong"}, tried: "password"},
		"wrong, asked twice": {
			server: ssh.ServerConfig{PasswordCallback: password, KeyboardInteractiveCallback: question("Password: ", false)},
			creds:  remote.Credentials{Password: "wrong"}, tried: "password",
		},
		"a code": {
			server: ssh.ServerConfig{KeyboardInteractiveCallback: question("One-time code: ", true)},
			creds:  remote.Credentials{Password: "open sesame"},
		},
		"nothing to offer": {server: ssh.ServerConfig{PasswordCallback: password}, creds: remote.Credentials{PrivateKey: remote.Secret(key)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fails := c.tried != "" || name == "a code" || name == "nothing to offer"
			limit := 20 * time.Second
			if fails {
				limit = 3 * time.Second
			}
			_, err := login(t, remotetest.Options{Config: c.server}, remote.Config{Credentials: c.creds, ConnectTimeout: limit})
			if !fails {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var auth *remote.AuthError
			var connect *remote.ConnectError
			if !errors.As(err, &auth) || strings.Join(auth.Tried, ",") != c.tried || auth.Hint() == "" || !errors.As(err, &connect) ||
				connect.Stage != remote.StepAuthentication || remote.IsUnreachable(err) {
				t.Errorf("have %v", err)
			}
			if strings.Contains(err.Error(), "sesame") {
				t.Errorf("the password is in %v", err)
			}
		})
	}
}

// A wrong password is not tried often: that would lock the account.
func TestPasswordIsNotTriedOften(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	n := 0
	_, err := login(t, remotetest.Options{Config: ssh.ServerConfig{PasswordCallback: func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) {
		mu.Lock()
		defer mu.Unlock()
		n++
		return nil, errors.New("no")
	}}}, remote.Config{Credentials: remote.Credentials{Password: "wrong"}, ConnectTimeout: time.Minute})
	mu.Lock()
	defer mu.Unlock()
	if err == nil || n != 3 {
		t.Errorf("tried %d times: %v", n, err)
	}
}

func TestUserCertificates(t *testing.T) {
	t.Parallel()
	text, _, raw := keyText(t)
	key, err := ssh.NewSignerFromKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	authority := remotetest.NewKey(t)
	cert := certify(t, key, authority, ssh.UserCert, []string{"user"}, nil).PublicKey()
	hostCert := certify(t, key, authority, ssh.HostCert, []string{"user"}, nil).PublicKey()
	strangerCert := certify(t, remotetest.NewKey(t), authority, ssh.UserCert, []string{"user"}, nil).PublicKey()
	checker := ssh.CertChecker{
		IsUserAuthority: func(k ssh.PublicKey) bool { return bytes.Equal(k.Marshal(), authority.PublicKey().Marshal()) },
	}
	server := remotetest.Options{Config: ssh.ServerConfig{PublicKeyCallback: checker.Authenticate}}
	cfg := remote.Config{Credentials: remote.Credentials{PrivateKey: remote.Secret(text), Certificate: remotetest.AuthorizedKey(cert)},
		ConnectTimeout: 20 * time.Second}
	if _, err := login(t, server, cfg); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		creds remote.Credentials
		want  string
	}{
		"of a host": {remote.Credentials{PrivateKey: remote.Secret(text), Certificate: remotetest.AuthorizedKey(hostCert)},
			"host certificate"},
		"of another key": {remote.Credentials{PrivateKey: remote.Secret(text), Certificate: remotetest.AuthorizedKey(strangerCert)},
			"another key"},
		"plain key": {remote.Credentials{PrivateKey: remote.Secret(text), Certificate: remotetest.AuthorizedKey(key.PublicKey())},
			"plain public key"},
		"without a key":  {remote.Credentials{Certificate: remotetest.AuthorizedKey(cert)}, "private key is missing"},
		"no certificate": {remote.Credentials{PrivateKey: remote.Secret(text), Certificate: "hello"}, "not an OpenSSH certificate"},
	} {
		var bad *remote.ConfigError
		_, err := remote.NewClient(remote.Config{User: "user", Credentials: c.creds})
		if !errors.As(err, &bad) || bad.Field != "ssh.certificate" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: have %v", name, err)
		}
	}
}

// startAgent runs an agent with keys, whose comments are key-0, key-1 …, and
// makes it the process's.
func startAgent(t *testing.T, keys ...any) {
	t.Helper()
	ring := agent.NewKeyring()
	for i, k := range keys {
		if err := ring.Add(agent.AddedKey{PrivateKey: k, Comment: fmt.Sprintf("key-%d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	serveAgent(t, ring)
}

// serveAgent makes a the agent of this process.
func serveAgent(t *testing.T, a agent.Agent) {
	t.Helper()
	t.Setenv("SSH_AUTH_SOCK", agentSocket(t, a))
}

// agentSocket serves an agent and gives its socket.
func agentSocket(t testing.TB, a agent.Agent) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agent")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_ = agent.ServeAgent(a, c)
				_ = c.Close()
			}()
		}
	}()
	return path
}

func TestAgent(t *testing.T) {
	raws, signers := make([]any, 9), make([]ssh.Signer, 9)
	for i := range raws {
		_, _, raw := keyText(t)
		raws[i] = raw
		var err error
		if signers[i], err = ssh.NewSignerFromKey(raw); err != nil {
			t.Fatal(err)
		}
	}
	startAgent(t, raws...)
	strict := allowing(signers[7].PublicKey())
	// The library's server closes after twice as many rejected keys; OpenSSH after its six.
	strict.Config.MaxAuthTries = 3
	t.Run("all keys", func(t *testing.T) {
		// More keys than the server lets anybody try: the next attempt begins
		// with those that it has not seen.
		s, err := login(t, strict, remote.Config{Credentials: remote.Credentials{Agent: true}, ConnectTimeout: 30 * time.Second})
		if err != nil || s.Accepted() != 2 {
			t.Errorf("%d attempts: %v", s.Accepted(), err)
		}
	})
	t.Run("all keys, one login", func(t *testing.T) {
		// What has not seen them all has not refused the login.
		s := remotetest.Serve(t, strict)
		c := newClient(t, remote.Config{User: "user", Credentials: remote.Credentials{Agent: true}})
		err := dial(t, c, remote.Target{Address: s.Host, Port: s.Port, Logins: 1, ConnectTimeout: 30 * time.Second})
		if err != nil || s.Accepted() != 2 {
			t.Errorf("%d attempts: %v", s.Accepted(), err)
		}
	})
	for name, identity := range map[string]string{
		"comment": "key-7", "fingerprint": ssh.FingerprintSHA256(signers[7].PublicKey()), "md5": ssh.FingerprintLegacyMD5(signers[7].PublicKey()),
		"public key": remotetest.AuthorizedKey(signers[7].PublicKey()) + " somebody@somewhere",
	} {
		t.Run(name, func(t *testing.T) {
			s, err := login(t, strict, remote.Config{Credentials: remote.Credentials{Agent: true, AgentIdentity: identity},
				ConnectTimeout: 20 * time.Second})
			if err != nil || s.Accepted() != 1 {
				t.Errorf("%d attempts: %v", s.Accepted(), err)
			}
		})
	}
	t.Run("no such key", func(t *testing.T) {
		_, err := login(t, strict, remote.Config{Credentials: remote.Credentials{Agent: true, AgentIdentity: "key-99"},
			ConnectTimeout: time.Minute})
		var bad *remote.ConfigError
		if !errors.As(err, &bad) || bad.Field != "ssh.agent_identity" {
			t.Errorf("have %v", err)
		}
	})
	t.Run("key comes first", func(t *testing.T) {
		key, public, _ := keyText(t)
		o := allowing(public)
		o.Config.MaxAuthTries = 1
		s, err := login(t, o, remote.Config{Credentials: remote.Credentials{PrivateKey: remote.Secret(key), Agent: true}})
		if err != nil || s.Accepted() != 1 {
			t.Errorf("%d attempts: %v", s.Accepted(), err)
		}
	})
	t.Run("certificate for the agent's key", func(t *testing.T) {
		authority := remotetest.NewKey(t)
		cert := certify(t, signers[3], authority, ssh.UserCert, []string{"user"}, nil).PublicKey()
		checker := ssh.CertChecker{IsUserAuthority: func(k ssh.PublicKey) bool {
			return bytes.Equal(k.Marshal(), authority.PublicKey().Marshal())
		}}
		o := remotetest.Options{Config: ssh.ServerConfig{PublicKeyCallback: checker.Authenticate, MaxAuthTries: 2}}
		if _, err := login(t, o,
			remote.Config{Credentials: remote.Credentials{Agent: true, AgentIdentity: "key-3",
				Certificate: remotetest.AuthorizedKey(cert)}}); err != nil {
			t.Error(err)
		}
	})
	t.Run("refused", func(t *testing.T) {
		_, err := login(t, allowing(), remote.Config{Credentials: remote.Credentials{Agent: true, AgentIdentity: "key-2"}})
		var auth *remote.AuthError
		if !errors.As(err, &auth) || len(auth.Tried) != 1 || !strings.Contains(auth.Tried[0], "key-2") {
			t.Errorf("have %v", err)
		}
	})
}

// stubborn is an agent that does not answer: somebody would have to touch a token.
type stubborn struct {
	agent.Agent
	lists bool
	until <-chan struct{}
}

func (a *stubborn) List() ([]*agent.Key, error) {
	if !a.lists {
		<-a.until
	}
	return a.Agent.List()
}

func (a *stubborn) Sign(ssh.PublicKey, []byte) (*ssh.Signature, error) {
	<-a.until
	return nil, errors.New("nobody has touched it")
}

// An agent that does not answer holds a login up no longer than a server may, and
// than the login is waited for.
func TestAgentDoesNotAnswer(t *testing.T) {
	for _, lists := range []bool{true, false} {
		t.Run(fmt.Sprintf("it lists its keys: %t", lists), func(t *testing.T) {
			_, public, raw := keyText(t)
			ring := agent.NewKeyring()
			if err := ring.Add(agent.AddedKey{PrivateKey: raw}); err != nil {
				t.Fatal(err)
			}
			never := make(chan struct{})
			t.Cleanup(func() { close(never) })
			serveAgent(t, &stubborn{Agent: ring, lists: lists, until: never})
			s := remotetest.Serve(t, allowing(public))
			client := newClient(t, remote.Config{User: "user", Credentials: remote.Credentials{Agent: true}})
			target := remote.Target{Address: s.Host, Port: s.Port, HostKey: s.HostKey, ConnectTimeout: 300 * time.Millisecond}
			if _, err := client.Dial(t.Context(), target); err == nil { // it came back
				t.Error("it was logged in")
			}
			target.ConnectTimeout = time.Hour
			why := errors.New("interrupted")
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(300*time.Millisecond, func() { cancel(why) })
			if _, err := client.Dial(ctx, target); !errors.Is(err, why) {
				t.Errorf("have %v", err)
			}
			client.SetStepLimits(10*time.Second, 10*time.Second, 300*time.Millisecond)
			target.ConnectTimeout = time.Second
			_, err := client.Dial(t.Context(), target)
			_ = wantConnectError(t, err, remote.StepAuthentication, "the agent has not answered within 300ms")
		})
	}
}

func TestAgentMissing(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	_, err := remote.NewClient(remote.Config{User: "user", Credentials: remote.Credentials{Agent: true}})
	var bad *remote.ConfigError
	if !errors.As(err, &bad) || bad.Field != "ssh.agent" {
		t.Errorf("have %v", err)
	}
	t.Setenv("SSH_AUTH_SOCK", filepath.Join(t.TempDir(), "nobody"))
	_, err = login(t, allowing(), remote.Config{Credentials: remote.Credentials{Agent: true}, ConnectTimeout: time.Minute})
	if !errors.As(err, &bad) || bad.Field != "ssh.agent" {
		t.Errorf("have %v", err)
	}
}

// Secrets do not show, however they are printed.
func TestSecretsDoNotShow(t *testing.T) {
	t.Parallel()
	cfg := remote.Config{User: "user", Credentials: remote.Credentials{PrivateKey: "tell-tale", Passphrase: "tell-tale",
		Password: "tell-tale"}, Sudo: remote.Sudo{Password: "tell-tale"}}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{cfg, &cfg, cfg.Credentials, cfg.Credentials.Password, []remote.Secret{"tell-tale"},
			remote.Hop{Credentials: &cfg.Credentials}} {
			if s := fmt.Sprintf(format, v); strings.Contains(s, "tell-tale") || strings.Contains(s, "74656c6c") {
				t.Errorf("%s shows %s", format, s)
			}
		}
	}
}
