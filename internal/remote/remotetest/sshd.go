// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remotetest

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"crypto/ed25519"
	"crypto/rand"

	"golang.org/x/crypto/ssh"
)

// SSHD is a running OpenSSH server on a loopback address, into which the
// current user can log in with Key.
type SSHD struct {
	Host    string
	Port    int
	User    string
	HostKey string // in authorized_keys form
	Key     string // private key in OpenSSH form

	t       testing.TB
	log     string
	keyFile string
	process *os.Process
}

// StartSSHD starts the machine's sshd with a configuration of its own, to
// which the given lines are added in front (sshd takes the first value of each
// key). It ends with the test. Where there is no sshd the test is skipped, or
// fails if CI=true.
func StartSSHD(t testing.TB, lines ...string) *SSHD {
	t.Helper()
	path := findSSHD()
	if path == "" {
		const msg = "OpenSSH's server is not installed (Debian: openssh-server)"
		if os.Getenv("CI") == "true" {
			t.Fatal(msg)
		}
		t.Skip(msg)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &SSHD{t: t, Host: "127.0.0.1", User: me.Username, log: filepath.Join(dir, "sshd.log")}
	hostKey, hostPublic := keyPair(t)
	userKey, userPublic := keyPair(t)
	s.HostKey, s.Key = hostPublic, userKey
	write := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	s.keyFile = write("host_key", hostKey)
	authorized := write("authorized_keys", userPublic+"\n")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("listening at %v, no TCP address", l.Addr())
	}
	s.Port = address.Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	// A bash that sshd starts reads its user's .bashrc, unless it is no shell of the first level (bash(1), "remote
	// shell daemon"; shell_level in its run_startup_files). What the machine's owner has there is not to be tested,
	// nor waited for at each command.
	cfg := strings.Join(lines, "\n") + fmt.Sprintf(`
Port %d
ListenAddress 127.0.0.1
HostKey %s
PidFile none
AuthorizedKeysFile %s
StrictModes no
UsePAM no
UseDNS no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 1000
PrintMotd no
AcceptEnv LANG LC_*
SetEnv SHLVL=2
Subsystem sftp internal-sftp
`, s.Port, s.keyFile, authorized)
	cfgFile := write("sshd_config", cfg)
	if os.Getuid() == 0 {
		// Where sshd parts with its rights; made by its unit elsewhere.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(path, "-D", "-f", cfgFile, "-E", s.log)
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting sshd: %v", err)
	}
	s.process = cmd.Process
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // killed below
		close(exited)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-exited
		if t.Failed() {
			t.Logf("sshd's log:\n%s", s.Log())
		}
	})
	deadline := time.Now().Add(10 * time.Second)
	for {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.Port))
		if err == nil {
			_ = c.Close()
			return s
		}
		select {
		case <-exited:
			t.Fatalf("sshd ended:\n%s", s.Log())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("sshd does not answer: %v\n%s", err, s.Log())
		}
	}
}

// ChangeHostKey gives the server a new key, as if it had been reinstalled: sshd
// reads its configuration again on SIGHUP (sshd(8)).
func (s *SSHD) ChangeHostKey() {
	s.t.Helper()
	private, public := keyPair(s.t)
	if err := os.WriteFile(s.keyFile, []byte(private), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if err := s.process.Signal(syscall.SIGHUP); err != nil {
		s.t.Fatal(err)
	}
	s.HostKey = public
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		shown := s.shown()
		if shown == public {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("sshd shows %q\n%s", shown, s.Log())
		}
	}
}

// shown is the host key that the server shows now, "" if it does not answer.
func (s *SSHD) shown() (key string) {
	_, _ = ssh.Dial("tcp", net.JoinHostPort(s.Host, strconv.Itoa(s.Port)), &ssh.ClientConfig{ // nobody logs in
		User: s.User,
		HostKeyCallback: func(_ string, _ net.Addr, k ssh.PublicKey) error {
			key = AuthorizedKey(k)
			return errors.New("seen")
		},
	})
	return key
}

// Log is what the server has logged.
func (s *SSHD) Log() string {
	b, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(b))
}

// Accepted is how many logins have come so far.
func (s *SSHD) Accepted() int { return strings.Count(s.Log(), "Accepted publickey ") }

// OpenSSH is the path of the machine's ssh, beside which things are tried. Where there
// is none the test is skipped, or fails if CI=true.
func OpenSSH(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("ssh")
	if err != nil {
		const msg = "OpenSSH's client is not installed (Debian: openssh-client)"
		if os.Getenv("CI") == "true" {
			t.Fatal(msg)
		}
		t.Skip(msg)
	}
	return path
}

func findSSHD() string {
	if p, err := exec.LookPath("sshd"); err == nil && filepath.IsAbs(p) {
		return p
	}
	for _, p := range []string{"/usr/sbin/sshd", "/usr/local/sbin/sshd"} {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	return ""
}

// keyPair makes an Ed25519 key: private in OpenSSH form, public in
// authorized_keys form.
func keyPair(t testing.TB) (private, public string) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block)), AuthorizedKey(signer.PublicKey())
}
