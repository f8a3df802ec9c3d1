// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	// drainLimit is how long nothing may come of output that lags behind the
	// exit code and has no end of its own, and drainMost how long any output may
	// lag. What comes later comes from processes that were left behind.
	drainLimit = 2 * time.Second
	drainMost  = time.Minute
)

var (
	// errNoStart says that a process ended, or said nothing, before its starter
	// gave a sign.
	errNoStart = errors.New("no sign of the script")
	// errStartsNothing says that the host has none for it.
	errStartsNothing = errors.New("the host starts no processes now: it refused the request")
)

// process is one command on the host, with the starter in front of it.
type process struct {
	t    *transport
	ch   ssh.Channel
	work string // what it is, for messages
	word string
	tty  bool

	out, err *stream
	started  chan struct{} // closed when the starter has given its sign
	exited   chan struct{} // closed when the exit code has come or the channel is gone
	drained  chan struct{} // closed when both streams have ended
	flooded  chan struct{} // closed when more has come than may; the channel is given up then

	writing    semaphore // of one
	closeOnce  sync.Once
	finishOnce sync.Once

	code   int
	signal string
	known  bool // code or signal has come
}

// errFlood says that a process wrote more than it may.
var errFlood = errors.New("it sends without end")

// command says how a process is started.
type command struct {
	becoming
	line  string // what the login shell gets
	work  string // what it is, for messages
	input []byte // sent at once
	asked func(n int)
	most  int64 // bytes that may come of each of stdout and stderr after the start; 0: mostSaid

	stdout, stderr io.Writer // get the output after the start
}

// mostSaid bounds each output of what is no user's script, in bytes.
const mostSaid = 16 << 20

// newWord makes the random word of a process.
func newWord() (string, error) {
	var b [9]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("making a random word: %w", err)
	}
	return "dcos-" + base64.RawURLEncoding.EncodeToString(b[:]), nil
}

// start runs a command in a new channel. It does not wait for the host's word
// that it runs: the requests are answered, or not, while the input is on its
// way. A host that cannot start it takes no input (OpenSSH leaves the window at 0);
// when ctx is done the channel is closed, which shows in the process.
func (t *transport) start(ctx context.Context, word string, c command) (*process, error) {
	ch, requests, err := t.openSession(ctx)
	if err != nil {
		return nil, err
	}
	p := &process{
		t: t, ch: ch, work: c.work, word: word, tty: c.tty,
		started: make(chan struct{}), exited: make(chan struct{}), drained: make(chan struct{}), flooded: make(chan struct{}),
		writing: newSemaphore(1),
	}
	flood := sync.OnceFunc(func() {
		close(p.flooded)
		p.hangUp() // what is being written ends too
	})
	most := cmp.Or(c.most, mostSaid)
	var begin sync.Once
	sign := func() { begin.Do(func() { close(p.started) }) }
	p.err = &stream{mark: signOf(word), to: c.stderr, prompt: c.prompt, asked: c.asked, most: most, flood: flood}
	p.out = &stream{mark: signOf(word), to: c.stdout, begun: sign, most: most, flood: flood}
	if c.tty {
		// sudo's prompt comes on the one stream that there is.
		p.out.prompt, p.out.asked = c.prompt, c.asked
	}
	// Before anything is written: all of the connection stands still when nobody
	// takes what comes for one channel.
	go p.serve(requests)
	var streams sync.WaitGroup
	streams.Go(func() { p.out.copy(ch) })
	streams.Go(func() { p.err.copy(ch.Stderr()) })
	go func() {
		streams.Wait()
		close(p.drained)
	}()
	over := t.guard(ctx, "the start of "+p.work, p.hangUp)
	t.wire.hold()
	err = p.request(c)
	if err == nil && len(c.input) > 0 {
		err = p.put(c.input)
	}
	t.wire.release()
	over()
	if err != nil && !isClosed(err) {
		// The process never came to be; its channel has nothing to say.
		p.close()
		return nil, err
	}
	return p, nil
}

// request asks for the terminal and the command, without waiting for answers:
// a refused terminal shows in what sudo says, a refused command in that
// nothing happens.
func (p *process) request(c command) error {
	// Debian's and Red Hat's servers accept it, which keeps the login shell
	// from complaining about locales that the host does not have, and sudo's
	// words from being translated.
	env := ssh.Marshal(&struct{ Name, Value string }{"LC_ALL", "C"})
	if _, err := p.ch.SendRequest("env", false, env); err != nil {
		return err
	}
	if c.tty {
		pty := ssh.Marshal(&struct {
			Term                         string
			Columns, Rows, Width, Height uint32
			Modes                        string
		}{"dumb", 200, 50, 0, 0, rawModes()})
		if _, err := p.ch.SendRequest("pty-req", false, pty); err != nil {
			return err
		}
	}
	line := ssh.Marshal(&struct{ Command string }{c.line})
	_, err := p.ch.SendRequest("exec", false, line)
	return err
}

// rawModes are terminal modes (RFC 4254, section 8) that pass all bytes as
// they are: no echo, no lines, no signals, no flow control.
func rawModes() string {
	var b []byte
	for _, m := range []byte{
		30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, // input: IGNPAR … IMAXBEL
		50, 51, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, // local: ISIG, ICANON, ECHO … PENDIN
		70, 71, 72, 73, 74, 75, // output: OPOST …
	} {
		b = append(b, m, 0, 0, 0, 0)
	}
	b = append(b, 91, 0, 0, 0, 1) // CS8
	return string(append(b, 0))
}

// serve takes the exit code. The channel of requests ends with the channel.
func (p *process) serve(requests <-chan *ssh.Request) {
	defer close(p.exited)
	for r := range requests {
		switch r.Type {
		case "exit-status":
			var m struct{ Code uint32 }
			if ssh.Unmarshal(r.Payload, &m) == nil {
				p.code, p.known = int(m.Code), true
			}
		case "exit-signal":
			var m struct {
				Signal  string
				Core    bool
				Message string
				Lang    string
			}
			if ssh.Unmarshal(r.Payload, &m) == nil {
				p.signal, p.code, p.known = m.Signal, 128, true
			}
		}
		if r.WantReply {
			// The end of the connection shows elsewhere.
			_ = r.Reply(false, nil)
		}
		if p.known {
			go ssh.DiscardRequests(requests)
			return
		}
	}
}

// write gives the host input, for as long as ctx and the limit for a host that
// takes nothing allow.
func (p *process) write(ctx context.Context, b []byte) error {
	ctx, cancel := context.WithTimeout(ctx, p.t.limits.quiet)
	defer cancel()
	defer p.t.guard(ctx, "the input of "+p.work, p.hangUp)()
	return p.put(b)
}

// put is write without a limit: it may take until the connection ends.
func (p *process) put(b []byte) error {
	p.writing <- struct{}{}
	defer p.writing.release()
	p.t.wire.hold()
	defer p.t.wire.release()
	_, err := p.ch.Write(b)
	return err
}

// waitStart waits for the starter's sign.
func (p *process) waitStart(ctx context.Context) error {
	select {
	case <-p.started:
		return nil
	default:
	}
	select {
	case <-p.started:
		return nil
	case <-p.flooded:
		return errFlood
	case <-p.exited:
		p.drain(ctx, nil)
		select {
		case <-p.started:
			return nil
		default:
			return errNoStart
		}
	case <-ctx.Done():
		select {
		case <-p.started: // who follows it ends it
			return nil
		default:
			return context.Cause(ctx)
		}
	}
}

// exitCode is the exit code if it has come, -1 if not.
func (p *process) exitCode() int {
	select {
	case <-p.exited:
		if p.known {
			return p.code
		}
	default:
	}
	return -1
}

// drain waits for the rest of the output behind the exit code, until it is
// whole, the streams end, or nothing has come for a while.
func (p *process) drain(ctx context.Context, whole <-chan struct{}) {
	timer := time.NewTimer(drainLimit)
	defer timer.Stop()
	end, seen := time.Now().Add(drainMost), p.taken()
	for {
		select {
		case <-p.drained:
			return
		case <-whole:
			return
		case <-ctx.Done():
			return
		case <-timer.C:
			n := p.taken()
			if n == seen || time.Now().After(end) {
				return
			}
			seen = n
			timer.Reset(drainLimit)
		}
	}
}

// taken is how many bytes of output have come.
func (p *process) taken() int64 { return p.out.taken.Load() + p.err.taken.Load() }

// end makes the host end the script, and says whether it has within a limit.
// The order waits behind the script's input, so it may not even get there.
func (p *process) end(limit time.Duration) bool {
	go func() { _ = p.put([]byte(lineKill)) }()
	return p.ends(limit)
}

// ends waits for the process to end.
func (p *process) ends(limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.exited:
		return true
	case <-timer.C:
		return false
	}
}

// finish closes the channel and gives its place on the transport back.
func (p *process) finish() {
	p.finishOnce.Do(func() {
		p.close()
		p.t.leave()
	})
}

// close ends the channel. The host's watchdog takes that as an order too. Nobody
// waits for the host to agree.
func (p *process) close() {
	p.closeOnce.Do(func() {
		closed := make(chan struct{})
		go func() {
			p.hangUp()
			close(closed)
		}()
		timer := time.NewTimer(p.t.limits.grace)
		defer timer.Stop()
		select {
		case <-closed:
		case <-timer.C: // that it takes no more will show
		}
	})
	p.out.stop()
	p.err.stop()
}

// hangUp says that the channel is to be closed.
func (p *process) hangUp() {
	// A channel that the host closed already says so with an error.
	_ = p.ch.Close()
}
