// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/remotetest"
)

// The reasons of sudo and of what stands before it, told apart. What was to be run is
// in no message.
func TestReasons(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg   remote.Config
		login string // text of the login shell, before what it is asked to run
		env   []string
		want  []string
		sudo  string // the reason; "" if it is not sudo's
	}{
		"sudo-rs": {env: []string{"SUDO_DENY=sudo: interactive authentication is required"},
			sudo: remote.SudoPasswordRequired, want: []string{"needs a password"}},
		"sudo says that it has expired": {env: []string{"SUDO_DENY=sudo: Account or password is expired, reset your password and try again"},
			sudo: remote.SudoExpired, want: []string{"has expired"}},
		"a password that is root's": {cfg: remote.Config{Sudo: remote.Sudo{Password: "wrong"}},
			env: []string{"SUDO_PASSWORD=right", "SUDO_WHOSE=root"}, sudo: remote.SudoPasswordWrong,
			want: []string{"root's password rather than user's"}},
		"silent": {login: "exit 1", want: []string{"login shell of user user", "exit code 1"}},
		"an account's words": {login: "echo 'permission to use this machine is not granted'; exit 1",
			want: []string{"login shell", "permission to use this machine is not granted"}},
		"words like sudo's": {login: "echo 'A password is not permitted here.' >&2; exit 1", want: []string{"login shell", "not permitted here"}},
		"an end in order":   {login: "exit 0", want: []string{"login shell", "exit code 0"}},
		"what was to be run": {login: `echo "unrecognized command '$2'"; exit 128`,
			want: []string{"login shell", "unrecognized command '…'", "exit code 128"}},
		"what was to be run, by sudo": {env: []string{"SUDO_DENY=Sorry, user user is not allowed to execute '/bin/sh -c %s' as root on h."},
			sudo: remote.SudoNotAllowed, want: []string{"is not allowed to execute '/bin/sh -c …as root"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := remotetest.Options{}
			if c.login != "" {
				opts.Shell = executable(t, c.login)
			}
			if len(c.env) > 0 {
				// As sudo says it: with all of the command.
				text := strings.Split(remote.CommandLine("w"), "'")
				c.env[0] = strings.Replace(c.env[0], "%s", text[1], 1)
			}
			s, _, _ := withStandIn(t, c.cfg, opts, c.env...)
			start := time.Now()
			_, err := s.Dial(t).Run(t.Context(), remote.Script{Name: "never", Root: true, Text: "echo ran"})
			var sudo *remote.SudoError
			var shell *remote.ShellError
			switch {
			case c.sudo != "" && (!errors.As(err, &sudo) || sudo.Reason != c.sudo || sudo.Hint() == ""),
				c.sudo == "" && (!errors.As(err, &shell) || shell.Hint() == ""):
				t.Fatalf("have %v", err)
			case time.Since(start) > 30*time.Second:
				t.Errorf("only after %s", time.Since(start))
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("it does not say %q: %v", want, err)
				}
			}
			for _, never := range []string{"IFS", "/proc/self", "dcos-"} {
				if strings.Contains(err.Error(), never) {
					t.Errorf("it shows what was to be run: %v", err)
				}
			}
		})
	}
}

// A certificate that cannot be right is named as the reason.
func TestCertificateReasons(t *testing.T) {
	t.Parallel()
	text, _, raw := keyText(t)
	key, err := ssh.NewSignerFromKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	authority := remotetest.NewKey(t)
	for want, change := range map[string]func(c *ssh.Certificate){
		"has expired at 2001-09-09 01:46 UTC":   func(c *ssh.Certificate) { c.ValidBefore = 1_000_000_000 },
		"is not valid before 2100-":             func(c *ssh.Certificate) { c.ValidAfter = 4_110_000_000 },
		`is for ["other" "more"], not for user`: func(c *ssh.Certificate) { c.ValidPrincipals = []string{"other", "more"} },
	} {
		cert := &ssh.Certificate{Key: key.PublicKey(), CertType: ssh.UserCert, ValidPrincipals: []string{"user"},
			ValidBefore: ssh.CertTimeInfinity}
		change(cert)
		if err := cert.SignCert(rand.Reader, authority); err != nil {
			t.Fatal(err)
		}
		_, err := login(t, allowing(), remote.Config{Credentials: remote.Credentials{PrivateKey: remote.Secret(text),
			Certificate: remotetest.AuthorizedKey(cert)}})
		var auth *remote.AuthError
		if !errors.As(err, &auth) || !strings.Contains(err.Error(), want) || !strings.Contains(auth.Hint(), "new certificate") {
			t.Errorf("want %q: have %v", want, err)
		}
	}
}

// Banners are shown where nobody is let in, and questions that a password does not
// answer end it at once.
func TestLoginReasons(t *testing.T) {
	t.Parallel()
	closed := remotetest.Options{Config: ssh.ServerConfig{
		PasswordCallback: func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { return nil, errors.New("no") },
		BannerCallback:   func(ssh.ConnMetadata) string { return "Maintenance\r\nuntil \x1b[1mMonday\r\n" },
	}}
	_, err := login(t, closed, remote.Config{Credentials: remote.Credentials{Password: "secret"}})
	var auth *remote.AuthError
	if !errors.As(err, &auth) || !strings.Contains(err.Error(), "the server said: Maintenance; until [1mMonday") {
		t.Errorf("have %v", err)
	}
	factor := remotetest.Options{Config: ssh.ServerConfig{
		KeyboardInteractiveCallback: func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			_, err := ask("", "", []string{"Password: ", "Code: "}, []bool{false, false})
			return nil, err
		}}}
	s, err := login(t, factor, remote.Config{Credentials: remote.Credentials{Password: "secret"}, ConnectTimeout: time.Minute})
	if !errors.As(err, &auth) || !strings.Contains(err.Error(), `second factor`) || !strings.Contains(err.Error(), `"Code:"`) ||
		s.Accepted() != 1 {
		t.Errorf("have %v after %d attempts", err, s.Accepted())
	}
}

// An agent that is locked shows no keys, as an empty one does.
func TestAgentLocked(t *testing.T) {
	_, public, raw := keyText(t)
	ring := agent.NewKeyring()
	if err := errors.Join(ring.Add(agent.AddedKey{PrivateKey: raw}), ring.Lock([]byte("x"))); err != nil {
		t.Fatal(err)
	}
	serveAgent(t, ring)
	_, err := login(t, allowing(public), remote.Config{Credentials: remote.Credentials{Agent: true}, ConnectTimeout: time.Minute})
	var bad *remote.ConfigError
	if !errors.As(err, &bad) || !strings.Contains(err.Error(), "is locked") || !strings.Contains(bad.Hint(), "ssh-add -X") {
		t.Errorf("have %v", err)
	}
}

// What a server cuts off again and again ends as it does for ssh: with the first cut.
// An agent_identity is at once.
func TestAgentOfMany(t *testing.T) {
	var raws []any
	for range 300 {
		_, raw, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		raws = append(raws, raw)
	}
	last, err := ssh.NewSignerFromKey(raws[299])
	if err != nil {
		t.Fatal(err)
	}
	startAgent(t, raws...)
	o := allowing(last.PublicKey())
	o.Config.MaxAuthTries = 6
	s, err := login(t, o, remote.Config{Credentials: remote.Credentials{Agent: true}, ConnectTimeout: 10 * time.Minute})
	var auth *remote.AuthError
	if !errors.As(err, &auth) || s.Accepted() != 1 || !strings.Contains(auth.Hint(), "agent_identity") {
		t.Errorf("have %v after %d attempts", err, s.Accepted())
	}
	s, err = login(t, o, remote.Config{Credentials: remote.Credentials{Agent: true, AgentIdentity: "key-299"}})
	if err != nil || s.Accepted() != 1 {
		t.Errorf("have %v after %d attempts", err, s.Accepted())
	}
	// One that takes them all sees each once, in one login.
	sshd := remotetest.StartSSHD(t, "MaxAuthTries 1000", "LogLevel VERBOSE")
	right, err := ssh.ParseRawPrivateKey([]byte(sshd.Key))
	if err != nil {
		t.Fatal(err)
	}
	startAgent(t, append(raws, right)...)
	client := newClient(t, remote.Config{User: sshd.User, Credentials: remote.Credentials{Agent: true}})
	conn, err := client.Dial(t.Context(),
		remote.Target{Address: sshd.Host, Port: sshd.Port, HostKey: sshd.HostKey, ConnectTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if shown := strings.Count(sshd.Log(), "Failed publickey "); shown != len(raws) {
		t.Errorf("it was shown %d keys before the right one, not %d", shown, len(raws))
	}
}

// What answers is no SSH server: it is told at once, with what it says.
func TestNoSSHServer(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"220 mail.example.org ESMTP\r\n": "220 mail.example.org ESMTP",
		"HTTP/1.1 400 Bad Request\r\n":   "HTTP/1.1 400 Bad Request",
		"* OK IMAP4 ready\r\n":           "* OK IMAP4 ready",
		"\x15\x03\x01\x00\x02\x02\x46":   "1503", // an alert of TLS
	} {
		port := says(t, said, false)
		client := newClient(t, remote.Config{User: "user", Credentials: remote.Credentials{Password: "x"}})
		_, err := client.Dial(t.Context(), remote.Target{Address: "127.0.0.1", Port: port, ConnectTimeout: time.Hour})
		var other *remote.NotSSHError
		if !errors.As(err, &other) || !strings.HasPrefix(other.Said, want) || !strings.Contains(err.Error(), "1 attempt ") {
			t.Errorf("%q: have %v", said, err)
		}
	}
}

// A forced command that waits, or sends back what it is sent, is no script: that is said
// with what it said, and nothing of the script's text is.
func TestForcedCommands(t *testing.T) {
	t.Parallel()
	for force, want := range map[string]string{
		"cat >/dev/null":               "the account does not run commands",
		"cat":                          "sends back what it is sent",
		"tee /dev/stderr":              "sends back what it is sent",
		"echo Backups only; sleep 600": "was not begun within 5s: the login shell of user @ME@ gave no sign of it, and said: Backups only",
		"cat; sleep 600":               "was not begun within 5s: the login shell of user @ME@ gave no sign of it",
		"sleep 600":                    "was not begun within 5s: the login shell of user @ME@ gave no sign of it",
	} {
		t.Run(force, func(t *testing.T) {
			t.Parallel()
			s := remotetest.StartSSHD(t, "ForceCommand "+force)
			client := newClient(t, remote.Config{User: s.User, Credentials: remote.Credentials{PrivateKey: remote.Secret(s.Key)}})
			conn, err := client.Dial(t.Context(), remote.Target{Address: s.Host, Port: s.Port, HostKey: s.HostKey, ConnectTimeout: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			script := remote.Script{Name: "forced", Text: ": a-line-of-the-script"}
			if strings.Contains(force, "sleep") {
				script.Timeout = 5 * time.Second
			}
			res, err := conn.Run(t.Context(), script)
			var hinter remote.Hinter
			if err == nil || !strings.Contains(err.Error(), strings.ReplaceAll(want, "@ME@", s.User)) || !errors.As(err, &hinter) ||
				!strings.Contains(hinter.Hint(), "ForceCommand") || strings.Contains(err.Error(), "a-line-of") || len(res.Stdout)+len(res.Stderr) > 0 {
				t.Errorf("have %+v, %v", res, err)
			}
		})
	}
}

// A server that opens no session is there, and says so.
func TestNoSession(t *testing.T) {
	t.Parallel()
	s := remotetest.StartSSHD(t, "MaxSessions 0")
	client := newClient(t, remote.Config{User: s.User, Credentials: remote.Credentials{PrivateKey: remote.Secret(s.Key)}})
	conn, err := client.Dial(t.Context(), remote.Target{Address: s.Host, Port: s.Port, HostKey: s.HostKey, ConnectTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, root := range []bool{false, true} {
		_, err := conn.Run(t.Context(), remote.Script{Name: "s", Root: root})
		var shell *remote.ShellError
		if !errors.As(err, &shell) || remote.IsUnreachable(err) || !strings.Contains(err.Error(), "opens no session") ||
			!strings.Contains(shell.Hint(), "MaxSessions") {
			t.Errorf("have %v", err)
		}
	}
}

// What an SSH server says before its name, be it much, is not what is wrong with it.
func TestWordsBeforeName(t *testing.T) {
	t.Parallel()
	words := strings.Repeat("all that is done here is noted\r\n", 10) + "SSH-2.0-x\r\n"
	client := newClient(t, remote.Config{User: "user", Credentials: remote.Credentials{Password: "x"}})
	_, err := client.Dial(t.Context(), remote.Target{Address: "127.0.0.1", Port: says(t, words, true), ConnectTimeout: time.Second})
	var other *remote.NotSSHError
	if err == nil || errors.As(err, &other) {
		t.Errorf("have %v", err)
	}
}

// The exit code is the script's own word: servers give it when its input has ended, not at
// all, or another one.
func TestOwnExitCode(t *testing.T) {
	t.Parallel()
	for name, exit := range map[string]func(code int, input, end <-chan struct{}) int{
		"behind the input": func(code int, input, _ <-chan struct{}) int {
			<-input
			return code
		},
		"another one": func(int, <-chan struct{}, <-chan struct{}) int { return 0 },
		"never": func(code int, _, end <-chan struct{}) int {
			<-end
			return code
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			end := make(chan struct{})
			s, _ := inProcess(t, remotetest.Options{Exit: func(code int, input <-chan struct{}) int { return exit(code, input, end) }},
				remote.Config{})
			t.Cleanup(func() { close(end) }) // before the server waits for what it runs
			if name == "behind the input" {
				s.Client.SetGrace(time.Hour) // it is the end of the input that ends it
			}
			conn := s.Dial(t)
			for _, stdin := range []string{"", "some input"} {
				script := remote.Script{Name: "seven", Text: "cat; echo out; echo err >&2; exit 7", Timeout: time.Minute}
				if stdin != "" {
					script.Stdin = strings.NewReader(stdin)
				}
				if name == "behind the input" {
					script.Timeout = 15 * time.Second // else what a server has not ended is waited for, for longer
				}
				res, err := conn.Run(t.Context(), script)
				var code *remote.ExitError
				if !errors.As(err, &code) || code.Code != 7 || string(res.Stdout) != stdin+"out\n" || string(res.Stderr) != "err\n" {
					t.Errorf("have %v, %q, %q", err, res.Stdout, res.Stderr)
				}
			}
		})
	}
}
