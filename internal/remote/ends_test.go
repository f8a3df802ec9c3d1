// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/remotetest"
)

// These tests hold that every call ends: in bubbles of testing/synctest, whose
// clock goes on when everybody waits, so that the limits are those of users and
// what is measured is exact; a goroutine that does not end with its connection
// fails them too. Where the library waits for a mutex while the network takes
// nothing, that clock would stand still: there real time passes, and the limits are
// a fraction of the real ones. The host is played (play).

const (
	// slack is how long a call may take behind its limit, or the end of its context.
	slack = 2 * time.Second
	// short is a limit that a caller gives, shorter than all of our own.
	short = 4 * time.Second
	// hurry is how many times shorter limits are in real time.
	hurry = 50
)

var (
	playedWord  = regexp.MustCompile(`dcos-[\w-]+$`)
	playedFirst = regexp.MustCompile(`FIRST='?([^'\n]+)'?\n`)
)

// Scripts that play knows. All others end at once.
const (
	playCat  = ": reads its input"
	playWait = ": waits until it is ended"
	playDeaf = ": reads nothing and is not ended"
)

// play is what a host does with what package remote has it run: the starter, the
// keeper, a cat, SFTP, and scripts. No script is really run: what a shell makes of
// the texts is in the tests with real hosts.
func play(ch *remotetest.RawChannel, kind, command string) int {
	if kind == "subsystem" {
		return playSFTP(ch)
	}
	word := playedWord.FindString(command)
	in := bufio.NewReader(ch)
	if word == "" {
		return 0
	}
	say := func(format string, args ...any) { fmt.Fprintf(ch, format, args...) }
	fmt.Fprintln(ch.Stderr(), word+"+")
	say("%s+\n", word)
	text, err := playStarter(in, word)
	if err != nil {
		return 97
	}
	end := func(code int) int {
		say("\x01%s%d.", word, code)
		fmt.Fprintf(ch.Stderr(), "\x01%s%d.", word, code)
		return code
	}
	switch {
	case playedFirst.MatchString(text):
		playKeeper(in, playedFirst.FindStringSubmatch(text)[1], say)
		return 0
	case strings.Contains(text, "exec cat"):
		_, _ = io.Copy(io.Discard, in) // an end is an end
		return 0
	case strings.Contains(text, playDeaf):
		<-ch.Gone()
		return -1
	case strings.Contains(text, playWait):
		for {
			if line, err := in.ReadString('\n'); err != nil || line == "k\n" {
				return 143
			}
		}
	case strings.Contains(text, playCat):
		for {
			line, err := in.ReadString('\n')
			n, _ := strconv.Atoi(strings.TrimSuffix(line, "\n"))
			switch {
			case err != nil || line == "k\n":
				return 143
			case line == "0\n":
				return end(0)
			}
			if _, err := io.CopyN(io.Discard, in, int64(n)); err != nil {
				return 143
			}
		}
	}
	return end(0)
}

// playStarter gives the script's text.
func playStarter(in *bufio.Reader, word string) (string, error) {
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return "", err
		}
		if strings.Contains(line, word) {
			break
		}
	}
	size, err := in.ReadString('\n')
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(size, "\n"))
	if err != nil {
		return "", err
	}
	sized := make([]byte, n)
	if _, err := io.ReadFull(in, sized); err != nil {
		return "", err
	}
	var text bytes.Buffer
	text.Write(sized)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return "", err
		}
		if line == word+"\n" {
			return text.String(), nil
		}
		text.WriteString(line)
	}
}

func playKeeper(in *bufio.Reader, first string, say func(string, ...any)) {
	for line := first + "\n"; ; {
		switch word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " "); word {
		case "work":
			say("keeper=new /work\n")
		case "lock":
			say("keeper=locked\n")
		case "bye":
			say("keeper=bye\n")
			return
		}
		var err error
		if line, err = in.ReadString('\n'); err != nil {
			return
		}
	}
}

// playSFTP takes whatever is written, and keeps nothing.
func playSFTP(ch *remotetest.RawChannel) int {
	handlers := sftp.InMemHandler()
	handlers.FilePut = sink{}
	server := sftp.NewRequestServer(ch, handlers)
	_ = server.Serve() // it ends with the channel
	return 0
}

type sink struct{}

func (sink) Filewrite(*sftp.Request) (io.WriterAt, error) { return sink{}, nil }
func (sink) WriteAt(p []byte, _ int64) (int, error)       { return len(p), nil }

// endless is input that a client cannot know the length of.
func endless(n int64) io.Reader { return io.MultiReader(io.LimitReader(zeros{}, n)) }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// played is a client in a bubble, and the hosts that it reaches: h1 and h2, and j,
// through which they are reached in some tests.
type played struct {
	t      *testing.T
	client *remote.Client
	hosts  map[string]*remotetest.Raw
	room   int           // bytes that a connection holds
	second time.Duration // in real time less than one

	wg    sync.WaitGroup
	mu    sync.Mutex
	dials map[string]int
}

// keys are made once: they are not what is tested.
type keys struct {
	user   string // private, in PEM
	public ssh.PublicKey
	host   ssh.Signer
}

func newKeys(t *testing.T) keys {
	t.Helper()
	text, public, _ := keyText(t)
	return keys{text, public, remotetest.NewKey(t)}
}

// newPlayed gives a client and hosts that do as they should. change may bend them.
func newPlayed(t *testing.T, k keys, jump bool, change func(hosts map[string]*remotetest.Raw, cfg *remote.Config)) *played {
	t.Helper()
	p := &played{t: t, hosts: map[string]*remotetest.Raw{}, room: math.MaxInt, second: time.Second, dials: map[string]int{}}
	for _, name := range []string{"h1", "h2", "j"} {
		p.hosts[name] = &remotetest.Raw{HostKey: k.host, Run: play}
	}
	p.hosts["j"].Dial = p.dial
	cfg := remote.Config{User: "user", Credentials: remote.Credentials{PrivateKey: remote.Secret(k.user)}}
	pin := remotetest.AuthorizedKey(k.host.PublicKey())
	if jump {
		cfg.JumpHosts = []remote.Hop{{Address: "j", HostKey: pin}}
	}
	cfg.KnownHosts = []string{"h1,h2,j " + pin}
	if change != nil {
		change(p.hosts, &cfg)
	}
	client, err := remote.NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	client.SetDialer(func(_ context.Context, _, address string) (net.Conn, error) { return p.dial(address) })
	p.client = client
	return p
}

func (p *played) dial(address string) (net.Conn, error) {
	name, _, _ := strings.Cut(address, ":")
	host := p.hosts[name]
	if host == nil {
		return nil, errors.New("no such host: " + address)
	}
	ours, theirs := remotetest.MemoryPipe(p.room)
	p.mu.Lock()
	p.dials[name]++
	p.mu.Unlock()
	p.wg.Go(func() {
		if err := host.Serve(theirs); err != nil {
			p.t.Errorf("%s: %v", name, err)
		}
	})
	return ours, nil
}

// inRealTime makes it one outside of a bubble.
func (p *played) inRealTime() {
	p.second = time.Second / hurry
	p.client.Hurry(hurry)
}

func (p *played) target(name string) remote.Target { return remote.Target{Address: name} }

// dialled is how many connections there were to a host.
func (p *played) dialled(name string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dials[name]
}

// end closes the client, and waits for the hosts to have seen the end of all
// connections: none is left open.
func (p *played) end() {
	if err := p.client.Close(); err != nil {
		p.t.Error(err)
	}
	p.wg.Wait()
}

// How a call is ended.
type ender string

const (
	byLimit  ender = "limit"  // of its caller
	byCancel ender = "cancel" // a while after the host stopped
	byItself ender = "itself" // its own limits
)

// story is what is done with one host, each call within its limit.
type story struct {
	*played
	by   ender
	host string
	stop *stop // nil: it does not

	ctx    context.Context //nolint:containedctx // of all calls of the story
	failed error           // the first that did

	mu        sync.Mutex
	cancelled time.Time // zero: it is not
}

// tell tells the story, and gives the first error. between is called before each
// call.
func (s *story) tell(between func()) error {
	ctx, cancel := context.WithCancel(s.t.Context())
	s.ctx = ctx
	over := make(chan struct{})
	var wg sync.WaitGroup
	if s.by == byCancel {
		wg.Go(func() {
			select {
			case <-s.stop.stopped:
				time.Sleep(s.second)
			case <-over:
			}
			s.mu.Lock()
			s.cancelled = time.Now()
			s.mu.Unlock()
			cancel()
		})
	}
	var conn *remote.Conn
	s.call("dial", 30*s.second, func(ctx context.Context) (err error) {
		conn, err = s.client.Dial(ctx, remote.Target{Address: s.host, ConnectTimeout: 30 * s.second})
		return err
	})
	if conn != nil {
		for _, step := range []struct {
			name string
			own  time.Duration
			do   func(ctx context.Context) error
		}{
			{"lock", 120 * s.second, func(ctx context.Context) error { return conn.Lock(ctx, "us") }},
			{"upload", 600 * s.second, func(ctx context.Context) error {
				_, err := conn.Upload(ctx, []remote.File{randomFile("f", 200_000)}, nil)
				return err
			}},
			{"run", s.short(), s.script(conn, remote.Script{Name: "run"})},
			{"run with input", s.short(), s.script(conn, remote.Script{Name: "input", Text: playCat, Stdin: strings.NewReader("some input")})},
			{"run with long input", s.short(), s.script(conn, remote.Script{Name: "long", Text: playCat, Stdin: endless(100_000)})},
			{"run as root", s.short(), s.script(conn, remote.Script{Name: "root", Root: true})},
		} {
			between()
			s.call(step.name, step.own, step.do)
		}
		between()
		s.call("close", 20*s.second, func(context.Context) error { return conn.Close() })
	}
	close(over)
	wg.Wait()
	cancel()
	return s.failed
}

func (s *story) short() time.Duration { return time.Duration(float64(s.second) * short.Seconds()) }

func (s *story) script(conn *remote.Conn, script remote.Script) func(ctx context.Context) error {
	if s.by == byItself {
		script.Timeout = s.short()
	}
	return func(ctx context.Context) error {
		_, err := conn.Run(ctx, script)
		return err
	}
}

// call makes one call. own is its own limit, for when nobody gives one.
func (s *story) call(name string, own time.Duration, do func(ctx context.Context) error) {
	s.t.Helper()
	ctx := s.ctx
	if s.by == byLimit && name != "close" {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.short())
		defer cancel()
		own = min(own, s.short())
	}
	start := time.Now()
	err := do(ctx)
	limit := start.Add(own)
	s.mu.Lock()
	if !s.cancelled.IsZero() && name != "close" {
		limit = s.cancelled
		if limit.Before(start) {
			limit = start
		}
	}
	s.mu.Unlock()
	if late := time.Since(limit); late > slack {
		s.t.Errorf("by %s: %s ended %s too late, after %s: %v", s.by, name, late-slack, time.Since(start), err)
	}
	if s.failed == nil {
		s.failed = err
	}
}

// A stop stops a host at a packet: with it nothing more is sent, or nothing more
// of its channel.
type stop struct {
	at      int
	channel bool
	stopped chan struct{}
	from    int // channels before this one go on, and do not count

	mu   sync.Mutex
	seen []remotetest.Packet
	of   int // the channel
}

func newStop(at int, channel bool) *stop {
	return &stop{at: at, channel: channel, stopped: make(chan struct{})}
}

func (s *stop) send(p remotetest.Packet) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.from > 0 && p.Channel < s.from {
		return true
	}
	n := len(s.seen)
	s.seen = append(s.seen, p)
	if n == s.at {
		s.of = p.Channel
		close(s.stopped)
	}
	return n < s.at || s.channel && p.Channel != s.of
}

// A host that stops at whatever message, altogether or in one channel, holds up no
// call for longer than may be.
func TestEndsAtEachMessage(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	tell := func(t *testing.T, by ender, at int, channel bool) (seen []remotetest.Packet, err error) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			stop := newStop(at, channel)
			p := newPlayed(t, k, false, func(hosts map[string]*remotetest.Raw, cfg *remote.Config) {
				hosts["h1"].Send = stop.send
				if by == byItself && !channel {
					cfg.KeepaliveInterval = -1 // which would find it first
				}
			})
			err = (&story{played: p, by: by, host: "h1", stop: stop}).tell(func() {})
			p.end()
			seen = stop.seen
		})
		return seen, err
	}
	all, err := tell(t, byItself, math.MaxInt, false)
	if err != nil || len(all) < 50 {
		t.Fatalf("there were %d messages: %v", len(all), err)
	}
	for i, packet := range all {
		for _, channel := range []bool{false, true} {
			if channel && packet.Channel < 0 {
				continue
			}
			how := "altogether"
			if channel {
				how = "in its channel"
			}
			t.Run(fmt.Sprintf("%d, message %d, %s", i, packet.Type, how), func(t *testing.T) {
				t.Parallel()
				for _, by := range []ender{byLimit, byCancel, byItself} {
					_, _ = tell(t, by, i, channel) // some messages are not waited for
				}
			})
		}
	}
}

// Nor does one whose windows are too small for what it is to be sent, whatever
// that is; one with room for it takes it.
func TestEndsAtEachWindow(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	const packet, channels = 32 << 10, 7 // keeper, upload, its check, four scripts
	for name, window := range map[string]uint32{
		"0": 0, "1": 1, "a packet but one": packet - 1, "a packet": packet, "full": 2 << 20,
	} {
		for _, by := range []ender{byLimit, byCancel, byItself} {
			for _, withSFTP := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s, by %s, SFTP %t", name, by, withSFTP), func(t *testing.T) {
					t.Parallel()
					// Which of the channels it is: what comes later has its turn too.
					for only := range channels {
						synctest.Test(t, func(t *testing.T) {
							stop := newStop(math.MaxInt, false)
							time.AfterFunc(2*time.Second, sync.OnceFunc(func() { close(stop.stopped) }))
							p := newPlayed(t, k, false, func(hosts map[string]*remotetest.Raw, _ *remote.Config) {
								hosts["h1"].Windows = func(channel int) (opened, started uint32, stingy bool) {
									if channel == only {
										return window, 0, true
									}
									return 0, 2 << 20, false
								}
								hosts["h1"].Starts = func(kind, _ string) bool { return kind != "subsystem" || withSFTP }
							})
							err := (&story{played: p, by: by, host: "h1", stop: stop}).tell(func() {})
							if window > packet && err != nil && by != byCancel {
								t.Errorf("channel %d: %v", only, err)
							}
							p.end()
						})
					}
				})
			}
		}
	}
}

// A host behind a jump host that stops, or whose channel there does, holds up
// nobody else behind it: the connection to the jump host stays, and what was given
// up on it ends with it.
func TestEndsBehindJumpHost(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	tell := func(t *testing.T, by ender, at int, window uint32, stingy bool) (seen []remotetest.Packet, err error) {
		t.Helper()
		in := synctest.Test
		if stingy {
			in = func(t *testing.T, f func(*testing.T)) { f(t) }
		}
		in(t, func(t *testing.T) {
			stop := newStop(at, true)
			stop.from = 1
			p := newPlayed(t, k, true, func(hosts map[string]*remotetest.Raw, _ *remote.Config) {
				hosts["j"].Send = stop.send
				hosts["j"].Windows = func(channel int) (opened, started uint32, less bool) {
					if channel >= stop.from && stingy {
						return window, 0, true
					}
					return 2 << 20, 0, false
				}
			})
			if stingy {
				p.inRealTime()
				time.AfterFunc(2*p.second, sync.OnceFunc(func() { close(stop.stopped) }))
			}
			other, dialErr := p.client.Dial(t.Context(), p.target("h2"))
			if dialErr != nil {
				t.Fatal(dialErr)
			}
			err = (&story{played: p, by: by, host: "h1", stop: stop}).tell(func() {
				start := time.Now()
				if _, err := other.Run(t.Context(), remote.Script{Name: "other", Stdin: endless(100_000), Text: playCat}); err != nil {
					t.Errorf("the other host: %v", err)
				}
				if took := time.Since(start); took > slack {
					t.Errorf("the other host's script took %s", took)
				}
			})
			if err := other.Close(); err != nil {
				t.Errorf("the other host: %v", err)
			}
			if n := p.dialled("j"); n != 1 {
				t.Errorf("%d connections to the jump host", n)
			}
			p.end()
			seen = stop.seen
		})
		return seen, err
	}
	all, err := tell(t, byItself, math.MaxInt, 0, false)
	if err != nil || len(all) < 30 {
		t.Fatalf("there were %d messages of the channel: %v", len(all), err)
	}
	every := 7 // they are much alike
	if lab.Nightly {
		every = 1
	}
	for i, packet := range all {
		if i > 10 && i%every != 0 && packet.Type == remotetest.MsgChannelData {
			continue
		}
		t.Run(fmt.Sprintf("%d, message %d", i, packet.Type), func(t *testing.T) {
			t.Parallel()
			for _, by := range []ender{byLimit, byCancel, byItself} {
				_, _ = tell(t, by, i, 0, false) // some messages are not waited for
			}
		})
	}
	for _, window := range []uint32{0, 1, 1000, 4000, 32<<10 - 1, 32 << 10} {
		t.Run(fmt.Sprintf("window %d", window), func(t *testing.T) {
			t.Parallel()
			for _, by := range []ender{byLimit, byCancel, byItself} {
				if _, err := tell(t, by, math.MaxInt, window, true); err == nil {
					t.Error("all of it went through")
				}
			}
		})
	}
}

// What is given up on a connection to a jump host is bounded: then the next one
// gets another connection, and who has the old one keeps it.
func TestJumpConnectionWearsOut(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	synctest.Test(t, func(t *testing.T) {
		p := newPlayed(t, k, true, func(hosts map[string]*remotetest.Raw, _ *remote.Config) {
			hosts["j"].Send = func(p remotetest.Packet) bool { return p.Channel < 1 || p.Channel > remote.MostGivenUp }
		})
		other, err := p.client.Dial(t.Context(), p.target("h2"))
		if err != nil {
			t.Fatal(err)
		}
		for range remote.MostGivenUp {
			target := p.target("h1")
			target.ConnectTimeout = 10 * time.Millisecond
			if _, err := p.client.Dial(t.Context(), target); err == nil {
				t.Fatal("the channel was opened")
			}
		}
		if n := p.dialled("j"); n != 1 {
			t.Errorf("%d connections to the jump host before", n)
		}
		next, err := p.client.Dial(t.Context(), p.target("h2"))
		if err != nil {
			t.Fatal(err)
		}
		for _, conn := range []*remote.Conn{other, next} {
			if _, err := conn.Run(t.Context(), remote.Script{Name: "still there"}); err != nil {
				t.Error(err)
			}
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		}
		if n := p.dialled("j"); n != 2 {
			t.Errorf("%d connections to the jump host", n)
		}
		p.end()
	})
}

// A host that cannot start a process says so when it is asked, and goes on as soon
// as it can.
func TestEndsWhereNothingStarts(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	for _, c := range []struct {
		name string
		work func(ctx context.Context, conn *remote.Conn) error
	}{
		{"a script", func(ctx context.Context, conn *remote.Conn) error {
			_, err := conn.Run(ctx, remote.Script{Name: "s"})
			return err
		}},
		{"a script as root", func(ctx context.Context, conn *remote.Conn) error {
			_, err := conn.Run(ctx, remote.Script{Name: "s", Root: true, Stdin: endless(100_000)})
			return err
		}},
		{"a lock", func(ctx context.Context, conn *remote.Conn) error { return conn.Lock(ctx, "us") }},
		{"an upload", func(ctx context.Context, conn *remote.Conn) error {
			_, err := conn.Upload(ctx, []remote.File{randomFile("f", 1000)}, nil)
			return err
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var free atomic.Bool
				p := newPlayed(t, k, false, func(hosts map[string]*remotetest.Raw, _ *remote.Config) {
					hosts["h1"].Starts = func(string, string) bool { return free.Load() }
				})
				conn, err := p.client.Dial(t.Context(), p.target("h1"))
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				err = c.work(t.Context(), conn)
				var shell *remote.ShellError
				if !errors.As(err, &shell) || !strings.Contains(err.Error(), "starts no processes") || !strings.Contains(shell.Hint(), "TasksMax") {
					t.Errorf("have %v", err)
				}
				if took := time.Since(start); took > 7*time.Second {
					t.Errorf("it took %s", took)
				}
				free.Store(true)
				if err := c.work(t.Context(), conn); err != nil {
					t.Error(err)
				}
				if err := conn.Close(); err != nil {
					t.Error(err)
				}
				p.end()
			})
		})
	}
}

// Scripts that are ended: one that the host ends, one that does not read the input
// that it has, and one that the host says nothing of any more. Whoever comes next
// on the connection waits for their end, if not for long.
func TestEndsScripts(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	for _, c := range []struct {
		name   string
		script remote.Script
		input  int64
		lost   bool
	}{
		{"waiting", remote.Script{Name: "s", Text: playWait}, 0, false},
		{"waiting with input", remote.Script{Name: "s", Text: playWait}, 1, false},
		{"waiting as root", remote.Script{Name: "s", Text: playWait, Root: true}, 0, false},
		{"not ended", remote.Script{Name: "s", Text: playDeaf}, 0, true},
		{"not reading", remote.Script{Name: "s", Text: playDeaf}, 8 << 20, false},
	} {
		for _, by := range []ender{byLimit, byCancel, byItself} {
			t.Run(c.name+", by "+string(by), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					p := newPlayed(t, k, false, nil)
					conn, err := p.client.Dial(t.Context(), p.target("h1"))
					if err != nil {
						t.Fatal(err)
					}
					ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
					script := c.script
					if c.input > 0 {
						script.Stdin = endless(c.input)
					}
					switch by {
					case byLimit:
						ctx, cancel = context.WithTimeout(t.Context(), short)
					case byCancel:
						time.AfterFunc(short, cancel)
					case byItself:
						script.Timeout = short
					}
					defer cancel()
					start := time.Now()
					_, err = conn.Run(ctx, script)
					if took := time.Since(start); err == nil || took < short || took > short+slack {
						t.Errorf("it ended after %s: %v", took, err)
					}
					start = time.Now()
					_, err = conn.Run(t.Context(), remote.Script{Name: "next"})
					var lost *remote.LostError
					if took := time.Since(start); took > 11*time.Second || errors.As(err, &lost) != c.lost || err != nil != c.lost {
						t.Errorf("the next one ended after %s: %v", took, err)
					}
					if err := conn.Close(); err != nil {
						t.Error(err)
					}
					p.end()
				})
			})
		}
	}
}

// A subsystem that never says hello, and that its server does not end, is no SFTP.
func TestEndsWithoutHello(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	synctest.Test(t, func(t *testing.T) {
		p := newPlayed(t, k, false, func(hosts map[string]*remotetest.Raw, _ *remote.Config) {
			hosts["h1"].Run = func(ch *remotetest.RawChannel, kind, command string) int {
				if kind == "subsystem" {
					<-ch.Gone()
					return -1
				}
				return play(ch, kind, command)
			}
		})
		conn, err := p.client.Dial(t.Context(), p.target("h1"))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := conn.Upload(t.Context(), []remote.File{randomFile("f", 100_000)}, nil); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > 35*time.Second {
			t.Errorf("it took %s", took)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		p.end()
	})
}

// Who waits for another one's turn, of whatever kind, does not wait for its end.
func TestEndsOfWaiting(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	synctest.Test(t, func(t *testing.T) {
		p := newPlayed(t, k, true, func(hosts map[string]*remotetest.Raw, _ *remote.Config) {
			hosts["h1"].Starts = func(kind, command string) bool { return command == "exit 77" } // it says that it can
			hosts["j"].Send = func(packet remotetest.Packet) bool {
				return packet.Type != remotetest.MsgAuthSuccess || packet.Channel < -1
			}
		})
		// Of a connection to a jump host that another one is making.
		first, second := p.target("h1"), p.target("h1")
		first.ConnectTimeout, second.ConnectTimeout = time.Minute, time.Second
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = p.client.Dial(t.Context(), first) }) // it fails
		time.Sleep(time.Millisecond)
		start := time.Now()
		if _, err := p.client.Dial(t.Context(), second); err == nil {
			t.Error("a connection came about")
		}
		if took := time.Since(start); took > time.Second+slack {
			t.Errorf("waiting for a jump host took %s", took)
		}
		// The end of the client ends what is under way.
		start = time.Now()
		if err := p.client.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
		p.end()
		if took := time.Since(start); took > slack {
			t.Errorf("the end of the client took %s", took)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p := newPlayed(t, k, false, func(hosts map[string]*remotetest.Raw, _ *remote.Config) {
			hosts["h1"].Starts = func(_, command string) bool { return command == "exit 77" }
		})
		conn, err := p.client.Dial(t.Context(), p.target("h1"))
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 2 {
			for name, work := range map[string]func(ctx context.Context) error{
				"lock": func(ctx context.Context) error { return conn.Lock(ctx, "us") },
				"upload": func(ctx context.Context) error {
					_, err := conn.Upload(ctx, []remote.File{randomFile("f", 1000)}, nil)
					return err
				},
			} {
				wg.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), short)
					defer cancel()
					start := time.Now()
					if err := work(ctx); err == nil {
						t.Errorf("%s: it had a keeper", name)
					}
					if took := time.Since(start); took > short+slack {
						t.Errorf("%s took %s", name, took)
					}
				})
			}
		}
		wg.Wait()
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		p.end()
	})
}

// More requests of a host than the library keeps do not stop its connection while
// one of its channels takes nothing.
func TestEndsWithRequests(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	synctest.Test(t, func(t *testing.T) {
		p := newPlayed(t, k, false, func(hosts map[string]*remotetest.Raw, _ *remote.Config) {
			hosts["h1"].Windows = func(channel int) (opened, started uint32, stingy bool) {
				if channel == 0 {
					return 0, 0, true
				}
				return 0, 2 << 20, false
			}
			hosts["h1"].Run = func(ch *remotetest.RawChannel, kind, command string) int {
				if ch.N == 0 {
					for range 100 {
						ch.Request("anything")
					}
				}
				return play(ch, kind, command)
			}
		})
		conn, err := p.client.Dial(t.Context(), p.target("h1"))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), short)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = conn.Run(ctx, remote.Script{Name: "stuck"}) }) // until its time is over
		time.Sleep(time.Second)
		start := time.Now()
		if _, err := conn.Run(t.Context(), remote.Script{Name: "another"}); err != nil || time.Since(start) > time.Second {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
		wg.Wait()
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		p.end()
	})
}

// Nor does a host that reads nothing any more from the network, from whatever
// message on.
func TestEndsOfDeafHost(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	for i := 1; i <= 40; i++ {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			for _, jump := range []bool{false, true} {
				by := []ender{byLimit, byCancel, byItself}[i%3]
				stop := newStop(math.MaxInt, false)
				var read atomic.Int64
				p := newPlayed(t, k, jump, func(hosts map[string]*remotetest.Raw, _ *remote.Config) {
					hosts["h1"].Deaf = func() bool {
						n := read.Add(1)
						if n == int64(i) {
							close(stop.stopped)
						}
						return n >= int64(i)
					}
				})
				p.room = 2 << 10
				p.inRealTime()
				if err := (&story{played: p, by: by, host: "h1", stop: stop}).tell(func() {}); err == nil && i < 20 {
					t.Error("all of it went through")
				}
				p.end()
			}
		})
	}
}

// A proxy that does not answer is given up as a host is.
func TestEndsAtProxy(t *testing.T) {
	t.Parallel()
	silent := proxyServer(t, func(c net.Conn) {
		_, _ = io.Copy(io.Discard, c) // until it is closed
		_ = c.Close()
	})
	for _, scheme := range []string{"http", "socks5"} {
		client := newClient(t, remote.Config{User: "user", ProxyURL: scheme + "://" + silent})
		why := errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(300*time.Millisecond, func() { cancel(why) })
		if _, err := client.Dial(ctx, remote.Target{Address: "10.0.0.1", ConnectTimeout: time.Hour}); !errors.Is(err, why) {
			t.Errorf("%s: have %v", scheme, err)
		}
		client.SetStepLimits(300*time.Millisecond, time.Minute, time.Minute)
		err := dial(t, client, remote.Target{Address: "10.0.0.1", ConnectTimeout: time.Second})
		_ = wantConnectError(t, err, remote.StepTCP, "no answer within 300ms")
	}
}
