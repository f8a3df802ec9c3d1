// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	defaultMaxOutput = 4 << 20
	defaultMost      = 256 << 20
)

// Run runs a script. It takes one round trip, opening the channel aside; the
// first root script of a connection takes one more where sudo wants a password
// or a terminal, and each takes one more on a terminal.
//
// A script that ends with another code than 0 gives its Result and an
// *ExitError. When ctx is done or the Timeout is over, the script's process
// group on the host is ended, and the error is ctx's cause or a *TimeoutError;
// the Result, which is never nil, has what came until then and the exit code -1.
// A *SudoError or *ShellError says that nothing of the script was run, a
// *LostError that the connection broke, a *FloodError that the host sends without
// end.
func (c *Conn) Run(ctx context.Context, s Script) (*Result, error) {
	if s.Name == "" {
		s.Name = "unnamed"
	}
	if strings.ContainsRune(s.Text, 0) || strings.ContainsRune(strings.Join(s.Args, ""), 0) {
		return &Result{ExitCode: -1}, fmt.Errorf("script %s holds a NUL character", s.Name)
	}
	if s.MaxOutput <= 0 {
		s.MaxOutput = defaultMaxOutput
	}
	if s.Most <= 0 {
		s.Most = defaultMost
	}
	within := ctx
	if s.Timeout > 0 {
		var cancel context.CancelFunc
		within, cancel = context.WithTimeout(ctx, s.Timeout)
		defer cancel()
	}
	begin := time.Now()
	res, err := c.run(within, &s)
	res.Duration = time.Since(begin)
	if err != nil && within.Err() != nil && (errors.Is(err, within.Err()) || errors.Is(err, context.Cause(within))) {
		if ctx.Err() != nil {
			return res, fmt.Errorf("%s: script %s: %w", c.host(), s.Name, context.Cause(ctx))
		}
		return res, &TimeoutError{Host: c.host(), Script: s.Name, After: s.Timeout, Stderr: lastLines(c.redact(string(res.Stderr)))}
	}
	return res, err
}

func (c *Conn) redact(s string) string { return c.client.cfg.Redactor.Redact(s) }

// run starts the script as often as it takes to find out how, then follows it.
func (c *Conn) run(ctx context.Context, s *Script) (*Result, error) {
	out := &output{max: s.MaxOutput, copy: s.Stdout}
	errs := &output{max: s.MaxOutput, copy: s.Stderr}
	j := &job{conn: c, work: "script " + s.Name, script: s, out: out, errs: errs, payload: payloadOf(s)}
	j.text = func(b *bytes.Buffer, tty bool) { wrap(b, s, tty, c.lease()) }
	if err := j.begin(ctx, s.Root); err != nil {
		return &Result{ExitCode: -1}, err
	}
	return follow(ctx, j, out, errs)
}

// job is one text for the starter on its way through one process or, until it
// is known how to become root, several.
type job struct {
	conn      *Conn
	work      string // what it is, for messages
	text      func(b *bytes.Buffer, tty bool)
	script    *Script // nil if it is none, and so has no watchdog
	raw       bool    // on a terminal, its output is not in frames
	out, errs io.Writer
	payload   []byte // the script's whole input, in blocks; nil if there is none or it is long
	fed       bool   // it went out with the text

	p       *process
	endings [2]*ending    // of stdout and stderr; nil where raw
	whole   chan struct{} // closed when both streams have come to the script's end
	frames  *frames       // on a terminal
	code    int           // from the frames
	coded   chan struct{} // closed when the code has come in a frame

	wrong   chan struct{} // closed when the password is asked for again
	prompts atomic.Int64
}

// hasLongInput says whether the script has input that is not in payload.
func (j *job) hasLongInput() bool { return j.payload == nil && j.script.Stdin != nil }

// begin starts the process, as root or not, as often as it takes to find out
// how.
func (j *job) begin(ctx context.Context, root bool) error {
	for {
		word, err := newWord()
		if err != nil {
			return err
		}
		if !root {
			if err := j.beginWith(ctx, word, becoming{}); err != nil {
				return j.notStarted(err)
			}
			return nil
		}
		tty, _ := j.conn.root.get()
		again, err := j.beginAsRoot(ctx, word, tty)
		if !again {
			return err
		}
	}
}

// beginAsRoot starts the process as root. If a refusal teaches another way,
// again is true.
func (j *job) beginAsRoot(ctx context.Context, word string, tty bool) (again bool, err error) {
	c := j.conn
	sudo := c.client.cfg.Sudo
	b := sudo.becomeRoot(c.user(), word, tty)
	err = j.beginWith(ctx, word, b)
	if err == nil {
		c.root.accept()
		return false, nil
	}
	if !errors.Is(err, errNoStart) || b.prefix == "" || j.vanished() {
		return false, j.notStarted(err)
	}
	said := append(j.p.out.said(), j.p.err.said()...)
	refusal, unclear := sudo.refusal(c.host(), c.user(), said, j.p.exitCode(), int(j.prompts.Load()))
	refusal.Detail = c.redact(refusal.Detail)
	wantsTTY := refusal.Reason == SudoTTY || unclear ||
		sudo.Command == "doas" && refusal.Reason == SudoPasswordRequired && sudo.Password != ""
	if wantsTTY && !tty {
		c.root.needTTY()
		return true, nil
	}
	return false, refusal
}

// vanished reports whether the process ended without an exit code, and not by
// our doing: a refusal has one, so the connection has broken, which the
// library may tell a moment later.
func (j *job) vanished() bool {
	select {
	case <-j.p.exited:
		return !j.p.known && j.prompts.Load() < 2
	default:
		return !j.p.t.alive()
	}
}

// notStarted makes an error of a start that sudo has nothing to do with.
func (j *job) notStarted(err error) error {
	c := j.conn
	if errors.Is(err, errFlood) {
		return &FloodError{Host: c.host(), Work: j.work, Most: mostNoise, Noise: true}
	}
	if !errors.Is(err, errNoStart) {
		return err
	}
	if j.p != nil && j.vanished() {
		return c.lost(j.p.t, j.work, nil)
	}
	e := &ShellError{Host: c.host(), User: c.user()}
	if j.p != nil {
		e.Output = c.redact(strings.Join(append(j.p.out.said(), j.p.err.said()...), "; "))
		if code := j.p.exitCode(); code >= 0 {
			e.Err = fmt.Errorf("exit code %d", code)
			return e
		}
	}
	e.Err = err
	return e
}

// framed puts what a terminal mixes up into frames, which keep apart what the
// script writes to its two outputs and give its exit code.
func (j *job) framed(cmd *command) {
	if j.raw {
		return
	}
	j.coded = make(chan struct{})
	coded := sync.OnceFunc(func() { close(j.coded) })
	j.frames = newFrames(cmd.stdout, cmd.stderr, func(code int) {
		j.code = code
		coded()
	})
	cmd.stdout, cmd.stderr = j.frames, nil
}

// most is how many bytes may come of each output, 0 for the usual.
func (j *job) most(tty bool) int64 {
	switch {
	case j.script == nil:
		return 0
	case tty:
		return j.script.Most + j.script.Most/2 // with the frames
	}
	return j.script.Most
}

// beginWith starts the process and gets the script into it. An error that is
// errNoStart leaves the ended process in j.p.
func (j *job) beginWith(ctx context.Context, word string, b becoming) error {
	c := j.conn
	m, _ := messages.Get().(*message)
	defer messages.Put(m)
	text := m.write(word, func(to *bytes.Buffer) { j.text(to, b.tty) })
	password := []byte(b.password.Reveal() + "\n")

	j.wrong = make(chan struct{})
	j.prompts.Store(0)
	wrong := j.wrong
	prompted := make(chan struct{})
	cmd := command{prefix: b.prefix, tty: b.tty, prompt: b.prompt, stdout: j.out, stderr: j.errs, most: j.most(b.tty)}
	if !j.raw {
		cmd.stdout, cmd.stderr = j.end(word)
	}
	cmd.asked = func(n int) {
		before := j.prompts.Swap(int64(n))
		if before == 0 {
			close(prompted)
		}
		if before < 2 && n >= 2 {
			close(wrong)
		}
	}
	_, accepted := c.root.get()
	atOnce := !b.tty && (b.password == "" || accepted)
	if j.fed = atOnce && j.payload != nil && len(text)+len(j.payload) <= startMost; j.fed {
		text = m.add(j.payload)
	}
	switch {
	case b.tty:
		// Nothing is sent to a terminal before it is known to be ready:
		// changing its modes throws away what has come.
		j.framed(&cmd)
	case atOnce && b.password != "":
		cmd.input = slices.Concat(password, text)
	case atOnce:
		cmd.input = text
	default:
		// Until the password is known to be right nothing else goes out: sudo
		// would take the script's lines for further passwords.
		cmd.input = password
	}
	p, err := c.start(ctx, word, cmd)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return &LostError{Host: c.host(), Work: "the start of " + j.work, Err: err}
	}
	j.p = p
	err = j.passPassword(ctx, b, prompted, password)
	if err == nil {
		err = p.waitStart(ctx)
	}
	if err != nil {
		if ctx.Err() != nil && atOnce && j.script != nil {
			j.stop() // it may have begun
		}
		p.finish()
		return err
	}
	if !atOnce {
		if ctx.Err() != nil { // nothing of the script is there yet
			p.finish()
			return context.Cause(ctx)
		}
		if err := p.write(text); err != nil {
			p.finish()
			return c.lost(p.t, j.work, err)
		}
	}
	return nil
}

// end puts the lookout for the script's end before both streams.
func (j *job) end(word string) (stdout, stderr io.Writer) {
	whole := make(chan struct{})
	var ended atomic.Int32
	both := func() {
		if ended.Add(1) == 2 {
			close(whole)
		}
	}
	j.whole = whole
	j.endings = [2]*ending{{to: j.out, end: endByte + word, ended: both}, {to: j.errs, end: endByte + word, ended: both}}
	return j.endings[0], j.endings[1]
}

// passPassword waits for the outcome of asking for a password: the start, the
// process's end, or the same question again.
func (j *job) passPassword(ctx context.Context, b becoming, prompted <-chan struct{}, password []byte) error {
	if b.password == "" {
		return nil
	}
	p := j.p
	timer := time.NewTimer(startLimit)
	defer timer.Stop()
	for {
		select {
		case <-prompted:
			prompted = nil
			if b.tty {
				if err := p.write(password); err != nil {
					return errNoStart
				}
			}
		case <-p.started:
			return nil
		case <-p.flooded:
			return errFlood
		case <-j.wrong:
			// Ends sudo before it counts another failure.
			return errNoStart
		case <-p.exited:
			p.drain(nil)
			return nil
		case <-timer.C:
			return fmt.Errorf("%w within %s", errNoStart, startLimit)
		case <-ctx.Done():
			return nil // waitStart tells whether it was too late
		}
	}
}

// follow sees a script that has begun through to its end.
func follow(ctx context.Context, j *job, out, errs *output) (*Result, error) {
	p := j.p
	defer p.finish()
	fed := make(chan error, 1)
	switch {
	case j.payload != nil && !j.fed:
		go func() {
			_ = p.write(j.payload) // a script that has ended takes no more, which shows elsewhere
			fed <- nil
		}()
	case j.hasLongInput():
		go func() { fed <- p.feed(j.script.Stdin) }()
	}
	beat := time.NewTicker(j.conn.heartbeat())
	defer beat.Stop()
	beating := make(chan struct{}, 1)
	coded := j.coded // nil without a terminal
	var over <-chan struct{}
	late := time.NewTimer(drainMost)
	late.Stop()
	defer late.Stop()
	for {
		select {
		case <-p.flooded:
			return j.drowned(out, errs)
		case <-p.exited:
			j.drain(ctx)
			return j.result(out, errs)
		case <-coded:
			coded, over = nil, j.whole
			late.Reset(drainMost)
		case <-over:
			// What keeps the encoders now was left behind by the script.
			over = nil
			late.Reset(drainLimit)
		case <-late.C:
			return j.result(out, errs)
		case err := <-fed:
			if err != nil {
				j.stop()
				res, _ := j.result(out, errs) // what there is of it
				return res, fmt.Errorf("%s: reading the input of %s: %w", j.conn.host(), j.work, err)
			}
		case <-beat.C:
			select {
			case beating <- struct{}{}:
				go func() {
					// A broken connection shows in p.exited.
					_ = p.write([]byte(lineAlive))
					<-beating
				}()
			default:
			}
		case <-ctx.Done():
			j.stop()
			res, _ := j.result(out, errs) // what there is of it
			res.ExitCode = -1
			return res, ctx.Err()
		}
	}
}

// drain waits for the rest of the output of a script whose process has ended.
// However far it is behind, its end comes, unless the script's shell was killed
// (POSIX, 2.8.2) or could not make sense of it.
func (j *job) drain(ctx context.Context) {
	if code := j.p.exitCode(); code < 0 || code >= 128 {
		j.p.drain(j.whole)
		return
	}
	timer := time.NewTimer(drainMost)
	defer timer.Stop()
	select {
	case <-j.whole:
	case <-j.p.drained:
	case <-j.p.flooded:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// drowned is the result of a script that was given up, since more came of it than
// may. The host has nothing to say any more.
func (j *job) drowned(out, errs *output) (*Result, error) {
	j.p.close()
	return &Result{Stdout: out.bytes(), Stderr: errs.bytes(), Truncated: true, ExitCode: -1},
		&FloodError{Host: j.conn.host(), Work: j.work, Most: j.script.Most}
}

// result is what the ended process left.
func (j *job) result(out, errs *output) (*Result, error) {
	p, c := j.p, j.conn
	select {
	case <-p.flooded:
		return j.drowned(out, errs)
	default:
	}
	p.out.stop()
	p.err.stop()
	for _, e := range j.endings {
		e.release()
	}
	res := &Result{
		Stdout: out.bytes(), Stderr: errs.bytes(), ExitCode: p.exitCode(),
		Truncated: out.truncated() || errs.truncated(),
	}
	if j.frames != nil {
		if err := j.frames.finish(); err != nil {
			return res, &LostError{Host: c.host(), Work: j.work, Err: err}
		}
		select {
		case <-j.coded:
			res.ExitCode = j.code
		default:
			if res.ExitCode == 0 {
				res.ExitCode = -1
			}
		}
	}
	if res.ExitCode < 0 {
		return res, c.lost(p.t, j.work, nil)
	}
	if !j.isWhole() {
		return res, c.lost(p.t, j.work, errCutShort)
	}
	if res.ExitCode == 0 {
		return res, nil
	}
	return res, &ExitError{Host: c.host(), Script: j.script.Name, Code: res.ExitCode, Signal: signalOf(p.signal, res.ExitCode),
		Stderr: errs.last(c.redact)}
}

var errCutShort = errors.New("the end of its output did not come")

// isWhole reports whether all output has come. A shell that was killed, or met
// a syntax error, does not get to say its end: then the streams have ended by
// themselves if the connection is alive.
func (j *job) isWhole() bool {
	select {
	case <-j.whole:
		return true
	default:
	}
	code := j.p.exitCode() // on a terminal 0 if the frame with the script's own has come
	return code != 0 && j.p.t.answers()
}

// signalOf names the signal that a shell's exit code stands for (POSIX, 2.8.2),
// for those that end scripts in practice.
func signalOf(signal string, code int) string {
	if signal != "" {
		return signal
	}
	return map[int]string{129: "HUP", 130: "INT", 131: "QUIT", 134: "ABRT", 137: "KILL", 139: "SEGV", 141: "PIPE", 143: "TERM"}[code]
}
