// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remotetest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// Options bend a server's behaviour. The zero value is a server that behaves
// like OpenSSH with its defaults and lets everybody in.
type Options struct {
	Config      ssh.ServerConfig // its auth callbacks; none: no authentication
	HostKeys    []ssh.Signer     // none: a new Ed25519 key
	Shell       string           // login shell; "": /bin/sh
	Env         []string         // added to the environment of commands
	MaxSessions int              // per connection; 0: no limit
	NoSFTP      bool
	NoPTY       bool
	NoForward   bool                                  // refuse direct-tcpip
	Accept      func(n int, c net.Conn) net.Conn      // sees the nth connection (from 1) first; nil drops it
	Exec        func(command string, stdin []byte)    // sees each command before it runs; stdin is not known yet
	Wrap        func(command string) (wrapped string) // changes commands
	Listen      string                                // address; "": 127.0.0.1:0
	// Exit changes the exit code that is told, and when, as servers do that are made of
	// a library; input is closed when there is no more input.
	Exit func(code int, input <-chan struct{}) (told int)
}

// Server is a running server.
type Server struct {
	Host    string
	Port    int
	HostKey string // in authorized_keys form

	t        testing.TB
	opts     Options
	cfg      atomic.Pointer[ssh.ServerConfig]
	listener net.Listener
	wg       sync.WaitGroup

	mu       sync.Mutex
	conns    map[net.Conn]bool
	accepted atomic.Int64
	commands []string
}

// Serve starts a server; it ends with the test.
func Serve(t testing.TB, o Options) *Server {
	t.Helper()
	s := &Server{t: t, opts: o, conns: map[net.Conn]bool{}}
	cfg := o.Config // has no keys yet
	if cfg.PublicKeyCallback == nil && cfg.PasswordCallback == nil && cfg.KeyboardInteractiveCallback == nil {
		cfg.NoClientAuth = true
	}
	keys := o.HostKeys
	if len(keys) == 0 {
		keys = []ssh.Signer{NewKey(t)}
	}
	for _, k := range keys {
		cfg.AddHostKey(k)
	}
	s.HostKey = AuthorizedKey(keys[0].PublicKey())
	s.cfg.Store(&cfg)
	address := o.Listen
	if address == "" {
		address = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", address)
	for n := 0; err != nil && errors.Is(err, syscall.EADDRINUSE) && n < 100; n++ {
		// Somebody else was given the port meanwhile, for a connection that will end.
		select {
		case <-time.After(100 * time.Millisecond):
			l, err = net.Listen("tcp", address)
		case <-t.Context().Done():
		}
	}
	if err != nil {
		t.Fatalf("listening: %v", err)
	}
	s.listener = l
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s.Host = host
	if s.Port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	s.wg.Go(s.accept)
	t.Cleanup(func() {
		s.Stop()
		s.wg.Wait()
	})
	return s
}

// ChangeHostKey gives the server a new key, as if another had taken its place.
func (s *Server) ChangeHostKey() {
	s.t.Helper()
	cfg := s.opts.Config
	cfg.NoClientAuth = s.cfg.Load().NoClientAuth
	key := NewKey(s.t)
	cfg.AddHostKey(key)
	s.HostKey = AuthorizedKey(key.PublicKey())
	s.cfg.Store(&cfg)
}

// Stop closes the listener and all connections.
func (s *Server) Stop() {
	_ = s.listener.Close() // it may be closed already
	s.CutAll()
}

// CutAll breaks all connections, as a network does.
func (s *Server) CutAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset instead of an end
		}
		_ = c.Close()
	}
}

// Accepted is how many connections have come so far.
func (s *Server) Accepted() int { return int(s.accepted.Load()) }

// Commands are the command lines that were run so far.
func (s *Server) Commands() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.commands...)
}

func (s *Server) accept() {
	for {
		nc, err := s.listener.Accept()
		if err != nil {
			return
		}
		n := int(s.accepted.Add(1))
		if s.opts.Accept != nil {
			if nc = s.opts.Accept(n, nc); nc == nil {
				continue
			}
		}
		s.mu.Lock()
		s.conns[nc] = true
		s.mu.Unlock()
		s.wg.Go(func() {
			s.serve(nc)
			s.mu.Lock()
			delete(s.conns, nc)
			s.mu.Unlock()
		})
	}
}

func (s *Server) serve(nc net.Conn) {
	defer nc.Close()
	conn, channels, requests, err := ssh.NewServerConn(nc, s.cfg.Load())
	if err != nil {
		return
	}
	defer conn.Close()
	s.wg.Go(func() { ssh.DiscardRequests(requests) })
	var sessions atomic.Int64
	for nch := range channels {
		switch nch.ChannelType() {
		case "session":
			if s.opts.MaxSessions > 0 && int(sessions.Load()) >= s.opts.MaxSessions {
				_ = nch.Reject(ssh.ConnectionFailed, "open failed")
				continue
			}
			sessions.Add(1)
			ch, reqs, err := nch.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() {
				s.session(conn, ch, reqs)
				sessions.Add(-1)
				_ = ch.Close()
			})
		case "direct-tcpip":
			s.wg.Go(func() { s.forward(nch) })
		default:
			_ = nch.Reject(ssh.UnknownChannelType, "unknown channel type")
		}
	}
}

func (s *Server) forward(nch ssh.NewChannel) {
	var m struct {
		Host       string
		Port       uint32
		Origin     string
		OriginPort uint32
	}
	if ssh.Unmarshal(nch.ExtraData(), &m) != nil || s.opts.NoForward {
		_ = nch.Reject(ssh.Prohibited, "administratively prohibited")
		return
	}
	nc, err := net.Dial("tcp", net.JoinHostPort(m.Host, strconv.Itoa(int(m.Port))))
	if err != nil {
		_ = nch.Reject(ssh.ConnectionFailed, "Connection refused")
		return
	}
	ch, reqs, err := nch.Accept()
	if err != nil {
		_ = nc.Close()
		return
	}
	go ssh.DiscardRequests(reqs)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(ch, nc)
		_ = ch.Close()
	}()
	_, _ = io.Copy(nc, ch)
	_ = nc.Close()
	<-done
}

// session runs one command, as sshd's do_exec does.
func (s *Server) session(conn *ssh.ServerConn, ch ssh.Channel, reqs <-chan *ssh.Request) {
	env := append(os.Environ(), s.opts.Env...)
	var pty *ptyPair
	defer func() {
		if pty != nil {
			pty.close()
		}
	}()
	for r := range reqs {
		ok := true
		switch r.Type {
		case "env":
			var m struct{ Name, Value string }
			if ok = ssh.Unmarshal(r.Payload, &m) == nil; ok {
				env = append(env, m.Name+"="+m.Value)
			}
		case "pty-req":
			if s.opts.NoPTY {
				ok = false
				break
			}
			var err error
			if pty, err = openPTY(r.Payload); err != nil {
				s.t.Logf("no pty: %v", err)
				ok = false
			}
		case "exec":
			var m struct{ Command string }
			if ok = ssh.Unmarshal(r.Payload, &m) == nil; ok {
				s.mu.Lock()
				s.commands = append(s.commands, m.Command)
				s.mu.Unlock()
				if r.WantReply {
					_ = r.Reply(true, nil)
				}
				s.run(m.Command, env, pty, ch, reqs)
				return
			}
		case "subsystem":
			var m struct{ Name string }
			ok = ssh.Unmarshal(r.Payload, &m) == nil && m.Name == "sftp" && !s.opts.NoSFTP
			if r.WantReply {
				_ = r.Reply(ok, nil)
			}
			if ok {
				go ssh.DiscardRequests(reqs)
				server, err := sftp.NewServer(ch)
				if err != nil {
					return
				}
				_ = server.Serve()
				return
			}
			continue
		default:
			ok = false
		}
		if r.WantReply {
			_ = r.Reply(ok, nil)
		}
	}
	_ = conn
}

func (s *Server) run(command string, env []string, pty *ptyPair, ch ssh.Channel, reqs <-chan *ssh.Request) {
	shell := s.opts.Shell
	if shell == "" {
		shell = "/bin/sh"
	}
	if s.opts.Wrap != nil {
		command = s.opts.Wrap(command)
	}
	cmd := exec.Command(shell, "-c", command)
	cmd.Env = env
	ownSession(cmd, pty != nil)
	gone := make(chan struct{}) // the client has closed the channel
	input := make(chan struct{})
	go func() {
		ssh.DiscardRequests(reqs)
		close(gone)
	}()
	var outputs sync.WaitGroup
	if pty != nil {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = pty.slave, pty.slave, pty.slave
		if err := cmd.Start(); err != nil {
			return
		}
		_ = pty.slave.Close()
		go func() { _, _ = io.Copy(pty.master, ch) }()
		outputs.Go(func() { _, _ = io.Copy(ch, pty.master) })
		go func() {
			<-gone
			pty.close() // hangs the terminal up
		}()
	} else {
		stdin, err := cmd.StdinPipe()
		if err != nil {
			return
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			return
		}
		stderr, err := cmd.StderrPipe()
		if err != nil {
			return
		}
		if err := cmd.Start(); err != nil {
			return
		}
		go func() {
			_, _ = io.Copy(stdin, ch)
			_ = stdin.Close()
			close(input)
		}()
		outputs.Go(func() { _, _ = io.Copy(ch, stdout) })
		outputs.Go(func() { _, _ = io.Copy(ch.Stderr(), stderr) })
	}
	state, err := cmd.Process.Wait()
	if err != nil {
		return
	}
	ws, ok := state.Sys().(syscall.WaitStatus)
	if ok && ws.Signaled() {
		name := strings.TrimPrefix(signalName(ws.Signal()), "SIG")
		_, _ = ch.SendRequest("exit-signal", false, ssh.Marshal(&struct {
			Signal        string
			Core          bool
			Message, Lang string
		}{name, false, "", ""}))
	} else {
		code := state.ExitCode()
		if s.opts.Exit != nil {
			code = s.opts.Exit(code, input)
		}
		_, _ = ch.SendRequest("exit-status", false, ssh.Marshal(&struct{ Code uint32 }{uint32(code)}))
	}
	drained := make(chan struct{})
	go func() {
		outputs.Wait()
		close(drained)
	}()
	select {
	case <-drained:
	case <-gone:
	}
}

func signalName(s syscall.Signal) string {
	return map[syscall.Signal]string{
		syscall.SIGKILL: "KILL", syscall.SIGTERM: "TERM", syscall.SIGHUP: "HUP", syscall.SIGINT: "INT", syscall.SIGPIPE: "PIPE",
	}[s]
}

// NewKey makes an Ed25519 key.
func NewKey(t testing.TB) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// AuthorizedKey is a public key in authorized_keys form.
func AuthorizedKey(k ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k)))
}

// AllowKeys is a PublicKeyCallback for these keys.
func AllowKeys(keys ...ssh.PublicKey) func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
	return func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		for _, k := range keys {
			if bytes.Equal(k.Marshal(), key.Marshal()) {
				return nil, nil
			}
		}
		return nil, errors.New("not in authorized_keys")
	}
}
