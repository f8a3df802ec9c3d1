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
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// eofAfter is how long the server may take to say that a script has ended whose
// own end has come.
const eofAfter = 50 * time.Millisecond

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
// Two seconds later Run is back at the latest. If the host has not said by then that
// the script has ended, whatever is run next on this connection waits for it.
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
	c.settle(within)
	res, err := c.run(within, &s)
	res.Duration = time.Since(begin)
	if err != nil && within.Err() != nil && (errors.Is(err, within.Err()) || errors.Is(err, context.Cause(within))) {
		if ctx.Err() != nil {
			return res, fmt.Errorf("%s: script %s: %w", c.host(), s.Name, context.Cause(ctx))
		}
		e := &TimeoutError{Host: c.host(), Script: s.Name, After: s.Timeout, Stderr: lastLines(c.redact(string(res.Stderr)))}
		_ = errors.As(err, &e.unbegun) // it stays nil
		return res, e
	}
	return res, err
}

func (c *Conn) redact(s string) string { return c.client.cfg.Redactor.Redact(s) }

// run starts the script as often as it takes to find out how, then follows it.
func (c *Conn) run(ctx context.Context, s *Script) (*Result, error) {
	out := &output{max: s.MaxOutput, copy: s.Stdout}
	errs := &output{max: s.MaxOutput, copy: s.Stderr}
	j := &job{conn: c, work: "script " + s.Name, script: s, out: out, errs: errs, payload: payloadOf(s)}
	j.text = func(b *bytes.Buffer, tty bool) { wrap(b, s, tty, c.dd.Load() != ddInexact, c.lease()) }
	if err := j.begin(ctx, s.Root); err != nil {
		if ctx.Err() != nil && j.silent && j.p != nil {
			err = &notBegunError{err: err, user: c.user(), said: j.instead()}
		}
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
	plain     bool   // it goes to a printf, since there is no dd

	p       *process
	line    string        // the command line
	endings [2]*ending    // of stdout and stderr; nil where raw
	whole   chan struct{} // closed when both streams have come to the script's end
	frames  *frames       // on a terminal
	code    int           // from the frames
	coded   chan struct{} // closed when the code has come in a frame

	wrong   chan struct{} // closed when the password is asked for again
	prompts atomic.Int64
	silent  bool // nothing was heard of the process, if there is one, for as long as may be
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
			err := j.beginWith(ctx, word, becoming{})
			switch {
			case err == nil:
				return nil
			case j.lacksDD(err, word):
				continue
			}
			return j.notStarted(err)
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
	if j.lacksDD(err, word) {
		return true, nil
	}
	if !errors.Is(err, errNoStart) || b.prefix == "" || j.silent || j.vanished() {
		return false, j.notStarted(err)
	}
	if j.p.exitCode() == exitForeign || j.echoes() {
		return false, j.notStarted(err)
	}
	said, whose := j.said()
	if e := sudo.notBecome(c.host(), c.user(), word, said); e != nil {
		return false, e
	}
	said = withoutEach(said, j.line)
	refusal, unclear := sudo.refusal(c.host(), c.user(), whose, said, j.p.exitCode(), int(j.prompts.Load()))
	if refusal == nil {
		return false, j.notStarted(err)
	}
	refusal.Detail = c.redact(refusal.Detail)
	wantsTTY := refusal.Reason == SudoTTY || unclear ||
		sudo.Command == "doas" && refusal.Reason == SudoPasswordRequired && sudo.Password != ""
	if wantsTTY && !tty {
		c.root.needTTY()
		return true, nil
	}
	return false, refusal
}

// What is known of a host's dd.
const (
	ddExact   = 1
	ddInexact = 2
)

// lacksDD reports whether the starter has said so, and remembers it.
func (j *job) lacksDD(err error, word string) bool {
	if !errors.Is(err, errNoStart) || j.p == nil || j.silent || j.conn.dd.Load() == ddInexact {
		return false
	}
	said, _ := j.said()
	if !slices.ContainsFunc(said, func(line string) bool { return strings.HasSuffix(line, word+" dd") }) {
		return false
	}
	j.conn.dd.Store(ddInexact)
	return true
}

// said is what came of the process in place of its starter's sign, and whose password
// was asked for, if that is known.
func (j *job) said() (lines []string, whose string) {
	lines, whose = j.p.out.said()
	more, other := j.p.err.said()
	return append(lines, more...), cmp.Or(whose, other)
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
	if !errors.Is(err, errNoStart) && !errors.Is(err, errStartsNothing) && !errors.Is(err, errRunsOther) {
		return err
	}
	if j.p != nil && !j.silent && j.vanished() {
		return c.lost(j.p.t, j.work, nil)
	}
	e := &ShellError{Host: c.host(), User: c.user(), startsNothing: errors.Is(err, errStartsNothing)}
	switch {
	case j.p == nil:
	case j.echoes():
		e.Err = errEchoes // and all that it said is our own
		return e
	default:
		e.Output = j.instead()
		if code := j.p.exitCode(); code >= 0 && !j.silent {
			e.Err = fmt.Errorf("exit code %d", code)
			if code == exitForeign {
				e.Err = errForeign
			}
			return e
		}
	}
	e.Err = err
	return e
}

// echoes reports whether the host sent back what it was sent.
func (j *job) echoes() bool { return j.p.out.echoes(j.p.word) || j.p.err.echoes(j.p.word) }

// instead is what came in the place of the script's sign. What is our own says nothing.
func (j *job) instead() string {
	if j.echoes() {
		return ""
	}
	said, _ := j.said()
	return j.conn.redact(strings.Join(withoutEach(said, j.line), "; "))
}

// errEchoes says so.
var errEchoes = errors.New("what the account runs in its place sends back what it is sent, as cat does")

// errForeign says that another shell read the message.
var errForeign = errors.New("a start-up file of the shell runs something in its place that reads its input, as \"exec sh\" does")

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
	text, payload, try, err := j.compose(m, word, b.tty)
	if err != nil {
		return err
	}
	password := []byte(b.password.Reveal() + "\n")
	j.p, j.silent, j.line = nil, false, commandLine(b, word, try)
	cmd := command{becoming: b, line: j.line, work: j.work, stdout: j.out, stderr: j.errs, most: j.most(b.tty)}
	if !j.raw {
		cmd.stdout, cmd.stderr = j.end(word)
	}
	prompted := j.countPrompts(&cmd)
	_, accepted := c.root.get()
	atOnce := !b.tty && (b.password == "" || accepted)
	if j.fed = atOnce && payload != nil && len(text)+len(payload) <= startMost; j.fed {
		text = m.add(payload)
	}
	j.sendFirst(&cmd, text, password, atOnce)
	starting, over := j.startWithin(ctx)
	defer over()
	p, err := c.start(starting, word, cmd)
	if err != nil {
		return j.failedStart(starting, err)
	}
	j.p = p
	if err := j.awaitSign(starting, b, prompted, password, atOnce); err != nil {
		return err
	}
	if try {
		c.dd.Store(ddExact)
	}
	if atOnce {
		return nil
	}
	return j.sendText(ctx, text)
}

// sendFirst gives the command what goes out with its start.
func (j *job) sendFirst(cmd *command, text, password []byte, atOnce bool) {
	switch {
	case cmd.tty:
		// Nothing is sent to a terminal before it is known to be ready:
		// changing its modes throws away what has come.
		j.framed(cmd)
	case atOnce && cmd.password != "":
		cmd.input = slices.Concat(password, text)
	case atOnce:
		cmd.input = text
	default:
		// Until the password is known to be right nothing else goes out: sudo
		// would take the script's lines for further passwords.
		cmd.input = password
	}
}

// failedStart tells why a process did not start.
func (j *job) failedStart(starting context.Context, err error) error {
	c := j.conn
	switch {
	case starting.Err() != nil:
		j.silent = true
		return context.Cause(starting)
	case errors.As(err, new(*ssh.OpenChannelError)):
		return &ShellError{Host: c.host(), User: c.user(), noSession: true, Err: fmt.Errorf("the server opens no session: %w", err)}
	default:
		return &LostError{Host: c.host(), Work: "the start of " + j.work, Err: err}
	}
}

// compose writes the script's message, and gives its payload as the host takes it. try
// tells that the host's dd is to be tried, since it has not been and is needed.
func (j *job) compose(m *message, word string, tty bool) (text, payload []byte, try bool, err error) {
	c := j.conn
	dd := c.dd.Load()
	if j.plain = dd == ddInexact; j.plain && tty {
		return nil, nil, false, &ToolError{Host: c.host(), Tool: "dd", Why: "it takes more or less than it is told to, or is not there",
			Use: "what runs on a terminal (requiretty) needs it: coreutils and busybox have it"}
	}
	text = m.write(word, !j.plain, func(to *bytes.Buffer) { j.text(to, tty) })
	if payload = j.payload; payload != nil && j.plain {
		payload = printed(payload)
	}
	needed := tty || m.text.Len() >= longScript || j.script != nil && j.script.Stdin != nil
	return text, payload, dd == 0 && needed, nil
}

// countPrompts counts how often a password is asked for. What it gives is closed when it
// has been once, j.wrong when it has been again.
func (j *job) countPrompts(cmd *command) (prompted <-chan struct{}) {
	first, wrong := make(chan struct{}), make(chan struct{})
	j.wrong = wrong
	j.prompts.Store(0)
	cmd.asked = func(n int) {
		before := j.prompts.Swap(int64(n))
		if before == 0 {
			close(first)
		}
		if before < 2 && n >= 2 {
			close(wrong)
		}
	}
	return first
}

// awaitSign waits until the starter has given its sign, and ends the process if it does
// not.
func (j *job) awaitSign(starting context.Context, b becoming, prompted <-chan struct{}, password []byte, atOnce bool) error {
	p := j.p
	err := j.passPassword(starting, b, prompted, password)
	if err == nil {
		err = p.waitStart(starting)
	}
	if err == nil {
		return nil
	}
	if starting.Err() != nil {
		err, j.silent = context.Cause(starting), true
		if atOnce && j.script != nil {
			p.end(j.conn.client.limits.end) // it may be about to begin
		}
	}
	p.finish()
	return err
}

// sendText gives the script to a starter that has said that it is ready.
func (j *job) sendText(ctx context.Context, text []byte) error {
	p := j.p
	if ctx.Err() != nil { // nothing of the script is there yet
		p.finish()
		return context.Cause(ctx)
	}
	if err := p.write(ctx, text); err != nil {
		p.finish()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return j.conn.lost(p.t, j.work, err)
	}
	return nil
}

// startWithin gives the context of the start: until then there has to be a sign
// of the script, and a host that has given none for a while has to be able to
// start anything.
func (j *job) startWithin(ctx context.Context) (_ context.Context, over func()) {
	c := j.conn
	limit := c.client.limits.start
	ctx, giveUp := context.WithCancelCause(ctx)
	starting, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%w within %s", errNoStart, limit))
	ask := time.AfterFunc(c.client.limits.ask, func() {
		if err := c.startsOthers(starting); err != nil {
			giveUp(err)
		}
	})
	return starting, func() {
		ask.Stop()
		cancel()
		giveUp(nil)
	}
}

// askedCode is with what a shell ends that is asked whether it runs commands.
const askedCode = 77

// startsOthers asks the host to run the least of commands. It gives an error if the
// host refuses to start it, or if it has run something else in its place. A host that
// does not say so may be slow.
func (c *Conn) startsOthers(ctx context.Context) error {
	t := c.primary()
	if !t.enter() {
		return nil
	}
	defer t.leave()
	ch, requests, err := t.openChannel(ctx, "session", nil, func() {})
	if err != nil {
		return nil // it was not asked
	}
	defer ch.Close()
	for _, r := range []io.Reader{ch, ch.Stderr()} {
		go func() { _, _ = io.CopyN(io.Discard, r, mostNoise) }() // nobody wants to know
	}
	ended := make(chan int, 1)
	go func() {
		for r := range requests {
			var m struct{ Code uint32 }
			if r.Type == "exit-status" && ssh.Unmarshal(r.Payload, &m) == nil {
				select {
				case ended <- int(m.Code):
				default:
				}
			}
		}
		close(ended)
	}()
	// Nobody waits for this one: it ends with the connection.
	line := struct{ Command string }{"exit " + strconv.Itoa(askedCode)}
	if started, err := ch.SendRequest("exec", true, ssh.Marshal(&line)); err != nil {
		return nil // as above
	} else if !started {
		return errStartsNothing
	}
	if ch.CloseWrite() != nil {
		return nil
	}
	select {
	case code, known := <-ended:
		if known && code != askedCode {
			return fmt.Errorf("%w: \"exit %d\" ended with exit code %d", errRunsOther, askedCode, code)
		}
	case <-ctx.Done():
	}
	return nil
}

// errRunsOther says that something else is run than what is asked for.
var errRunsOther = errors.New("the account does not run commands")

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
	j.endings = [2]*ending{{to: j.out, end: endByte + word, ended: both, code: -1}, {to: j.errs, end: endByte + word, ended: both, code: -1}}
	return j.endings[0], j.endings[1]
}

// passPassword waits for the outcome of asking for a password: the start, the
// process's end, or the same question again.
func (j *job) passPassword(ctx context.Context, b becoming, prompted <-chan struct{}, password []byte) error {
	if b.password == "" {
		return nil
	}
	p := j.p
	for {
		select {
		case <-prompted:
			prompted = nil
			if b.tty {
				if err := p.write(ctx, password); err != nil {
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
			p.drain(ctx, nil)
			return nil
		case <-ctx.Done():
			return nil // waitStart tells whether it was too late
		}
	}
}

// feed gives the script what of its input it has not yet, aside. What is received is the
// error of the input's reader, nil if all is given.
func (j *job) feed() <-chan error {
	p, fed := j.p, make(chan error, 1)
	switch {
	case j.payload != nil && !j.fed:
		payload := j.payload
		if j.plain {
			payload = printed(payload)
		}
		go func() {
			_ = p.put(payload) // a script that has ended takes no more, which shows elsewhere
			fed <- nil
		}()
	case j.hasLongInput():
		feed := p.feed
		if j.plain {
			feed = p.feedPrinted
		}
		go func() { fed <- feed(j.script.Stdin) }()
	}
	return fed
}

// follow sees a script that has begun through to its end.
func follow(ctx context.Context, j *job, out, errs *output) (*Result, error) {
	p := j.p
	defer p.finish()
	fed := j.feed()
	beat := time.NewTicker(j.conn.heartbeat())
	defer beat.Stop()
	beating := make(chan struct{}, 1)
	coded, ended := j.coded, j.whole // coded is nil without a terminal
	if coded != nil {
		ended = nil
	}
	patience := time.NewTimer(drainMost)
	patience.Stop()
	defer patience.Stop()
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
			return j.result(ctx, out, errs)
		case <-ended:
			ended = nil
			patience.Reset(eofAfter)
		case <-patience.C:
			// Some servers do not say that a command has ended before its input has, or
			// while what it left behind has its output.
			go func() { _ = p.ch.CloseWrite() }() // the end of the connection shows elsewhere
			late.Reset(p.t.limits.grace)
		case <-coded:
			coded, over = nil, j.whole
			late.Reset(drainMost)
		case <-over:
			// What keeps the encoders now was left behind by the script.
			over = nil
			late.Reset(drainLimit)
		case <-late.C:
			return j.result(ctx, out, errs)
		case err := <-fed:
			if err != nil {
				j.stop()
				res, _ := j.result(ctx, out, errs) // what there is of it
				return res, fmt.Errorf("%s: reading the input of %s: %w", j.conn.host(), j.work, err)
			}
		case <-beat.C:
			select {
			case beating <- struct{}{}:
				go func() {
					// A broken connection shows in p.exited.
					_ = p.put([]byte(lineAlive))
					<-beating
				}()
			default:
			}
		case <-ctx.Done():
			j.stop()
			res, _ := j.result(ctx, out, errs) // what there is of it
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
		j.p.drain(ctx, j.whole)
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
func (j *job) result(ctx context.Context, out, errs *output) (*Result, error) {
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
	signal := ""
	if code := j.ownCode(); code >= 0 {
		res.ExitCode = code
	} else if res.ExitCode >= 0 { // the server has said how it ended
		signal = p.signal
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
	if !j.isWhole(ctx) {
		if ctx.Err() != nil {
			res.ExitCode = -1
			return res, ctx.Err()
		}
		return res, c.lost(p.t, j.work, errCutShort)
	}
	if res.ExitCode == 0 {
		return res, nil
	}
	return res, &ExitError{Host: c.host(), Script: j.script.Name, Code: res.ExitCode, Signal: signalOf(signal, res.ExitCode),
		Stderr: errs.last(c.redact)}
}

// ownCode is the exit code that came with the end of the script's output, -1 if it
// has not come.
func (j *job) ownCode() int {
	select {
	case <-j.whole:
		return j.endings[0].code
	default:
		return -1
	}
}

var errCutShort = errors.New("the end of its output did not come")

// isWhole reports whether all output has come. A shell that was killed, or met
// a syntax error, does not get to say its end: then the streams have ended by
// themselves if the connection is alive.
func (j *job) isWhole(ctx context.Context) bool {
	select {
	case <-j.whole:
		return true
	default:
	}
	code := j.p.exitCode() // on a terminal 0 if the frame with the script's own has come
	return code != 0 && j.p.t.answers(ctx)
}

// signalOf names the signal that a shell's exit code stands for (POSIX, 2.8.2),
// for those that end scripts in practice.
func signalOf(signal string, code int) string {
	if signal != "" {
		return signal
	}
	return map[int]string{129: "HUP", 130: "INT", 131: "QUIT", 134: "ABRT", 137: "KILL", 139: "SEGV", 141: "PIPE", 143: "TERM"}[code]
}
