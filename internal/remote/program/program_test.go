// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build !windows

package program_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote/program"
)

func sh(text string) program.Command {
	return program.Command{Path: "/bin/sh", Args: []string{"-c", text}}
}

// ends waits for the end of the process whose number is in a file.
func ends(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); syscall.Kill(pid, 0) == nil; time.Sleep(10 * time.Millisecond) {
		// One that nobody has waited for yet is over all the same.
		if state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && strings.Contains(string(state), ") Z") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d goes on", pid)
		}
	}
}

func TestOutput(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text, out, err string
	}{
		"plain":         {text: "echo a; echo b >&2", out: "a\n"},
		"fails":         {text: "echo a; echo why >&2; echo so >&2; exit 7", err: "sh: exit code 7: why; so"},
		"is killed":     {text: "kill -9 $$", err: "sh was ended by a signal"},
		"too much":      {text: "yes", err: "sh: it writes more than 1 KiB"},
		"errors behind": {text: "sleep 3 >/dev/null & echo a", out: "a\n"},
		"reads nothing": {text: "cat; echo end", out: "end\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := sh(c.text).Output(t.Context(), 1<<10)
			var failed *program.Error
			if c.err == "" && (err != nil || string(out) != c.out) || c.err != "" && (!errors.As(err, &failed) || err.Error() != c.err) {
				t.Errorf("have %q, %v", out, err)
			}
		})
	}
	if _, err := (program.Command{Path: "/nowhere/at-all"}).Output(t.Context(), 1); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("have %v", err)
	}
}

// What is cancelled is over, with all that it started.
func TestOutputCancelled(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		for {
			if text, err := os.ReadFile(path); err == nil && len(text) > 0 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		cancel(errors.New("enough"))
	}()
	_, err := sh("trap '' TERM; sleep 600 & echo $! >"+path+"; wait").Output(ctx, 1<<10)
	if err == nil || err.Error() != "sh: enough" {
		t.Errorf("have %v", err)
	}
	ends(t, path)
}

// What it has left behind, and holds the output, ends with it.
func TestOutputLeftBehind(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := sh("sleep 600 & echo $! >"+path).Output(ctx, 1<<10); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("have %v", err)
	}
	ends(t, path)
}

// What has left the group, and holds the output, is waited for no longer than that.
func TestOutputCancelledWithoutIt(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("setsid"); err != nil {
		t.Skip("there is no setsid here")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := sh("setsid sleep 9 & wait").Output(ctx, 1<<10); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("have %v", err)
	}
	if took := time.Since(start); took > 6*time.Second {
		t.Errorf("it came back after %s", took)
	}
}

// A stream has no terminal, gives what comes and says how it ended.
func TestStream(t *testing.T) {
	t.Parallel()
	s, err := sh("(: </dev/tty) 2>/dev/null || echo none; read line; echo \"$line\"; echo done >&2; exit " +
		"4").Stream("command")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write([]byte("hello\n")); err != nil {
		t.Error(err)
	}
	if out, err := io.ReadAll(s); err != nil || !strings.HasSuffix(string(out), "none\nhello\n") {
		t.Errorf("have %q, %v", out, err)
	}
	if !s.Over() {
		t.Error("it is not over")
	}
	if err := s.Ended(); !strings.HasPrefix(err.Error(), "command: exit code 4: ") || !strings.HasSuffix(err.Error(), "done") {
		t.Errorf("have %v", err)
	}
}

// Whoever reads is not kept when the stream is closed, nor is what does not want to
// end.
func TestStreamClosed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pid")
	s, err := sh("trap '' TERM HUP; echo $$ >" + path + "; echo here; while :; do sleep 1; done").Stream("command")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := s.Read(make([]byte, 10)); err != nil || n == 0 {
		t.Fatal(n, err)
	}
	read := make(chan error, 1)
	go func() {
		_, err := s.Read(make([]byte, 10))
		read <- err
	}()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-read; err == nil {
		t.Error("a closed stream gives something")
	}
	if err := s.Ended(); err.Error() != "command was ended by a signal" {
		t.Errorf("have %v", err)
	}
	ends(t, path)
}

func TestEnvironment(t *testing.T) {
	for name, value := range map[string]string{"DCOS_X": "1", "TF_VAR_x": "1", "OTHER": "hidden", "KEPT": "1"} {
		t.Setenv(name, value)
	}
	out, err := program.Command{Path: "/usr/bin/env",
		Env: program.Environment(func(v string) bool { return v == "hidden" })}.Output(t.Context(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	text := "\n" + string(out)
	if strings.Contains(text, "\nDCOS_X=") || strings.Contains(text, "\nTF_VAR_x=") || strings.Contains(text, "\nOTHER=") ||
		!strings.Contains(text, "\nKEPT=1\n") {
		t.Errorf("have %s", text)
	}
}
