// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// A real host on which an account cannot start a process: whatever is asked of it
// ends and says why, other accounts of the host go on meanwhile, and so does this
// one, on the same connection, as soon as it can.
func TestLabNoProcesses(t *testing.T) {
	t.Parallel()
	h := lab.Require(t).Host(t, "nproc")
	// Whoever else runs as the account counts, so there is room again when these are gone. Root's own limit
	// lets them start (setrlimit(2), RLIMIT_NPROC).
	shell(t, h, "echo 'nora hard nproc 30' >/etc/security/limits.d/lab.conf; "+
		"for i in $(seq 30); do setpriv --reuid=nora sleep 1000 </dev/null >/dev/null 2>&1 & done")
	conn, other := labHost(t, h, lab.UserNoSudo, nil).Dial(t), labHost(t, h, lab.UserNoPassword, nil).Dial(t)
	const limits = "grep -h 'Max processes' $(printf '/proc/%s/limits ' $(pgrep -u nora sshd)) | tr -s ' ' | cut -d ' ' -f 3"
	if n := shell(t, h, limits); n != "30" {
		t.Fatalf("the limit is %q", n)
	}
	all := map[string]func(ctx context.Context) error{
		"a script": func(ctx context.Context) error {
			_, err := conn.Run(ctx, remote.Script{Name: "s", Text: "true"})
			return err
		},
		"a script with input": func(ctx context.Context) error {
			_, err := conn.Run(ctx, remote.Script{Name: "s", Text: "cat", Stdin: endless(100_000)})
			return err
		},
		"a lock": func(ctx context.Context) error { return conn.Lock(ctx, "us") },
		"an upload": func(ctx context.Context) error {
			_, err := conn.Upload(ctx, []remote.File{randomFile("f", 1000)}, nil)
			return err
		},
	}
	for name, work := range all {
		err := work(t.Context())
		var none *remote.ShellError
		if !errors.As(err, &none) || !strings.Contains(err.Error(), "starts no processes") {
			t.Errorf("%s: have %v", name, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if err := work(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s, with a limit: have %v", name, err)
		}
		cancel()
		if _, err := other.Run(t.Context(), remote.Script{Name: "other", Text: "true", Root: true}); err != nil {
			t.Errorf("another account, after %s: %v", name, err)
		}
	}
	// With room for some of its processes a script may fail, and it ends in time.
	for room := range 8 {
		shell(t, h, "pkill -o -u nora sleep")
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		err := all["a script with input"](ctx)
		cancel()
		if took := time.Since(begun); took > 7*time.Second {
			t.Errorf("room for %d processes: %v after %s", room+1, err, took)
		}
	}
	shell(t, h, "pkill -u nora sleep")
	for name, work := range all {
		if err := work(t.Context()); err != nil {
			t.Errorf("%s, when it can: %v", name, err)
		}
	}
}

// A subsystem that never says hello, and that does not end when it is told to, is
// none: the files come in another way.
func TestLabNoHello(t *testing.T) {
	t.Parallel()
	h := lab.Require(t).Host(t, "nohello")
	shell(t, h, "echo 'Subsystem sftp /usr/bin/sleep 1000' >/etc/ssh/sshd_config.d/60-sftp.conf; systemctl reload ssh")
	s := labHost(t, h, lab.UserNoPassword, nil)
	s.Client.SetSFTPLimit(2 * time.Second)
	conn := s.Dial(t)
	dir, err := conn.Upload(t.Context(), []remote.File{randomFile("f", 100_000)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := conn.Run(t.Context(), remote.Script{Name: "sum", Text: `sha256sum "$1"/f`, Args: []string{dir}})
	if err != nil || !strings.HasPrefix(string(res.Stdout), randomFile("f", 100_000).SHA256) {
		t.Errorf("have %q, %v", res.Stdout, err)
	}
}

// A script that is to run as root does, whatever sudo's default is, or it is not
// run at all and the error says what makes it another one's.
func TestLabRootIsRoot(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	const stay = "echo 'Defaults stay_setuid' >/etc/sudoers.d/x"
	wrapper := func(with string) string {
		return "printf '#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done; shift; exec " + with + "\"$@\"\n' >/usr/local/bin/sudo; " +
			"chmod 755 /usr/local/bin/sudo"
	}
	for name, c := range map[string]struct {
		setup, user string
		says        string // "": it runs as root
	}{
		"runas_default": {"echo 'Defaults runas_default=nora' >/etc/sudoers.d/x", lab.UserNoPassword, ""},
		"runas_default and no other": {
			"echo 'Defaults runas_default=nora' >/etc/sudoers.d/x; sed -i 's/(ALL:ALL)//' /etc/sudoers.d/lab", lab.UserNoPassword,
			"needs a password"},
		"stay_setuid":                {stay, lab.UserNoPassword, "stay_setuid"},
		"stay_setuid, password":      {stay, lab.UserPassword, "stay_setuid"},
		"stay_setuid, terminal":      {stay, lab.UserRequireTTY, "stay_setuid"},
		"stay_setuid, bash":          {stay + "; ln -s /bin/bash /usr/local/bin/sh", lab.UserNoPassword, "stay_setuid"},
		"a wrapper around nothing":   {wrapper(""), lab.UserNoPassword, "is not sudo itself"},
		"a wrapper for another user": {wrapper("/usr/bin/sudo -n -u nora -- "), lab.UserNoPassword, "runas_default"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := l.Host(t, "uid"+strings.Map(letters, name))
			shell(t, h, c.setup)
			conn := labHost(t, h, c.user, nil).Dial(t)
			for range 2 { // the second one knows how the first was started
				res, err := conn.Run(t.Context(), remote.Script{Name: "who", Root: true, Text: "touch /tmp/ran; id -u; id -ru", Timeout: time.Minute})
				var sudo *remote.SudoError
				switch {
				case c.says == "":
					if err != nil || string(res.Stdout) != "0\n0\n" {
						t.Errorf("have %q, %v", res.Stdout, err)
					}
				case !errors.As(err, &sudo) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "dcos-") || sudo.Hint() == "":
					t.Errorf("have %v", err)
				}
			}
			if ran := shell(t, h, "ls -l /tmp/ran 2>/dev/null || true"); (ran == "") != (c.says != "") {
				t.Errorf("something of it was run: %q", ran)
			}
		})
	}
}

func letters(r rune) rune {
	if r < 'a' || r > 'z' {
		return -1
	}
	return r
}

// A start-up file of the login shell that runs another shell in its place gives
// that one nothing to run.
func TestLabForeignShell(t *testing.T) {
	t.Parallel()
	h := lab.Require(t).Host(t, "foreign", lab.WithPackages("fish", "tcsh", "zsh"))
	for _, startup := range []string{"exec sh", "exec bash", "exec tcsh", "exec fish", "exec zsh"} {
		patient := startup == "exec fish" // reads all there will be before it runs a word of it
		limit := time.Minute
		if patient {
			limit = 3 * time.Second
		}
		shell(t, h, "echo '"+startup+"' >/home/alice/.bashrc; rm -f /tmp/ran")
		conn := labHost(t, h, lab.UserNoPassword, nil).Dial(t)
		for _, root := range []bool{true, false} {
			_, err := conn.Run(t.Context(), remote.Script{Name: "s", Root: root, Text: "touch /tmp/ran", Timeout: limit})
			var foreign *remote.ShellError
			var late *remote.TimeoutError
			if patient && errors.As(err, &late) {
				continue
			}
			if !errors.As(err, &foreign) || !strings.Contains(err.Error(), "start-up file") {
				t.Errorf("%s, as root %t: have %v", startup, root, err)
			}
		}
		if ran := shell(t, h, "ls -l /tmp/ran 2>/dev/null || true"); ran != "" {
			t.Errorf("%s: something was run: %s", startup, ran)
		}
	}
}
