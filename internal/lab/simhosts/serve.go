// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package simhosts

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// serve is one connection.
func (f *Fleet) serve(nc net.Conn) {
	address, _, err := net.SplitHostPort(nc.LocalAddr().String())
	if err != nil {
		return
	}
	h := f.host(address)
	if f.Fails(address) == FailConnect {
		return
	}
	if address == f.opts.Mute && !f.mended.Load() {
		_, _ = io.Copy(io.Discard, nc) // until the peer has had enough
		return
	}
	key, err := h.key()
	if err != nil {
		return
	}
	cfg := &ssh.ServerConfig{PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
		return nil, nil // anybody may come in
	}}
	cfg.AddHostKey(key)
	conn, channels, requests, err := ssh.NewServerConn(nc, cfg)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for nch := range channels {
		if nch.ChannelType() != "session" {
			// A peer that is refused sees it; what it says then changes nothing.
			_ = nch.Reject(ssh.UnknownChannelType, "unknown channel type")
			continue
		}
		ch, reqs, err := nch.Accept()
		if err != nil {
			break
		}
		go f.session(h, ch, reqs)
	}
	// The connection is over.
	_ = conn.Close()
}

// session is one channel.
func (f *Fleet) session(h *host, ch ssh.Channel, reqs <-chan *ssh.Request) {
	defer ch.Close() // the peer may have closed it
	for r := range reqs {
		if h.address == f.opts.Stuck && !f.mended.Load() {
			continue // sshd waits for a process that there will not be
		}
		ok := true
		var run func()
		switch r.Type {
		case "env":
		case "exec":
			var m struct{ Command string }
			if ok = ssh.Unmarshal(r.Payload, &m) == nil; ok {
				run = func() { f.exec(h, m.Command, ch) }
			}
		case "subsystem":
			run = func() { f.sink(ch) }
		default:
			ok = false
		}
		if r.WantReply {
			_ = r.Reply(ok, nil) // the end of the connection shows elsewhere
		}
		if run != nil {
			go ssh.DiscardRequests(reqs)
			run()
			return
		}
	}
}

// outputEnd begins what internal/remote has a script's shell say when it has
// written all: the byte, then the word of the script and its exit code.
const outputEnd = "\x01"

// exec takes a script as the starter of internal/remote does, and answers it.
func (f *Fleet) exec(h *host, command string, ch ssh.Channel) {
	words := strings.Fields(command)
	word := words[len(words)-1]
	sign := word
	if strings.Contains(command, "echo $1+") { // former versions of the provider have no plus sign
		sign += "+"
	}
	in := bufio.NewReaderSize(counted{ch, &f.input}, 4<<10)
	// What cannot be written is not read either: the peer is gone.
	_, _ = io.WriteString(ch.Stderr(), sign+"\n")
	_, _ = io.WriteString(ch, sign+"\n")
	until := func(end string) (string, bool) {
		var text strings.Builder
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return "", false
			}
			if strings.TrimSuffix(line, "\n") == end {
				return text.String(), true
			}
			text.WriteString(line)
		}
	}
	// What comes first would end another shell (internal/remote, message).
	if _, ok := until(": <<\"." + word + "\""); !ok {
		return
	}
	text, ok := until(word)
	if !ok {
		return
	}
	f.scripts.Add(1)
	code := 0
	if first, isKeeper := between(text, "FIRST=", "\n"); isKeeper {
		says, _ := between(text, "say(){ printf '", "%s")
		keep(first, says, in, ch)
	} else {
		payload := ""
		if strings.Contains(text, "|(exec 9<&- ") {
			if strings.Contains(text, "\nput begin gate\n") {
				_, _ = io.WriteString(ch, f.question(h)) // as below
			}
			if payload, ok = readPayload(in); !ok {
				return
			}
		}
		f.pause()
		if h.address == f.opts.Flood && !f.mended.Load() {
			flood(ch, text)
		}
		var out strings.Builder
		code = f.answer(h, text, payload, &out, ch.Stderr())
		// A client that is gone does not miss them.
		end := fmt.Sprintf("%s%s%d.", outputEnd, word, code)
		_, _ = io.WriteString(ch, out.String()+end)
		_, _ = io.WriteString(ch.Stderr(), end)
	}
	_, _ = ch.SendRequest("exit-status", false, ssh.Marshal(&struct{ Code uint32 }{uint32(code)}))
}

// floodMost is what a flood has in bytes, for those who would take it all.
const floodMost = 1 << 30

// flood begins the result of a script and writes lines of it until nobody takes
// any more.
func flood(to io.Writer, text string) {
	for name := range names(text) {
		line := "line=" + strings.Repeat("x", 250) + "\n"
		lines := strings.Repeat(line, 100)
		_, err := io.WriteString(to, "begin="+name+"\n")
		for n := 0; n < floodMost && err == nil; n += len(lines) {
			_, err = io.WriteString(to, lines)
		}
		return
	}
}

// counted counts what is read.
type counted struct {
	io.Reader
	n *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// pause takes as long as a script does.
func (f *Fleet) pause() {
	if f.opts.Delay > 0 {
		<-time.After(f.opts.Delay)
	}
}

// readPayload reads a script's input, which comes in blocks with their sizes.
func readPayload(in *bufio.Reader) (string, bool) {
	var b strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return "", false
		}
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		n, err := strconv.Atoi(line)
		if err != nil {
			return "", false
		}
		if n == 0 {
			return b.String(), true
		}
		if _, err := io.CopyN(&b, in, int64(n)); err != nil {
			return "", false
		}
	}
}

var workDirectories atomic.Int64

// keep is the process that holds the work directory and the lock.
// Its answers begin with what its script says.
func keep(first, says string, in *bufio.Reader, ch io.Writer) {
	command := strings.Trim(first, "'")
	for {
		switch name, _, _ := strings.Cut(strings.TrimSpace(command), " "); name {
		case "work":
			_, _ = fmt.Fprintf(ch, "%snew /var/tmp/.dcos-work.%d\n", says, workDirectories.Add(1))
		case "lock":
			_, _ = io.WriteString(ch, says+"locked\n")
		case "bye":
			_, _ = io.WriteString(ch, says+"bye\n")
			return
		}
		var err error
		if command, err = in.ReadString('\n'); err != nil {
			return
		}
	}
}

// sink is an SFTP server that throws away what it gets.
func (f *Fleet) sink(ch ssh.Channel) {
	s := sink{f}
	server := sftp.NewRequestServer(ch, sftp.Handlers{FileGet: s, FilePut: s, FileCmd: s, FileList: s})
	_ = server.Serve() // ends with the channel
	_ = server.Close()
}

type sink struct{ f *Fleet }

func (sink) Fileread(*sftp.Request) (io.ReaderAt, error)    { return nil, os.ErrNotExist }
func (s sink) Filewrite(*sftp.Request) (io.WriterAt, error) { return s, nil }
func (sink) Filecmd(*sftp.Request) error                    { return nil }
func (sink) Filelist(*sftp.Request) (sftp.ListerAt, error)  { return nil, os.ErrNotExist }

// WriteAt counts.
func (s sink) WriteAt(p []byte, _ int64) (int, error) {
	s.f.bytes.Add(int64(len(p)))
	return len(p), nil
}

// between gives what is between two texts.
func between(text, before, after string) (inner string, ok bool) {
	if _, text, ok = strings.Cut(text, before); !ok {
		return "", false
	}
	inner, _, ok = strings.Cut(text, after)
	return inner, ok
}
