// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote_test

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/remotetest"
)

// standIn behaves as sudo does towards whoever runs it, without becoming
// anyone. The real one is in the lab; this one has moods. It is steered by the
// environment: SUDO_TTY wants a terminal, SUDO_PASSWORD a password, SUDO_DENY
// says no in the end, SUDO_LECTURE talks first, SUDO_WHOSE is whose password it wants.
const standIn = `#!/bin/sh
n= s= p='[sudo] password: '
while :; do
  case $1 in
  -n) n=1; shift;;
  -S) s=1; shift;;
  -k|-H) shift;;
  -p) p=$2; shift 2; [ -z "$SUDO_WHOSE" ] || p=${p%%%p*}$SUDO_WHOSE${p#*%p};;
  -u) shift 2;;
  --) shift; break;;
  *) break;;
  esac
done
if [ "$SUDO_TTY" ] && ! [ -t 0 ]; then
  echo "$SUDO_TTY" >&2
  exit 1
fi
[ -z "$SUDO_LECTURE" ] || printf 'We trust you have received the usual lecture.\n\n    #1) Respect the privacy of others.\n' >&2
if [ "$SUDO_PASSWORD" ]; then
  [ -z "$n" ] || { echo "sudo: a password is required" >&2; exit 1; }
  [ "$s" ] || { echo "sudo: a terminal is required to read the password" >&2; exit 1; }
  i=0
  while :; do
    printf %s "$p" >&2
    IFS= read -r x || { printf '\nsudo: no password was provided\n' >&2; exit 1; }
    echo "$x" >>"$SUDO_TRIED"
    [ "$x" != "$SUDO_PASSWORD" ] || break
    i=$((i+1))
    [ $i -lt 3 ] || { echo "sudo: 3 incorrect password attempts" >&2; exit 1; }
    echo "Sorry, try again." >&2
  done
  [ -z "$SUDO_TTY" ] || echo
fi
[ -z "$SUDO_DENY" ] || { echo "$SUDO_DENY" >&2; exit 1; }
exec "$@"
`

// withStandIn is a subject whose sudo is the stand-in.
func withStandIn(
	t testing.TB, cfg remote.Config, o remotetest.Options, env ...string,
) (s remotetest.Subject, srv *remotetest.Server, tried func() string) {
	t.Helper()
	if me, err := user.Current(); err != nil {
		t.Fatal(err)
	} else if me.Uid != "0" { // the stand-in changes nobody, which the script's shell would see
		cfg.Sudo.User = me.Username
	}
	dir := t.TempDir()
	for _, name := range []string{"sudo", "doas"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(standIn), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	log := filepath.Join(dir, "tried")
	if bash, err := exec.LookPath("bash"); err == nil && slices.Contains(env, bashIsSh) {
		if err := os.Symlink(bash, filepath.Join(dir, "sh")); err != nil {
			t.Fatal(err)
		}
	}
	o.Env = append([]string{"PATH=" + dir + ":/usr/bin:/bin", "SUDO_TRIED=" + log, "SUDO_UID="}, env...)
	s, srv = inProcess(t, o, cfg)
	s.Root = true
	return s, srv, func() string {
		b, err := os.ReadFile(log)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return string(b)
	}
}

// bashIsSh gives scripts bash where they ask for sh, as Red Hat does.
const bashIsSh = "SH=bash"

const mustHaveTTY = "SUDO_TTY=sudo: sorry, you must have a tty to run sudo"

func TestConformanceSudo(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("the suite checks that it runs as root, and the stand-in for sudo changes nobody")
	}
	for name, c := range map[string]struct {
		password remote.Secret
		env      []string
	}{
		"password":            {"correct horse", []string{"SUDO_PASSWORD=correct horse", "SUDO_LECTURE=1"}},
		"password not needed": {"correct horse", nil},
		"tty":                 {"", []string{mustHaveTTY}},
		"tty, other words":    {"", []string{"SUDO_TTY=sudo: vous devez avoir un tty"}},
		"tty, bash":           {"", []string{mustHaveTTY, bashIsSh}},
		"tty and password":    {"correct horse", []string{mustHaveTTY, "SUDO_PASSWORD=correct horse", "SUDO_LECTURE=1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _, _ := withStandIn(t, remote.Config{Sudo: remote.Sudo{Password: c.password}}, remotetest.Options{}, c.env...)
			s.RootAlone = true
			remotetest.Conformance(t, s)
		})
	}
}

func TestSudoRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg    remote.Config
		opts   remotetest.Options
		env    []string
		reason string
		tried  string
	}{
		"no password given": {env: []string{"SUDO_PASSWORD=x"}, reason: remote.SudoPasswordRequired},
		"wrong password": {
			cfg: remote.Config{Sudo: remote.Sudo{Password: "wrong"}}, env: []string{"SUDO_PASSWORD=right", "SUDO_LECTURE=1"},
			reason: remote.SudoPasswordWrong, tried: "wrong\n",
		},
		"wrong password on a tty": {
			cfg: remote.Config{Sudo: remote.Sudo{Password: "wrong"}}, env: []string{"SUDO_PASSWORD=right", mustHaveTTY},
			reason: remote.SudoPasswordWrong, tried: "wrong\n",
		},
		"not allowed": {
			env: []string{"SUDO_DENY=Sorry, user user is not allowed to execute '/bin/sh' as root on h."}, reason: remote.SudoNotAllowed,
		},
		"not allowed, after the password": {
			cfg:    remote.Config{Sudo: remote.Sudo{Password: "right"}},
			env:    []string{"SUDO_PASSWORD=right", "SUDO_DENY=user is not in the sudoers file."},
			reason: remote.SudoNotAllowed, tried: "right\n",
		},
		"tty refused": {env: []string{mustHaveTTY}, opts: remotetest.Options{NoPTY: true}, reason: remote.SudoTTY},
		"missing":     {env: []string{"PATH=/nonexistent"}, reason: remote.SudoMissing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _, tried := withStandIn(t, c.cfg, c.opts, c.env...)
			_, err := s.Dial(t).Run(t.Context(), remote.Script{Name: "never", Root: true, Text: "echo ran"})
			var refused *remote.SudoError
			if !errors.As(err, &refused) || refused.Reason != c.reason || refused.User != "user" || refused.Hint() == "" {
				t.Fatalf("have %v, want the reason %q", err, c.reason)
			}
			if have := tried(); have != c.tried {
				t.Errorf("tried %q, want %q", have, c.tried)
			}
			if strings.Contains(err.Error(), "lecture") || strings.Contains(err.Error(), "dcos-") {
				t.Errorf("noise in %q", err)
			}
		})
	}
}

// The password is asked for each time, and what sudo does not read of it never
// gets to the script.
func TestSudoPasswordStaysOut(t *testing.T) {
	t.Parallel()
	for _, env := range []string{"SUDO_PASSWORD=open sesame", "SUDO_PASSWORD="} {
		s, _, _ := withStandIn(t, remote.Config{Sudo: remote.Sudo{Password: "open sesame"}}, remotetest.Options{}, env)
		conn := s.Dial(t)
		for range 3 {
			res, err := conn.Run(t.Context(), remote.Script{Name: "cat", Root: true, Text: "cat; set", Stdin: strings.NewReader("payload\n")})
			if err != nil {
				t.Fatal(err)
			}
			out := strings.ReplaceAll(string(res.Stdout), "SUDO_PASSWORD='open sesame'", "")
			if !strings.HasPrefix(out, "payload\n") || strings.Contains(out, "sesame") {
				t.Errorf("have %q", out)
			}
		}
	}
}

// Scripts take one command each, also the first as root: nothing is probed.
func TestSudoOneCommandEach(t *testing.T) {
	t.Parallel()
	s, srv, _ := withStandIn(t, remote.Config{}, remotetest.Options{})
	conn := s.Dial(t)
	for range 3 {
		if _, err := conn.Run(t.Context(), remote.Script{Name: "true", Root: true, Text: "true"}); err != nil {
			t.Fatal(err)
		}
	}
	if n := scripts(srv); n != 3 {
		t.Errorf("%d commands for 3 scripts", n)
	}
	s, srv, _ = withStandIn(t, remote.Config{}, remotetest.Options{}, mustHaveTTY)
	conn = s.Dial(t)
	for range 3 {
		if _, err := conn.Run(t.Context(), remote.Script{Name: "true", Root: true, Text: "true", Timeout: time.Minute}); err != nil {
			t.Fatal(err)
		}
	}
	if n := scripts(srv); n != 4 {
		t.Errorf("%d commands for 3 scripts that need a terminal", n)
	}
}

// scripts counts the commands that started one: a machine that is slow at that is
// asked whether it can start anything.
func scripts(srv *remotetest.Server) (n int) {
	for _, c := range srv.Commands() {
		if c != "exit 77" {
			n++
		}
	}
	return n
}

// executable makes a login shell that does as one does whose start-up file has the text.
func executable(t testing.TB, startup string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "login")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+startup+"\nexec /bin/sh \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// Whatever reads what was sent ahead in the place of the starter runs nothing of
// it, and is told from a sudo that refuses.
func TestForeignShell(t *testing.T) {
	t.Parallel()
	for name, startup := range map[string]string{
		"sh":                     "exec sh",
		"bash":                   "exec bash",
		"behind a question":      "printf 'Which project? '; read x; exec sh",
		"behind two questions":   "read x; read y; exec sh",
		"bash behind a question": "read x; exec bash",
		"a child":                "sh",
	} {
		if _, err := exec.LookPath("bash"); err != nil && strings.Contains(name, "bash") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shell := executable(t, startup)
			dir := filepath.Dir(shell)
			s, _ := inProcess(t, remotetest.Options{Shell: shell}, remote.Config{})
			conn := s.Dial(t)
			mark := filepath.Join(dir, "mark")
			for _, script := range []remote.Script{
				{Name: "root", Root: true, Text: "touch " + mark},
				{Name: "user", Text: "touch " + mark},
				{Name: "long", Text: strings.Repeat("touch "+mark+"\n", 500)},
				{Name: "input", Root: true, Text: "cat", Stdin: strings.NewReader("x\ntouch " + mark + "\n")},
			} {
				ends := strings.HasPrefix(startup, "exec") // the others wait for more
				script.Timeout = 3 * time.Second
				if ends {
					script.Timeout = time.Minute
				}
				_, err := conn.Run(t.Context(), script)
				var refused *remote.SudoError
				var foreign *remote.ShellError
				switch {
				case startup == "sh" && err == nil: // it has read no more than its line, and then the starter had its turn
					_ = os.Remove(mark)
				case err == nil || errors.As(err, &refused) || ends && !errors.As(err, &foreign):
					t.Errorf("%s: have %v", script.Name, err)
				case ends && !strings.Contains(err.Error(), "start-up file"):
					t.Errorf("%s: it does not say why: %v", script.Name, err)
				}
				if _, err := os.Stat(mark); err == nil {
					t.Errorf("%s: something of it was run", script.Name)
					_ = os.Remove(mark)
				}
			}
		})
	}
}
