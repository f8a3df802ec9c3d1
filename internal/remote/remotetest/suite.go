// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remotetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// Subject is a host, and a way to it, that the suite is to be run against.
type Subject struct {
	Client *remote.Client
	Target remote.Target
	// Root tells that scripts may run as root there; the suite then runs as
	// root and as the user, else as the user alone.
	Root bool
	// RootAlone leaves the user out: where another subject differs from this
	// one in how root is become alone, that has been tried there.
	RootAlone bool
	// SmallDisk tells that there is no room for large files.
	SmallDisk bool
}

// Dial connects to the subject; the connection ends with the test.
func (s Subject) Dial(t testing.TB) *remote.Conn {
	t.Helper()
	conn, err := s.Client.Dial(t.Context(), s.Target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// Conformance holds a host, reached in whatever way, to what package remote
// promises of every host.
func Conformance(t *testing.T, s Subject) {
	users := map[string]bool{}
	if !s.RootAlone {
		users["user"] = false
	}
	if s.Root {
		users["root"] = true
	}
	for name, root := range users {
		t.Run(name, func(t *testing.T) {
			conn := s.Dial(t)
			r := runner{s, conn, root}
			t.Run("exact", r.exact)
			t.Run("code", r.code)
			t.Run("args", r.args)
			t.Run("shell", r.shell)
			t.Run("stdin", r.stdin)
			t.Run("live", r.live)
			t.Run("answers", r.answers)
			t.Run("bounds", r.bounds)
			t.Run("cancel", r.cancel)
			t.Run("timeout", r.timeout)
			t.Run("leftBehind", r.leftBehind)
			t.Run("atOnce", r.atOnce)
			t.Run("hidden", r.hidden)
		})
	}
	t.Run("upload", func(t *testing.T) { upload(t, s) })
}

type runner struct {
	Subject
	conn *remote.Conn
	root bool
}

func (r runner) run(t *testing.T, s remote.Script) (*remote.Result, error) {
	t.Helper()
	s.Root = r.root
	if s.Name == "" {
		s.Name = t.Name()
	}
	if s.Timeout == 0 {
		s.Timeout = time.Minute // whatever goes wrong, a test ends
	}
	return r.conn.Run(t.Context(), s)
}

func (r runner) must(t *testing.T, s remote.Script) string {
	t.Helper()
	res, err := r.run(t, s)
	if err != nil {
		t.Fatalf("%v\nstdout: %q\nstderr: %q", err, res.Stdout, res.Stderr)
	}
	return string(res.Stdout)
}

// exact: every byte comes back, on its own stream, and nothing else.
func (r runner) exact(t *testing.T) {
	var all strings.Builder
	for b := range 256 {
		fmt.Fprintf(&all, `\%03o`, b)
	}
	every := make([]byte, 256)
	for b := range every {
		every[b] = byte(b)
	}
	big := strings.Repeat("0123456789abcde\n", 20_000)
	var outs, errs strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&outs, "out %d\n", i)
		fmt.Fprintf(&errs, "err %d\n", i)
	}
	for name, c := range map[string]struct{ text, out, err string }{
		"nothing":  {":", "", ""},
		"lines":    {"echo out; echo err >&2", "out\n", "err\n"},
		"no end":   {"printf out; printf err >&2", "out", "err"},
		"blank":    {"echo; echo; printf '\\n\\n ' >&2", "\n\n", "\n\n "},
		"bytes":    {"printf '" + all.String() + "'; printf '" + all.String() + "' >&2", string(every), string(every)},
		"carriage": {`printf 'a\r\nb\rc\n'`, "a\r\nb\rc\n", ""},
		"frames":   {`printf '%%O:QQ==.\n%%X:0.\n'; printf 'E.\n' >&2`, "%O:QQ==.\n%X:0.\n", "E.\n"},
		"big":      {"i=0; while [ $i -lt 20000 ]; do echo 0123456789abcde; i=$((i+1)); done", big, ""},
		"at once": {
			"i=0; while [ $i -lt 3000 ]; do echo out $i; i=$((i+1)); done & i=0; while [ $i -lt 3000 ]; do echo err $i >&2; i=$((i+1)); done; wait",
			outs.String(), errs.String(),
		},
		"alternate": {"for i in 1 2 3; do echo o$i; echo e$i >&2; done", "o1\no2\no3\n", "e1\ne2\ne3\n"},
	} {
		t.Run(name, func(t *testing.T) {
			res, err := r.run(t, remote.Script{Text: c.text})
			if err != nil {
				t.Fatal(err)
			}
			if string(res.Stdout) != c.out {
				t.Errorf("stdout: %s", difference(string(res.Stdout), c.out))
			}
			if string(res.Stderr) != c.err {
				t.Errorf("stderr: %s", difference(string(res.Stderr), c.err))
			}
		})
	}
}

func difference(have, want string) string {
	if len(have)+len(want) < 2000 {
		return fmt.Sprintf("have %q, want %q", have, want)
	}
	i := 0
	for i < len(have) && i < len(want) && have[i] == want[i] {
		i++
	}
	return fmt.Sprintf("have %d bytes, want %d; first difference at %d", len(have), len(want), i)
}

// code: exit codes and signals come back with what was written until then.
func (r runner) code(t *testing.T) {
	for _, c := range []struct {
		text   string
		code   int
		signal string
	}{
		{"exit 0", 0, ""}, {"exit 1", 1, ""}, {"exit 17", 17, ""}, {"exit 97", 97, ""}, {"exit 255", 255, ""},
		{"false", 1, ""}, {"set -e; false; exit 3", 1, ""}, {"f() { exit 9; }; f; exit 3", 9, ""},
		{"sh -c 'kill -KILL $$'", 137, "KILL"}, {"(exit 5)", 5, ""}, {"if then", 2, ""},
		{"/no/such/program", 127, ""}, {"exec sh -c 'exit 6'", 6, ""}, {"trap 'exit 8' EXIT; exit 7", 8, ""},
	} {
		t.Run(c.text, func(t *testing.T) {
			res, err := r.run(t, remote.Script{Text: "echo before\n" + c.text})
			if c.code == 0 && err != nil || res.ExitCode != c.code && c.text != "if then" {
				t.Errorf("have code %d (%v), want %d", res.ExitCode, err, c.code)
			}
			if string(res.Stdout) != "before\n" && c.text != "if then" {
				t.Errorf("stdout is %q", res.Stdout)
			}
			var exit *remote.ExitError
			if c.code != 0 && (!errors.As(err, &exit) || exit.Code != res.ExitCode || exit.Signal != c.signal || exit.Hint() == "") {
				t.Errorf("have %#v", err)
			}
		})
	}
}

// args: positional parameters arrive as they are.
func (r runner) args(t *testing.T) {
	args := []string{
		"", "plain", "two words", "it's", `"quoted"`, `back\slash`, "$HOME", "`id`", "$(id)", "!!", "*", "a\nb", "tab\there",
		"-n", "--", "ünïcödé", "#no", ";", "&", "\r", "\x01\x7f", strings.Repeat("x", 5000), "'", "''", `\'`,
	}
	want := fmt.Sprintf("%d\x00%s\x00", len(args), strings.Join(args, "\x00"))
	if have := r.must(t, remote.Script{Text: `printf '%d\0' $#; for a; do printf '%s\0' "$a"; done`, Args: args}); have != want {
		t.Error(difference(have, want))
	}
}

// shell: scripts find the same surroundings everywhere.
func (r runner) shell(t *testing.T) {
	long := "x='" + strings.Repeat("0123456789", 10_000) + "'\necho ${#x}\n"
	many := strings.Repeat(": a line of a longer script, so that it has a few hundred of them\n", 400) + "echo end\n"
	for name, c := range map[string]struct{ text, out string }{
		"posix":     {"n=3; case $n in 3) echo yes;; esac\nfor i in a b; do\n  echo $i\ndone", "yes\na\nb\n"},
		"here":      {"cat <<END\n  a $((1+2))\nEND\ncat <<'END'\n$x\nEND", "  a 3\n$x\n"},
		"function":  {"f()\n{\n  echo \"$1\"\n}\nf one", "one\n"},
		"comment":   {"echo a # not this\n# nor that", "a\n"},
		"no stdin":  {"cat; if read x; then echo read; else echo none; fi", "none\n"},
		"locale":    {"echo $LC_ALL", "C\n"},
		"path":      {"for d in /usr/sbin /sbin; do case :$PATH: in *:$d:*) echo yes;; esac; done", "yes\nyes\n"},
		"clean":     {"set | grep -c '^[a-z]=' ; true", "0\n"},
		"long line": {long, "100000\n"},
		"long":      {many, "end\n"},
		"csh hates": {"echo 'a!b' \\\n  \"c\"", "a!b c\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if have := r.must(t, remote.Script{Text: c.text}); have != c.out {
				t.Error(difference(have, c.out))
			}
		})
	}
	id := strings.TrimSpace(r.must(t, remote.Script{Text: "id -u; echo $HOME"}))
	if r.root && id != "0\n/root" {
		t.Errorf("root's id and home are %q", id)
	}
}

// stdin: a payload reaches the script whole, and the script need not read it.
func (r runner) stdin(t *testing.T) {
	payload := make([]byte, 300_000)
	seeded := rand.New(rand.NewPCG(1, 2))
	for i := range payload {
		payload[i] = byte(seeded.Uint32())
	}
	copy(payload, "k\n0\n\nk\n")
	sum := sha256.Sum256(payload)
	for name, c := range map[string]struct {
		text, out string
		stdin     []byte
	}{
		"all":     {"sha256sum", hex.EncodeToString(sum[:]) + "  -\n", payload},
		"empty":   {"cat; echo end", "end\n", nil},
		"unread":  {"echo done", "done\n", payload},
		"a part":  {"head -c 5 | wc -c", "5\n", payload},
		"lines":   {"read a; read b; echo \"$b $a\"; cat", "two one\nthree\n", []byte("one\ntwo\nthree\n")},
		"exiting": {"exit 0", "", payload},
	} {
		t.Run(name, func(t *testing.T) {
			if have := r.must(t, remote.Script{Text: c.text, Stdin: bytes.NewReader(c.stdin)}); have != c.out {
				t.Error(difference(have, c.out))
			}
		})
	}
	// What is short goes out with the script, what is longer behind it, in
	// blocks; of a reader it is not known how much there is.
	for _, size := range []int{1, 9_000, 19_000, 21_000, 32 << 10, 32<<10 + 1, 64 << 10} {
		sum := sha256.Sum256(payload[:size])
		want := hex.EncodeToString(sum[:]) + "  -\n"
		for name, stdin := range map[string]io.Reader{"memory": bytes.NewReader(payload[:size]),
			"reader": io.MultiReader(bytes.NewReader(payload[:size]))} {
			t.Run(fmt.Sprintf("%d bytes of a %s", size, name), func(t *testing.T) {
				if have := r.must(t, remote.Script{Text: "sha256sum", Stdin: stdin}); have != want {
					t.Error(difference(have, want))
				}
			})
		}
	}
	t.Run("failing", func(t *testing.T) {
		for _, broken := range []error{errors.New("disk on fire"), io.ErrUnexpectedEOF} {
			_, err := r.run(t, remote.Script{Text: "cat >/dev/null; sleep 60", Stdin: io.MultiReader(strings.NewReader("some"), errReader{broken})})
			if !errors.Is(err, broken) {
				t.Errorf("%v: have %v", broken, err)
			}
		}
	})
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// live: output is there while the script runs.
func (r runner) live(t *testing.T) {
	pr, pw := io.Pipe()
	seen := make(chan string, 1)
	go func() {
		b := make([]byte, 6)
		_, _ = io.ReadFull(pr, b)
		seen <- string(b)
		_, _ = io.Copy(io.Discard, pr)
	}()
	// It ends only when it is told that its output was seen.
	told, tell := io.Pipe()
	go func() {
		select {
		case s := <-seen:
			_, _ = io.WriteString(tell, s)
		case <-time.After(30 * time.Second):
		}
		_ = tell.Close()
	}()
	have := r.must(t, remote.Script{Text: "echo first; read x; echo \"got $x\"", Stdout: pw, Stdin: told})
	_ = pw.Close()
	if have != "first\ngot first\n" {
		t.Errorf("have %q", have)
	}
}

// answers: a script asks on its output and is answered on its input, several
// times, before there is the rest of the input.
func (r runner) answers(t *testing.T) {
	answers, answer := io.Pipe()
	asked := make(chan string, 10)
	go func() {
		for question := range asked {
			_, _ = io.WriteString(answer, "to "+question) // the pipe's other end may be gone
		}
		_, _ = io.WriteString(answer, "the\nrest\n")
		_ = answer.Close()
	}()
	out := writerFunc(func(p []byte) (int, error) {
		for line := range strings.Lines(string(p)) { // a line each, as a shell writes them
			if strings.HasPrefix(line, "question") {
				asked <- line
			}
			if line == "enough\n" {
				close(asked)
			}
		}
		return len(p), nil
	})
	have := r.must(t, remote.Script{Text: "for n in 1 2 3; do echo question $n; read x; echo \"have $x\"; done; echo enough; cat",
		Stdout: out, Stdin: answers})
	want := "question 1\nhave to question 1\nquestion 2\nhave to question 2\nquestion 3\nhave to question 3\nenough\nthe\nrest\n"
	if have != want {
		t.Error(difference(have, want))
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// bounds: of much output the beginning and the end are kept.
func (r runner) bounds(t *testing.T) {
	res, err := r.run(t, remote.Script{Text: "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; echo e >&2", MaxOutput: 1000})
	if err != nil {
		t.Fatal(err)
	}
	out := string(res.Stdout)
	if !res.Truncated || len(out) != 1000 || !strings.HasPrefix(out, "line 0\nline 1\n") || !strings.HasSuffix(out, "line 2998\nline 2999\n") {
		t.Errorf("have %v %q", res.Truncated, out)
	}
}

// running counts how often a word is in command lines on the host.
func (r runner) running(t *testing.T, word string) string {
	t.Helper()
	// The word is put together there, and all is read before the search is
	// started, so as not to find the search itself.
	return r.must(t, remote.Script{Args: []string{word[:4], word[4:]}, Text: `all=$(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0\n' '  ')
printf %s "$all" | grep -o "$1$2" | wc -l`})
}

// cancel: the end of the context ends all processes of the script.
func (r runner) cancel(t *testing.T) {
	word := fmt.Sprintf("%d", 1_000_000_000+rand.IntN(1_000_000_000))
	pr, pw := io.Pipe()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("changed my mind")
	go func() {
		_, _ = io.ReadFull(pr, make([]byte, 3))
		cancel(why)
		_, _ = io.Copy(io.Discard, pr)
	}()
	start := time.Now()
	res, err := r.conn.Run(ctx, remote.Script{
		Name: "cancelled", Root: r.root, Stdout: pw,
		Text: "sleep " + word + " & sh -c 'trap \"\" TERM HUP; sleep " + word + "' & echo up; sleep " + word + "; echo never",
	})
	_ = pw.Close()
	if !errors.Is(err, why) || !strings.Contains(err.Error(), "cancelled") {
		t.Errorf("have %v", err)
	}
	if string(res.Stdout) != "up\n" || res.ExitCode != -1 {
		t.Errorf("have %q, %d", res.Stdout, res.ExitCode)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
	r.gone(t, word)
}

// gone waits until no process has the word.
func (r runner) gone(t *testing.T, word string) {
	t.Helper()
	r.await(t, word, "0")
}

// await waits until so many processes are there.
func (r runner) await(t *testing.T, word, want string) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for {
		n := strings.TrimSpace(r.running(t, word))
		if n == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s processes of the script are there, not %s", n, want)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-t.Context().Done():
		}
	}
}

// timeout: Script.Timeout does the same, and says so.
func (r runner) timeout(t *testing.T) {
	word := fmt.Sprintf("%d", 1_000_000_000+rand.IntN(1_000_000_000))
	start := time.Now()
	_, err := r.run(t, remote.Script{Text: "echo why >&2; sleep " + word, Timeout: 1500 * time.Millisecond})
	var late *remote.TimeoutError
	if !errors.As(err, &late) || !errors.Is(err, context.DeadlineExceeded) || late.After != 1500*time.Millisecond || late.Hint() == "" {
		t.Errorf("have %v", err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
	r.gone(t, word)
}

// leftBehind: a process that the script leaves does not hold the result up,
// and lives on.
func (r runner) leftBehind(t *testing.T) {
	word := fmt.Sprintf("%d", 1_000_000_000+rand.IntN(1_000_000_000))
	start := time.Now()
	if have := r.must(t, remote.Script{Text: "sleep " + word + " & echo started"}); have != "started\n" {
		t.Errorf("have %q", have)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
	if !r.root { // on a terminal it goes with the terminal
		r.await(t, word, "1")
	}
	r.must(t, remote.Script{Args: []string{word[:4], word[4:]}, Text: `
for p in $(grep -lzx "$1$2" /proc/[0-9]*/cmdline 2>/dev/null); do
  p=${p#/proc/}; kill "${p%/cmdline}" 2>/dev/null
done; true`})
	r.gone(t, word)
}

// atOnce: scripts share a connection.
func (r runner) atOnce(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			res, err := r.conn.Run(t.Context(), remote.Script{Name: fmt.Sprint(i), Root: r.root, Text: "echo $1; echo $1 >&2; exit $1",
				Args: []string{fmt.Sprint(i)}})
			var exit *remote.ExitError
			if i > 0 && !errors.As(err, &exit) || i == 0 && err != nil {
				t.Errorf("%d: %v", i, err)
			}
			if want := fmt.Sprintln(i); string(res.Stdout) != want || string(res.Stderr) != want || res.ExitCode != i {
				t.Errorf("%d: have %q %q %d", i, res.Stdout, res.Stderr, res.ExitCode)
			}
		})
	}
	wg.Wait()
}

// hidden: nothing of a script is in a command line or an environment. The word
// is this run's own: the search of another user of the host has its word in a
// command line.
func (r runner) hidden(t *testing.T) {
	word := fmt.Sprintf("tale-%d", 1_000_000_000+rand.IntN(1_000_000_000))
	text := "# " + word + "\ngrep -l -e \"$1$2\" /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null; true"
	if have := r.must(t, remote.Script{Text: text, Args: []string{word[:7], word[7:]}}); have != "" {
		t.Errorf("seen in %q", have)
	}
}

func file(name string, mode fs.FileMode, content []byte) remote.File {
	sum := sha256.Sum256(content)
	return remote.File{
		Name: name, Mode: mode, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:]),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
	}
}

// upload: files arrive whole, with their modes, in a directory that goes with
// the connection.
func upload(t *testing.T, s Subject) {
	conn, err := s.Client.Dial(t.Context(), s.Target)
	if err != nil {
		t.Fatal(err)
	}
	closed := false
	defer func() {
		if !closed {
			_ = conn.Close()
		}
	}()
	big := make([]byte, 3<<20+17)
	if s.SmallDisk {
		big = big[:500_017]
	}
	seeded := rand.New(rand.NewPCG(3, 4))
	for i := range big {
		big[i] = byte(seeded.Uint32())
	}
	files := []remote.File{file("big", 0o600, big), file("a/b/it's nested", 0o755, []byte("x\n")), file("empty", 0, nil)}
	for i := range 20 {
		files = append(files, file(fmt.Sprintf("many/%d", i), 0o644, fmt.Appendf(nil, "file %d\n", i)))
	}
	var total, last, calls int64
	for _, f := range files {
		total += f.Size
	}
	progress := func(n int64) { last = n; calls++ }
	dir, err := conn.Upload(t.Context(), files, progress)
	if err != nil {
		t.Fatal(err)
	}
	if last != total || calls < 2 {
		t.Errorf("progress ended at %d of %d after %d calls", last, total, calls)
	}
	look := remote.Script{Name: "look", Args: []string{dir},
		Text: `cd "$1" || exit; sha256sum big; ls -ld big "a/b/it's nested" empty . | cut -c1-10; cat many/19; find .part -type f`}
	res, err := conn.Run(t.Context(), look)
	if err != nil {
		t.Fatal(err)
	}
	if want := files[0].SHA256 + "  big\ndrwx------\n-rwxr-xr-x\n-rw-------\n-rw-r--r--\nfile 19\n"; string(res.Stdout) != want {
		t.Errorf("have %s", difference(string(res.Stdout), want))
	}
	// Once more: nothing travels. One is altered: it does.
	sentBefore, _ := conn.Traffic()
	again, err := conn.Upload(t.Context(), files, progress)
	if err != nil || again != dir {
		t.Fatal(again, err)
	}
	sentAfter, _ := conn.Traffic()
	if last != total || sentAfter-sentBefore > 100_000 {
		t.Errorf("sent %d bytes, progress %d", sentAfter-sentBefore, last)
	}
	if _, err := conn.Run(t.Context(),
		remote.Script{Name: "break", Args: []string{dir}, Text: `cd "$1" && head -c 100000 big >.part/big && chmod 600 big && echo x >>big && ` +
			`printf WRONG >.part/many/3 && echo y >many/3`}); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Upload(t.Context(), files, progress); err != nil {
		t.Fatal(err)
	}
	if res, err := conn.Run(t.Context(), look); err != nil || !strings.HasPrefix(string(res.Stdout), files[0].SHA256) || last != total {
		t.Errorf("have %v %q", err, res.Stdout)
	}
	t.Run("wrong sum", func(t *testing.T) {
		bad := file("bad", 0, []byte("content"))
		bad.SHA256 = strings.Repeat("0", 64)
		_, err := conn.Upload(t.Context(), []remote.File{bad}, nil)
		var failed *remote.TransferError
		if !errors.As(err, &failed) || failed.File != "bad" || failed.Hint() == "" {
			t.Errorf("have %v", err)
		}
	})
	t.Run("short source", func(t *testing.T) {
		short := file("short", 0, []byte("content"))
		short.Size++
		if _, err := conn.Upload(t.Context(), []remote.File{short}, nil); err == nil || !strings.Contains(err.Error(), "7 bytes here, not 8") {
			t.Errorf("have %v", err)
		}
	})
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	closed = true
	res, err = s.Dial(t).Run(t.Context(), remote.Script{Name: "trace", Args: []string{dir}, Text: `ls -d "$1"; true`})
	if err != nil || len(res.Stdout) > 0 {
		t.Errorf("left behind: %q %v", res.Stdout, err)
	}
}
