// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// ssh runs a command on a host over SSH and gives all that it says.
func ssh(t *testing.T, h *lab.Host, user, command string, options ...string) (string, error) {
	t.Helper()
	words := append(append(h.SSH(user), options...), command)
	cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// shell runs a script on a host and ends the test if it fails.
func shell(t *testing.T, h *lab.Host, script string) string {
	t.Helper()
	out, err := h.Shell(t.Context(), script)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err error, out, part string) {
	t.Helper()
	if err == nil {
		t.Errorf("it succeeded: %s", out)
	} else if !strings.Contains(out+err.Error(), part) {
		t.Errorf("want an error with %q, have %v: %s", part, err, out)
	}
}

// A host is what DC/OS's installer and its users find on a real one.
func TestHost(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	h := l.Host(t, "real")

	t.Run("system", func(t *testing.T) {
		if got := shell(t, h, "systemctl is-system-running --wait"); got != "running" {
			t.Errorf("systemd says %q: %s", got, shell(t, h, "systemctl --failed"))
		}
		if got := shell(t, h, "ps -o comm= -p 1; hostname"); got != "systemd\nreal" {
			t.Errorf("process 1 and host name are %q", got)
		}
		if got := shell(t, h, "ip -4 -br addr show host0"); !strings.Contains(got, h.Address+"/") {
			t.Errorf("the host has %q, want %s", got, h.Address)
		}
		shell(t, h, "for c in curl bash ping tar xz unzip ipset systemd-notify ifconfig getent docker iptables lsmod; "+
			"do command -v $c >/dev/null || { echo $c is missing >&2; exit 1; }; done")
		if got, err := h.Shell(t.Context(), "command -v python3 python"); err == nil {
			t.Errorf("it has Python: %s", got)
		}
		if got, err := h.Shell(t.Context(), "curl -s -m 2 http://192.0.2.1/"); err == nil {
			t.Errorf("it reaches the world: %s", got)
		}
	})
	t.Run("docker", func(t *testing.T) {
		if got := shell(t, h,
			`docker version --format '{{printf "%s\n%s" .Server.Version .Client.Version}}' | sort -V | head -n 1`); got != "20.10.24" {
			t.Errorf("version %q", got)
		}
		if got := shell(t, h, "systemctl restart docker; docker info | grep 'Storage Driver' | cut -d: -f2 | tr -d ' '"); got != "overlay2" {
			t.Errorf("storage driver %q", got)
		}
		_, err := h.Shell(t.Context(), "systemctl stop docker; docker info")
		wantError(t, err, "", "Cannot connect to the Docker daemon")
		shell(t, h, "systemctl start docker")
	})
	t.Run("sudo", func(t *testing.T) {
		if out, err := ssh(t, h, lab.UserNoPassword, "sudo -n id -u"); err != nil || out != "0" {
			t.Errorf("alice: %v: %s", err, out)
		}
		out, err := ssh(t, h, lab.UserRequireTTY, "sudo -n id -u")
		wantError(t, err, out, "you must have a tty")
		if out, err := ssh(t, h, lab.UserRequireTTY, "sudo -n id -u", "-tt"); err != nil || !strings.HasPrefix(out, "0") {
			t.Errorf("tina on a terminal: %v: %s", err, out)
		}
		out, err = ssh(t, h, lab.UserPassword, "sudo -n id -u")
		wantError(t, err, out, "a password is required")
		if out, err := ssh(t, h, lab.UserPassword, "echo "+lab.Password(lab.UserPassword)+" | sudo -S -p '' id -u"); err != nil || out != "0" {
			t.Errorf("paul with his password: %v: %s", err, out)
		}
		out, err = ssh(t, h, lab.UserNoSudo, "echo "+lab.Password(lab.UserNoSudo)+" | sudo -S -p '' id -u")
		wantError(t, err, out, "not in the sudoers file")
		if out, err := ssh(t, h, lab.UserRoot, "id -u"); err != nil || out != "0" {
			t.Errorf("root: %v: %s", err, out)
		}
	})
	t.Run("bounds", func(t *testing.T) {
		if out, err := h.Shell(t.Context(), "date -s '2001-01-01'"); err == nil {
			t.Errorf("root in a host has set the machine's clock: %s", out)
		}
	})
	t.Run("units", func(t *testing.T) {
		check(t, h.WriteFile("/etc/systemd/system/demo.service", []byte("[Service]\nExecStart=/bin/sh -c 'echo demo is up; exec sleep 1000'\n"+
			"Restart=always\nRestartSec=0\n[Install]\nWantedBy=multi-user.target\n"), 0o644))
		shell(t, h, "systemctl daemon-reload; systemctl enable -q --now demo")
		await(t, "the unit's line in the journal", func() bool {
			return strings.Contains(shell(t, h, "journalctl -u demo --no-pager"), "demo is up")
		})
		first := shell(t, h, "systemctl show -p MainPID --value demo")
		shell(t, h, "kill -9 "+first)
		await(t, "a restart of the unit", func() bool {
			now := shell(t, h, "systemctl show -p MainPID --value demo")
			return now != "0" && now != first
		})
	})
	t.Run("reboot", func(t *testing.T) {
		const id = "cat /proc/sys/kernel/random/boot_id"
		before := shell(t, h, id)
		check(t, h.Reboot(t.Context()))
		if after := shell(t, h, id); after == before {
			t.Error("the boot id is the former one")
		}
		await(t, "the enabled unit", func() bool { _, err := h.Shell(t.Context(), "systemctl is-active -q demo"); return err == nil })
		before = shell(t, h, id)
		if out, err := ssh(t, h, lab.UserNoPassword, "sudo reboot -f"); err != nil {
			t.Logf("the connection ended as it should: %v: %s", err, out)
		}
		await(t, "another boot", func() bool {
			out, err := h.Shell(t.Context(), id)
			return err == nil && strings.TrimSpace(out) != before
		})
		check(t, h.WaitSSH(t.Context()))
	})
	t.Run("power", func(t *testing.T) {
		check(t, h.PowerCut(t.Context()))
		if h.Running() {
			t.Error("it runs without power")
		}
		check(t, h.Start(t.Context()))
		check(t, h.Stop(t.Context()))
		if _, err := h.Exec(t.Context(), "true"); err == nil {
			t.Error("a command ran on a host that is off")
		}
		check(t, h.Start(t.Context()))
		shell(t, h, "systemctl poweroff")
		await(t, "it to switch itself off", func() bool { return !h.Running() })
		check(t, h.Start(t.Context()))
		if out, err := ssh(t, h, lab.UserNoPassword, "hostname"); err != nil || out != "real" {
			t.Errorf("%v: %s", err, out)
		}
	})
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Options shape a host, and one that starts later is not there before.
func TestOptions(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	shared := l.Shared(t)
	check(t, os.WriteFile(filepath.Join(shared, "hello"), []byte("from outside"), 0o644))
	h := l.Host(t, "odd", lab.WithAddress("198.18.77.1"), lab.WithSSHD("Port 2222", "MaxSessions 1"), lab.WithoutSFTP(),
		lab.WithMount(shared, "/srv/shared"), lab.WithFile("/etc/motd", "welcome\n", 0o600), lab.NotStarted())
	if h.Running() || h.Address != "198.18.77.1" || h.Port != 2222 {
		t.Errorf("have %+v", h)
	}
	if out, err := ssh(t, h, lab.UserNoPassword, "true", "-o", "ConnectTimeout=1"); err == nil {
		t.Errorf("it answers before it is started: %s", out)
	}
	if _, err := l.Create(t.Context(), "other", lab.WithAddress("198.18.77.1")); err == nil ||
		!strings.Contains(err.Error(), "belongs to odd") {
		t.Errorf("an address given twice: %v", err)
	}
	if _, err := l.Create(t.Context(), "odd"); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("a name given twice: %v", err)
	}
	check(t, h.Start(t.Context()))
	before, err := h.Snapshot(t.Context())
	check(t, err)
	if got := shell(t, h, "cat /srv/shared/hello; echo from inside >/srv/shared/answer; stat -c %a /etc/motd"); got != "from outside600" {
		t.Errorf("have %q", got)
	}
	if text, err := os.ReadFile(filepath.Join(shared, "answer")); err != nil || string(text) != "from inside\n" {
		t.Errorf("%v: %q", err, text)
	}
	after, err := h.Snapshot(t.Context())
	check(t, err)
	for _, c := range lab.Diff(before, after) {
		t.Errorf("a shared directory is taken for the host's own: %s", c)
	}
	if out, err := ssh(t, h, lab.UserNoPassword, "", "-s", "sftp"); err == nil {
		t.Errorf("it has SFTP: %s", out)
	}
	if !strings.Contains(l.KnownHosts(), "[198.18.77.1]:2222 "+h.HostKey) {
		t.Errorf("known hosts: %s", l.KnownHosts())
	}
}

// A host can be cut off both ways, and is still so after a reboot.
func TestCut(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	h, other := l.Host(t, "cut"), l.Host(t, "neighbour")
	const quick = "ConnectTimeout=1"

	for _, test := range []struct {
		mode lab.CutMode
		want string
	}{{lab.Refuse, "Connection refused"}, {lab.BlackHole, "Connection timed out"}} {
		session, err := l.Dial(t.Context(), "tcp", net.JoinHostPort(h.Address, "22"))
		check(t, err)
		reader := bufio.NewReader(session)
		if _, err := reader.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		check(t, h.Cut(t.Context(), test.mode))
		for range 2 {
			out, err := ssh(t, h, lab.UserNoPassword, "true", "-o", quick)
			wantError(t, err, out, test.want)
			out, err = other.Shell(t.Context(), fmt.Sprintf("timeout 1 bash -c 'exec 3<>/dev/tcp/%s/22'", h.Address))
			wantError(t, err, out, "")
			out, err = h.Shell(t.Context(), fmt.Sprintf("timeout 1 bash -c 'exec 3<>/dev/tcp/%s/22'", other.Address))
			wantError(t, err, out, "")
			if test.mode == lab.BlackHole {
				break
			}
			check(t, h.Reboot(t.Context()))
		}
		check(t, h.Rejoin(t.Context()))
		check(t, h.WaitSSH(t.Context()))
		if out, err := ssh(t, h, lab.UserNoPassword, "hostname"); err != nil || out != "cut" {
			t.Errorf("after Rejoin: %v: %s", err, out)
		}
		if test.mode == lab.BlackHole { // an open connection has outlived it
			if _, err := session.Write([]byte("nonsense\r\n")); err != nil {
				t.Error(err)
			}
			if line, err := reader.ReadString('\n'); err != nil {
				t.Errorf("the open connection: %v: %s", err, line)
			}
		}
		check(t, session.Close())
	}
}

// A full disk is full for everything in the host, and empty again afterwards.
func TestDisk(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	h := l.Host(t, "small", lab.WithDisk(256<<20))
	before, err := h.Snapshot(t.Context())
	check(t, err)
	check(t, h.FillDisk(t.Context(), 2<<20))
	free, err := strconv.Atoi(shell(t, h, "df --output=avail -k / | tail -n 1"))
	if err != nil || free > 2048 {
		t.Errorf("%d KiB are free: %v", free, err)
	}
	out, err := h.Shell(t.Context(), "head -c 8M /dev/zero >/opt/large")
	wantError(t, err, out, "No space left on device")
	shell(t, h, "rm -f /opt/large")
	check(t, h.FreeDisk(t.Context()))
	shell(t, h, "head -c 8M /dev/zero >/opt/large; rm /opt/large")
	after, err := h.Snapshot(t.Context())
	check(t, err)
	for _, c := range lab.Diff(before, after) {
		t.Error(c)
	}
	check(t, h.PowerCut(t.Context()))
	check(t, h.Start(t.Context()))
}

// What a test leaves when it is killed is found and removed by the next. It
// runs itself once more, in a process to be killed.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	if os.Getenv("LAB_TEST_DIE") != "" {
		l.Host(t, "orphan")
		fmt.Println(l.Name())
		select {}
	}
	self, err := os.Executable()
	check(t, err)
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestLeftovers$")
	cmd.Env = append(os.Environ(), "LAB_TEST_DIE=1", "DCOS_LAB_RUN=")
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	name, err := bufio.NewReader(out).ReadString('\n')
	check(t, err)
	left, err := lab.Open(strings.TrimSpace(name))
	check(t, err)
	h, err := left.Find("orphan")
	check(t, err)
	check(t, lab.RemoveLeftovers(t.Context()))
	if !h.Running() {
		t.Error("a lab in use was taken for a leftover")
	}
	check(t, cmd.Process.Kill())
	if err := cmd.Wait(); err == nil {
		t.Error("it has survived")
	}
	check(t, lab.RemoveLeftovers(t.Context()))
	if h.Running() {
		t.Error("the host runs on")
	}
	if _, err := os.Stat(left.Dir()); err == nil {
		t.Errorf("%s is left", left.Dir())
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	check(t, err)
	if strings.Contains(string(mounts), left.Dir()+"/") {
		t.Error("mounts are left")
	}
	matches, err := filepath.Glob("/run/netns/dcos-lab-" + left.Name() + "-*")
	if err != nil || len(matches) > 0 {
		t.Errorf("namespaces are left: %v %v", matches, err)
	}
	commands, err := exec.CommandContext(t.Context(), "ps", "-eo", "args").Output()
	check(t, err)
	if strings.Contains(string(commands), left.Dir()+"/") {
		t.Errorf("processes are left:\n%s", commands)
	}
}

// Two labs of the same names and addresses do not know of each other.
func TestSideBySide(t *testing.T) {
	t.Parallel()
	one := lab.Require(t)
	two, err := lab.New(t.Context(), "test-two-"+strconv.Itoa(os.Getpid()))
	check(t, err)
	t.Cleanup(func() {
		if err := two.Destroy(context.Background()); err != nil {
			t.Error(err)
		}
	})
	a := one.Host(t, "twin", lab.WithAddress("198.18.88.1"))
	b, err := two.Create(t.Context(), "twin", lab.WithAddress("198.18.88.1"))
	check(t, err)
	check(t, b.Cut(t.Context(), lab.BlackHole))
	shell(t, b, "systemctl poweroff")
	await(t, "the other to be off", func() bool { return !b.Running() })
	if out, err := ssh(t, a, lab.UserNoPassword, "hostname"); err != nil || out != "twin" {
		t.Errorf("%v: %s", err, out)
	}
	if err := two.Destroy(t.Context()); err != nil {
		t.Error(err)
	}
	if out, err := ssh(t, a, lab.UserNoPassword, "hostname"); err != nil || out != "twin" {
		t.Errorf("after the other lab is gone: %v: %s", err, out)
	}
	again, err := lab.New(t.Context(), two.Name())
	check(t, err)
	hosts, err := again.Hosts()
	if err != nil || len(hosts) > 0 {
		t.Errorf("a new lab of an old name: %v %v", hosts, err)
	}
}

// After a boot of the machine, of a lab only its directory is there.
func TestMachineBoot(t *testing.T) {
	t.Parallel()
	lab.Require(t)
	l, err := lab.New(t.Context(), "test-boot-"+strconv.Itoa(os.Getpid()))
	check(t, err)
	t.Cleanup(func() {
		if err := l.Destroy(context.Background()); err != nil {
			t.Error(err)
		}
	})
	h, err := l.Create(t.Context(), "survivor", lab.WithDisk(256<<20))
	check(t, err)
	shell(t, h, "echo kept >/opt/file; sync")
	check(t, h.Cut(t.Context(), lab.BlackHole))
	check(t, h.PowerCut(t.Context()))
	mounts, err := os.ReadFile("/proc/self/mounts")
	check(t, err)
	lines := strings.Split(string(mounts), "\n")
	for i := range lines {
		if words := strings.Fields(lines[len(lines)-1-i]); len(words) > 1 && strings.HasPrefix(words[1], l.Dir()+"/") {
			check(t, exec.CommandContext(t.Context(), "umount", words[1]).Run())
		}
	}
	matches, err := filepath.Glob("/run/netns/dcos-lab-" + l.Name() + "-*")
	if err != nil || len(matches) != 1 {
		t.Fatalf("namespaces: %v %v", matches, err)
	}
	check(t, exec.CommandContext(t.Context(), "ip", "netns", "delete", filepath.Base(matches[0])).Run())

	check(t, h.Start(t.Context()))
	if got := shell(t, h, "cat /opt/file"); got != "kept" {
		t.Errorf("the disk has %q", got)
	}
	quick, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if conn, err := l.Dial(quick, "tcp", h.Address+":22"); err == nil {
		t.Errorf("it is no longer cut off: %v", conn.Close())
	}
	check(t, h.Rejoin(t.Context()))
	conn, err := l.Dial(t.Context(), "tcp", h.Address+":22")
	check(t, err)
	check(t, conn.Close())
}
