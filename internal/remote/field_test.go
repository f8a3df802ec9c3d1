// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/remotetest"
)

// A cell is one combination of what is found in the field: a server, a login shell, a
// sh, a userland, a way to become root. testdata/field/setup.sh makes them on a host.
type cell struct {
	kind, name string
	user       string // root unless it says so
	port       int    // 22 unless it says so
	sudo       remote.Sudo
	root       bool   // scripts run as root, by sudo where the user is another one
	refused    string // what the error says, a pattern; "": all works
	usual      bool   // make test has it; the others are every night's
}

// fieldPackages are what the cells are made of.
var fieldPackages = []string{"busybox", "dash", "doas", "dropbear-bin", "fish", "ksh93u+m", "mksh", "posh", "python3-asyncssh",
	"python3-paramiko", "rust-coreutils", "tcsh", "tinysshd", "toybox", "yash", "zsh"}

// fieldCells are all that there are.
func fieldCells() (cells []cell) {
	add := func(kind, name string, c cell) {
		c.kind, c.name = kind, name
		cells = append(cells, c)
	}
	for i, name := range []string{"dropbear", "tinyssh", "asyncssh", "paramiko", "gliderlabs", "wish"} {
		add("server", name, cell{port: 2201 + i, root: true, usual: i < 3})
	}
	add("server", "dropbear, sudo", cell{port: 2201, user: "alice", root: true})
	add("server", "dropbear, no setsid", cell{port: 2201, user: "w-setsid", root: true, usual: true})
	add("server", "read-only SFTP", cell{port: 2214, usual: true})
	for _, sh := range []string{"bash", "dash", "fish", "tcsh", "zsh", "ksh93", "mksh", "yash", "posh", "ash", "recorder"} {
		add("login shell", sh, cell{user: "l-" + sh, root: true, usual: sh == "recorder"})
		add("login shell", sh+", no root", cell{user: "l-" + sh})
	}
	for _, sh := range []string{"bash", "dash", "ksh93", "mksh", "yash", "posh", "zsh", "ash"} {
		add("sh", sh, cell{user: "s-" + sh, root: true, usual: sh == "mksh"})
		add("sh", sh+", no root", cell{user: "s-" + sh})
	}
	for _, tools := range []string{"busybox", "toybox", "uutils"} {
		add("userland", tools, cell{user: "u-" + tools, root: true})
		add("userland", tools+", no root", cell{user: "u-" + tools})
	}
	for _, without := range []string{"dd", "timeout", "setsid"} {
		add("userland", "no "+without, cell{user: "w-" + without, root: true, usual: without == "dd"})
	}
	add("userland", "no flock", cell{user: "w-flock", root: true, refused: "flock cannot be used: the host has none"})
	add("userland", "flock that fails", cell{user: "u-badflock", root: true, usual: true,
		refused: "flock cannot be used: flock: 7: No locks available"})
	add("privilege", "root", cell{root: true})
	add("privilege", "sudo", cell{user: "alice", root: true})
	add("privilege", "password", cell{user: "p-password", root: true, sudo: remote.Sudo{Password: "p-password-secret"}})
	add("privilege", "terminal", cell{user: "p-tty", root: true})
	add("privilege", "use_pty", cell{user: "p-pty", root: true})
	add("privilege", "doas", cell{user: "p-doas", root: true, sudo: remote.Sudo{Command: "doas"}})
	add("privilege", "rootpw", cell{user: "p-rootpw", root: true, sudo: remote.Sudo{Password: "root-secret"}})
	add("privilege", "root's password is wrong", cell{user: "p-rootpw", root: true, sudo: remote.Sudo{Password: "p-rootpw-secret"},
		refused: "root's password", usual: true})
	add("privilege", "noexec", cell{user: "p-noexec", root: true, refused: "noexec", usual: true})
	add("privilege", "none", cell{user: "p-none", root: true, refused: "needs a password"})
	for name, said := range map[string]string{
		"expired":   "login shell.*(?i)password has expired",
		"nologin":   "login shell.*currently not available",
		"false":     "login shell",
		"rbash":     "login shell.*restricted",
		"git":       "login shell.*unrecognized command",
		"exit":      "login shell.*This machine is for batch jobs",
		"force":     "login shell.*Backups only",
		"forcewait": "login shell",
		"sftp":      "login shell",
		"chroot":    "login shell",
		"menu":      "login shell.*no such choice",
		"ended":     "account has expired",
		"missing":   "refused to log in",
		"factor":    "second factor.*keyboard-interactive",
	} {
		// The others wait until a time limit.
		usual := !slices.Contains([]string{"forcewait", "ended", "missing"}, name)
		add("account", name, cell{user: "r-" + name, root: true, refused: said, usual: usual})
	}
	add("address", "http", cell{port: 2211, refused: "no SSH server.*(?i)html", usual: true})
	add("address", "smtp", cell{port: 2212, refused: "no SSH server.*220 mail ESMTP", usual: true})
	add("address", "old algorithms", cell{port: 2213, refused: "diffie-hellman-group1-sha1", usual: true})
	slices.SortStableFunc(cells, func(a, b cell) int { return strings.Compare(a.kind+a.name, b.kind+b.name) })
	return cells
}

// cellLimit is what a cell has in all. One that takes longer hangs.
const cellLimit = 90 * time.Second

// TestField tries what is found in the field, each cell once: scripts with input, output
// and an exit code, an end that concerns nobody else, an upload, a lock, and a
// connection that is idle. What must be refused is refused at once and with its reason.
func TestField(t *testing.T) {
	t.Parallel()
	h := fieldHost(t)
	var mu sync.Mutex
	counts := map[string]map[string]int{}
	t.Run("cells", func(t *testing.T) {
		for _, c := range fieldCells() {
			if !c.usual && !lab.Nightly {
				continue
			}
			t.Run(c.kind+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				verdict := c.try(t, h)
				mu.Lock()
				defer mu.Unlock()
				if counts[c.kind] == nil {
					counts[c.kind] = map[string]int{}
				}
				counts[c.kind][verdict]++
			})
		}
	})
	for kind, n := range counts {
		lab.Tell(t, "field: %s: %d passed, %d refused as they must be, %d differ", kind, n["passed"], n["refused"], n["differs"])
	}
}

// fieldHost makes the host that has them all.
func fieldHost(t *testing.T) *lab.Host {
	t.Helper()
	options := []lab.Option{lab.WithPackages(fieldPackages...)}
	for _, name := range []string{"asyncssh_server.py", "paramiko_server.py", "setup.sh"} {
		text, err := os.ReadFile(filepath.Join("testdata", "field", name))
		if err != nil {
			t.Fatal(err)
		}
		options = append(options, lab.WithFile("/opt/"+name, string(text), 0o755))
	}
	h := lab.Require(t).Host(t, "field", options...)
	if lab.Nightly {
		binary := filepath.Join(t.TempDir(), "sshservers")
		build := exec.CommandContext(t.Context(), "go", "build", "-C", "../../tools/sshservers", "-trimpath", "-o", binary, ".")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		program, err := os.ReadFile(binary)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.WriteFile("/opt/sshservers", program, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	shell(t, h, "/opt/setup.sh >&2")
	last := 2204
	if lab.Nightly {
		last = 2206
	}
	eventually(t, h, time.Minute,
		fmt.Sprintf("for p in $(seq 2201 %d) $(seq 2211 2214); do ss -Hltn sport = :$p | grep -q . || echo $p; done", last), "")
	return h
}

// try gives the verdict: passed, refused as it must be, or differs.
func (c cell) try(t *testing.T, h *lab.Host) (verdict string) {
	ctx, cancel := context.WithTimeout(t.Context(), cellLimit)
	defer cancel()
	ended := make(chan error, 1)
	start := time.Now()
	go func() { ended <- c.run(ctx, t, h) }()
	var err error
	select {
	case err = <-ended:
	case <-time.After(cellLimit + 10*time.Second):
		t.Error("it hangs")
		return "differs"
	}
	took := time.Since(start).Round(time.Millisecond)
	t.Logf("%s: %v", took, err)
	var hinter remote.Hinter
	switch {
	case c.refused == "" && err == nil:
		return "passed"
	case c.refused == "" || err == nil:
	case ctx.Err() != nil:
		err = fmt.Errorf("not within %s: %w", cellLimit, err)
	case took > 30*time.Second:
		err = fmt.Errorf("only after %s: %w", took, err)
	case !errors.As(err, &hinter) || hinter.Hint() == "":
		err = fmt.Errorf("without a hint: %w", err)
	case strings.Contains(err.Error(), "IFS=") || strings.Contains(err.Error(), "dcos dcos-"):
		err = fmt.Errorf("the starter shows: %w", err)
	case regexp.MustCompile(c.refused).MatchString(err.Error()):
		return "refused"
	}
	t.Errorf("differs, want %q: %v", c.refused, err)
	return "differs"
}

// run does all that is to be done. It is not the test's own goroutine.
func (c cell) run(ctx context.Context, t *testing.T, h *lab.Host) error {
	if c.user == "" {
		c.user = lab.UserRoot
	}
	s := labHost(t, h, c.user, func(cfg *remote.Config, target *remote.Target) {
		cfg.Sudo, cfg.KeepaliveInterval = c.sudo, 500*time.Millisecond
		if c.port != 0 {
			cfg.HostKeyPolicy, target.HostKey, target.Port = remote.AcceptNew, "", c.port
		}
		target.ConnectTimeout = 8 * time.Second
	})
	conn, err := s.Client.Dial(ctx, s.Target)
	if err != nil {
		return err
	}
	defer conn.Close()
	f := field{c, s, conn, h}
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{{"scripts", f.scripts}, {"idle", f.idle}, {"cancel", f.cancel}, {"upload", f.upload}, {"lock", f.lock}} {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return conn.Close()
}

// field is a cell that is being tried.
type field struct {
	cell
	remotetest.Subject
	conn *remote.Conn
	h    *lab.Host
}

func (f field) script(name, text string, args ...string) remote.Script {
	return remote.Script{Name: name, Text: text, Args: args, Root: f.root, Timeout: 20 * time.Second}
}

// scripts: output, exit codes, short, long and with input.
func (f field) scripts(ctx context.Context) error {
	binary := bytes.Repeat([]byte("\x00\x01%s\\n\xff'\n="), 4000)
	sum := fmt.Sprintf("%x\n", sha256.Sum256(binary))
	long := strings.Repeat(": a line of a longer script, so that it has a few thousand bytes\n", 100)
	const text = "echo out; printf 'err' >&2; exit $1"
	for _, c := range []struct {
		name, text, out, err string
		stdin                io.Reader
		code                 int
	}{
		{"short", text, "out\n", "err", nil, 7},
		{"no error", "echo $1; :", "0\n", "", nil, 0},
		{"long", long + text, "out\n", "err", nil, 7},
		{"short input", "cat; " + text, "one\ntwoout\n", "err", strings.NewReader("one\ntwo"), 7},
		{"input", "sha256sum | cut -d ' ' -f 1; " + text, sum + "out\n", "err", bytes.NewReader(binary), 7},
		{"much input", "wc -c | tr -d ' '; " + text, "80000\nout\n", "err", io.MultiReader(bytes.NewReader(binary), bytes.NewReader(binary)), 7},
		{"unread input", text, "out\n", "err", bytes.NewReader(binary), 7},
		{"left behind", "sleep 3 & " + text, "out\n", "err", nil, 7},
	} {
		s := f.script(c.name, c.text, fmt.Sprint(c.code))
		s.Stdin = c.stdin
		res, err := f.conn.Run(ctx, s)
		var exit *remote.ExitError
		switch {
		case c.code != 0 && !errors.As(err, &exit) || c.code == 0 && err != nil:
			return fmt.Errorf("%s: %w", c.name, errors.Join(err, errors.New("want an exit code")))
		case string(res.Stdout) != c.out || string(res.Stderr) != c.err || res.ExitCode != c.code:
			return fmt.Errorf("%s: have %q, %q, %d", c.name, clip(res.Stdout), clip(res.Stderr), res.ExitCode)
		}
	}
	return nil
}

func clip(b []byte) []byte { return b[:min(len(b), 300)] }

// idle: a script that is silent for longer than a host that is gone may be.
func (f field) idle(ctx context.Context) error {
	_, err := f.conn.Run(ctx, f.script("idle", "sleep 3"))
	return err
}

// cancel: what is ended is gone, and nothing else is.
func (f field) cancel(ctx context.Context) error {
	other, err := f.Client.Dial(ctx, f.Target)
	if err != nil {
		return err
	}
	defer other.Close()
	beside, stop := context.WithCancel(ctx)
	defer stop()
	neighbours := make(chan error, 2)
	words := []string{randomWord(), randomWord()}
	for i, conn := range []*remote.Conn{f.conn, other} {
		go func() {
			s := f.script("neighbour", `env sleep "$1"`, words[i])
			s.Timeout = cellLimit
			_, err := conn.Run(beside, s)
			neighbours <- err
		}()
		if err := f.sleeps(ctx, words[i], true); err != nil {
			stop()
			return fmt.Errorf("a neighbour: %w: %w", err, <-neighbours)
		}
	}
	for _, input := range []string{"", "none", strings.Repeat("unread", 100_000)} {
		word := randomWord()
		s := f.script("cancelled", `echo up; sh -c 'env sleep "$1"; :' sh "$1" & env sleep "$1"`, word)
		if input != "" {
			s.Stdin = strings.NewReader(input)
		}
		within, cancel := context.WithCancel(ctx)
		s.Stdout = writerFunc(func([]byte) { time.AfterFunc(300*time.Millisecond, cancel) })
		_, err := f.conn.Run(within, s)
		cancel()
		if !errors.Is(err, context.Canceled) {
			return fmt.Errorf("cancelled: have %w", err)
		}
		if err := f.sleeps(ctx, word, false); err != nil {
			return fmt.Errorf("cancelled, with %d bytes of input: %w", len(input), err)
		}
		select {
		case err := <-neighbours:
			return fmt.Errorf("a neighbour was ended too: %w", err)
		default:
		}
	}
	for i, conn := range []*remote.Conn{f.conn, other} {
		if err := f.sleeps(ctx, words[i], true); err != nil {
			return err
		}
		if _, err := conn.Run(ctx, f.script("after", ":")); err != nil {
			return fmt.Errorf("after a cancelled one: %w", err)
		}
	}
	stop()
	for i := range words {
		if err := <-neighbours; !errors.Is(err, context.Canceled) {
			return fmt.Errorf("a neighbour: have %w", errors.Join(err, errors.New("want that it was ended")))
		}
		if err := f.sleeps(ctx, words[i], false); err != nil {
			return err
		}
	}
	return other.Close()
}

// sleeps waits until there is a sleep of so many seconds, or none.
func (f field) sleeps(ctx context.Context, word string, want bool) error {
	for range 100 {
		out, err := f.h.Shell(ctx, `pgrep -fc "sleep(.*/sleep)? `+word+`$" || true`)
		if err != nil {
			return err
		}
		if is := strings.TrimSpace(out) != "0"; is == want {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	tree, _ := f.h.Shell(ctx, "ps -eo pid,ppid,pgid,sid,args --forest | grep -B4 "+word) // for the message alone
	return fmt.Errorf("that there is a sleep of the script: want %t\n%s", want, tree)
}

// upload: files arrive, and go with the connection.
func (f field) upload(ctx context.Context) error {
	files := []remote.File{randomFile("a", 100_000), randomFile("d/b", 10)}
	dir, err := f.conn.Upload(ctx, files, nil)
	if err != nil {
		return err
	}
	out, err := f.h.Shell(ctx, "cd "+dir+" && sha256sum a d/b && ls -A .part")
	if err != nil {
		return err
	}
	if want := files[0].SHA256 + "  a\n" + files[1].SHA256 + "  d/b\nd\n"; out != want {
		return fmt.Errorf("have %q", out)
	}
	if err := f.conn.Close(); err != nil {
		return err
	}
	if out, err = f.h.Shell(ctx, "ls -d "+dir+" || true"); err != nil || out != "" {
		return fmt.Errorf("left behind: %q %w", out, err)
	}
	return nil
}

// lock: the lock is one to whoever else asks for it, and goes with the connection.
// All cells share a host, so they take turns.
func (f field) lock(ctx context.Context) error {
	fieldLock.Lock()
	defer fieldLock.Unlock()
	const free = "for d in /run /run/lock /var/tmp; do f=$d/dcos-operator.lock; [ ! -e $f ] || flock -n $f true || echo $(head -n 1 $f); done"
	conn, err := f.Client.Dial(ctx, f.Target)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.Lock(ctx, "the owner"); err != nil {
		return err
	}
	for _, want := range []string{"the owner\n", ""} {
		out, err := f.h.Shell(ctx, free)
		if err != nil || out != want {
			return fmt.Errorf("who has the lock: have %q, want %q: %w", out, want, err)
		}
		if err := conn.Close(); err != nil {
			return err
		}
	}
	return nil
}

var fieldLock sync.Mutex
