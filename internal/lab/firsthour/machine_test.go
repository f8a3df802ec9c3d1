// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build firsthour

package firsthour

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

// tree is the root of the tree, as seen from this package.
const tree = "../../.."

// machine is a bare Debian.
type machine struct {
	root string
	home string // within it; of its own, so that no two have a lab of one name
}

// authorities are those that the real machine trusts.
const authorities = "/way/authorities.pem"

// bareDebian makes a Debian that has git and make and what they need, and in its home the bundle of a clone's commits.
func bareDebian(t *testing.T) *machine {
	t.Helper()
	if err := lab.Check(); err != nil {
		t.Fatal(err)
	}
	cache, err := lab.CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{home: "/home/" + strings.ToLower(t.Name())}
	if m.root, err = os.MkdirTemp(cache, "bare-"); err != nil { //nolint:usetesting // on a disk: hosts stand on an overlay
		t.Fatal(err)
	}
	t.Cleanup(func() { m.remove(t) })
	if err := os.Chmod(m.root, 0o755); err != nil { // apt has a user of its own
		t.Fatal(err)
	}
	mirror, err := lab.DebianMirror(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	command(t, "debootstrap", "--variant=minbase", "--include=git,make,ca-certificates", "bookworm", m.root, mirror)
	for _, dir := range []string{m.home, "/way"} {
		if err := os.MkdirAll(m.path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	bundle, err := filepath.Abs(m.path("/way/tree.bundle"))
	if err != nil {
		t.Fatal(err)
	}
	command(t, "git", "-C", tree, "bundle", "create", "-q", bundle, "HEAD")
	// What the way to the network takes here: name servers, and the authorities that the machine trusts.
	for from, to := range map[string]string{"/etc/resolv.conf": "/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt": authorities} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		m.write(t, to, string(text))
	}
	m.write(t, "/way/yes", strings.Repeat("yes\n", 9))
	return m
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out[max(0, len(out)-4000):])
	}
}

func (m *machine) path(name string) string { return filepath.Join(m.root, name) }

func (m *machine) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(m.path(name)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(m.path(name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// remove removes the machine. What was mounted in it went with its namespace; a directory on which something of the
// real machine still is must not be gone into.
func (m *machine) remove(t *testing.T) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || bytes.Contains(mounts, []byte(" "+m.root+"/")) {
		t.Errorf("%s is left, as something is mounted in it (%v)", m.root, err)
		return
	}
	if out, err := exec.Command("rm", "-rf", "--one-file-system", "--", m.root).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// enter is what makes the machine one: it mounts what a machine has and goes in. $1 is the root, the rest is run.
const enter = `set -e
root=$1; shift
mount --make-rprivate /
mount --bind "$root" "$root"; cd "$root"
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs run run
exec chroot . "$@"`

// run runs a script as root in the machine, in a clone of the tree. It logs how long each step took, which a line
// "step NAME" of the script begins, and returns all that was printed.
func (m *machine) run(t *testing.T, script string) string {
	t.Helper()
	m.write(t, "/way/script", `set -euo pipefail
step() { echo "== step $*"; }
exec </dev/null
step clone
cd
git -c advice.detachedHead=false clone -q /way/tree.bundle terraform-provider-dcos
cd terraform-provider-dcos
`+script+"\nstep end\n")
	args := []string{"--mount", "--pid", "--fork", "--kill-child", "sh", "-c", enter, "sh", m.root, "env", "-i",
		"HOME=" + m.home, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "TERM=dumb",
		"SSL_CERT_FILE=" + authorities}
	for _, name := range []string{"GOPROXY", "GOSUMDB", "DCOS_LAB_MIRROR", "http_proxy", "https_proxy", "no_proxy"} {
		if value, ok := os.LookupEnv(name); ok {
			args = append(args, name+"="+value)
		}
	}
	cmd := exec.CommandContext(t.Context(), "unshare", append(args, "bash", "/way/script")...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	all := follow(t, out)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, all[max(0, len(all)-6000):])
	}
	return all
}

// follow reads what a script prints, until its end.
func follow(t *testing.T, out io.Reader) string {
	t.Helper()
	var all strings.Builder
	began, at := time.Now(), ""
	stepBegan := began
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		fmt.Fprintln(&all, line)
		name, ok := strings.CutPrefix(line, "== step ")
		if !ok {
			continue
		}
		if at != "" {
			t.Logf("%-24s %5.0f s", at, time.Since(stepBegan).Seconds())
		}
		at, stepBegan = name, time.Now()
	}
	if err := lines.Err(); err != nil {
		t.Errorf("read the output: %v", err)
	}
	t.Logf("%-24s %5.0f s", "whole", time.Since(began).Seconds())
	return all.String()
}
