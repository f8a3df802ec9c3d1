// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// supervise is the script that keeps a host switched on. It is a shell's and
// not this process's work because hosts outlive the command that starts them
// and must not be tied to a test that is killed, and a shell is 1 MiB.
//
// With --keep-unit systemd-nspawn does not reboot a host, it ends with 133 to
// be started again. A host whose connections are refused gets that rule at
// every boot, long before it has its address.
const supervise = `
dir=$1 netns=$2 cgroups=$3; shift 3
for cgroup in $cgroups; do mkdir -p $cgroup && echo $$ >$cgroup/cgroup.procs; done
while :; do
	nsenter --net=$netns -- systemd-nspawn "$@" &
	nspawn=$!
	if [ -e $dir/refuse.nft ]; then
		(
			while [ -d /proc/$nspawn ] && [ -e $dir/refuse.nft ]; do
				for pid in $(cat /proc/$nspawn/task/$nspawn/children 2>/dev/null); do
					[ /proc/$pid/ns/net -ef $netns ] || { [ -d /proc/$pid ] && nsenter --net=/proc/$pid/ns/net -- nft -f $dir/refuse.nft && exit; }
				done
				sleep 0.02
			done
		) &
	fi
	status=0
	wait $nspawn || status=$?
	echo "lab: systemd-nspawn has ended with status $status"
	[ $status = 133 ] && [ -e $dir/on ] || exit $status
done
`

// bootLimit is how long a host may take to boot on a machine that is busy
// with much else, and to switch itself off.
const bootLimit = 90 * time.Second

// Start boots the host and waits until sshd answers. A host that runs is left
// as it is.
func (h *Host) Start(ctx context.Context) error {
	unlock, err := lockFile(filepath.Join(h.dir, "lock"))
	if err != nil {
		return err
	}
	defer unlock()
	if err := h.start(ctx); err != nil {
		return fmt.Errorf("start host %s: %w", h.Name, err)
	}
	if err := h.WaitSSH(ctx); err != nil {
		return err
	}
	// The lab may still know the address by the device of a host that had it before.
	return run(ctx, "", []string{"ip", "-n", h.lab.namespaceName(), "neigh", "flush", "to", h.Address})
}

func (h *Host) start(ctx context.Context) error {
	if h.Running() {
		return nil
	}
	if err := h.reap(ctx); err != nil { // what a supervisor that was killed has left running
		return err
	}
	if err := h.lab.repair(ctx); err != nil {
		return err
	}
	s, err := h.spec()
	if err != nil {
		return err
	}
	if err := h.mountRoot(ctx, s); err != nil {
		return err
	}
	if exists(h.cutFile()) { // in a network that was repaired it is not known
		if err := h.blackHole(ctx); err != nil {
			return err
		}
	}
	args := []string{
		"--quiet", "--settings=no", "--register=no", "--keep-unit", "--boot", "--link-journal=no", "--resolv-conf=off", "--timezone=off",
		"--console=pipe",
		"--machine=" + h.machine(), "--hostname=" + h.Name, "--directory=" + h.root(), "--network-bridge=" + bridge, "--kill-signal=SIGRTMIN+3",
	}
	for _, m := range s.Mounts {
		args = append(args, "--bind="+m.Source+":"+m.Target)
	}
	cgroups, err := h.lab.cgroups(h.Name)
	if err != nil {
		return err
	}
	command := append([]string{"sh", "-c", supervise, "lab-host", h.dir, h.lab.namespace(), strings.Join(cgroups, " ")}, args...)
	if systemdMachine() { // who is asked for a cgroup: outside the session, with whose end the host would end
		command = append([]string{"systemd-run", "--scope", "--quiet", "--collect", "--slice=machine", "--unit=" + h.machine(),
			"--property=Delegate=yes"}, command...)
	}
	if err := os.WriteFile(filepath.Join(h.dir, "on"), nil, 0o600); err != nil {
		return err
	}
	console, err := os.OpenFile(filepath.Join(h.dir, "console.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", console, console
	// Its /tmp is on disk, as snapshots need it
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_NSPAWN_TMPFS_TMP=0"}
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return errors.Join(err, console.Close())
	}
	go func() { _ = cmd.Wait() /* reaps it, nothing else; how it ended is in the console's log */ }()
	return errors.Join(h.noteSupervisor(cmd.Process.Pid), console.Close())
}

// machine is the host's name towards nspawn. It is different in every lab, and
// as long as can be without nspawn shortening the name of the network device.
func (h *Host) machine() string { return "l" + shortHash(h.dir)[:11] }

// device is the lab's end of the host's network device.
func (h *Host) device() string { return "vb-" + h.machine() }

// noteSupervisor keeps the identity of the host's supervisor.
func (h *Host) noteSupervisor(pid int) error {
	p, err := processOf(pid)
	if err != nil {
		return err
	}
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(h.dir, "supervisor.json"), text, 0o600)
}

// supervisor gives the process id of the host's supervisor, 0 if it is off.
func (h *Host) supervisor() int {
	text, err := os.ReadFile(filepath.Join(h.dir, "supervisor.json"))
	if err != nil {
		return 0
	}
	var p process
	if err := json.Unmarshal(text, &p); err != nil || !p.alive() {
		return 0
	}
	return p.PID
}

// nspawn gives the process id of the host's systemd-nspawn, 0 if there is none.
func (h *Host) nspawn() int {
	for _, pid := range children(h.supervisor()) {
		if hasArgument(pid, "--directory="+h.root()) && alive(pid) {
			return pid
		}
	}
	return 0
}

// leader gives the process id, here, of the host's process 1; 0 if it has none.
func (h *Host) leader() int {
	for _, pid := range children(h.nspawn()) {
		if isInit(pid) && alive(pid) {
			return pid
		}
	}
	return 0
}

// Running says whether the host is switched on.
func (h *Host) Running() bool { return h.supervisor() != 0 }

// State says in a few words how the host is.
func (h *Host) State() string {
	state := "off"
	if h.Running() {
		state = "on"
	}
	if exists(h.cutFile()) {
		state += ", cut off"
	}
	if exists(h.refuseFile()) {
		state += ", refuses"
	}
	return state
}

// WaitSSH waits until sshd answers, at most a minute and a half. A host that
// is cut off is asked all the same.
func (h *Host) WaitSSH(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, bootLimit, errors.New("no sshd in time"))
	defer cancel()
	err := poll(ctx, 15*time.Millisecond, func() (bool, error) {
		if !h.Running() {
			return false, errors.New("it went off")
		}
		leader := h.leader()
		return leader != 0 && h.greets(ctx, leader), nil
	})
	if err != nil {
		console, rerr := os.ReadFile(filepath.Join(h.dir, "console.log"))
		return errors.Join(fmt.Errorf("wait for host %s: %w; the end of its console:\n%s", h.Name, err, lastLines(string(console), 6)), rerr)
	}
	return nil
}

// greets says whether sshd sends its banner. It is asked from within the
// host's own network, where the answer comes at once: from outside, asking
// before the host has its address would cost a second, until the next ARP
// request.
func (h *Host) greets(ctx context.Context, leader int) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var conn net.Conn
	err := inNamespace(fmt.Sprintf("/proc/%d/ns/net", leader), func() (err error) {
		var d net.Dialer
		conn, err = d.DialContext(ctx, "tcp", net.JoinHostPort(h.Address, strconv.Itoa(h.Port)))
		return err
	})
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() /* only looked at */ }()
	if err := conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		return false
	}
	banner := make([]byte, 4)
	n, err := conn.Read(banner)
	return err == nil && bytes.HasPrefix(banner[:n], []byte("SSH-"))
}

// Stop switches the host off in an orderly way; one that does not obey in
// time loses its power.
func (h *Host) Stop(ctx context.Context) error {
	if err := h.switchOff(); err != nil {
		return err
	}
	if pid := h.nspawn(); pid != 0 {
		if err := terminate(pid); err != nil { // nspawn hands it on as SIGRTMIN+3: power off
			return err
		}
		limited, cancel := context.WithTimeout(ctx, bootLimit)
		defer cancel()
		err := poll(limited, 10*time.Millisecond, func() (bool, error) { return !h.Running(), nil })
		if err != nil && ctx.Err() != nil {
			return fmt.Errorf("stop host %s: %w", h.Name, err)
		}
	}
	return h.PowerCut(ctx)
}

// PowerCut switches the host off at once.
func (h *Host) PowerCut(ctx context.Context) error {
	if err := h.switchOff(); err != nil {
		return err
	}
	// The host's process 1 is killed: nspawn ends when it does, but not the other way round.
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err := poll(limited, 5*time.Millisecond, func() (bool, error) {
		if !h.Running() {
			return true, nil
		}
		if pid := h.leader(); pid != 0 {
			return false, kill(pid)
		}
		return false, nil
	})
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("cut the power of host %s: %w", h.Name, err)
	}
	return h.reap(ctx)
}

// switchOff keeps the supervisor from booting the host again.
func (h *Host) switchOff() error {
	if err := os.Remove(filepath.Join(h.dir, "on")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// reap ends every process of the host, whoever started it, and removes what
// nspawn leaves on the machine.
func (h *Host) reap(ctx context.Context) error {
	root, err := fileIDOf(h.root())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	mounted, err := isMountPoint(h.root())
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeoutCause(ctx, 20*time.Second, errors.New("its processes do not end"))
	defer cancel()
	err = poll(limited, 10*time.Millisecond, func() (bool, error) {
		pids, err := allProcesses()
		if err != nil {
			return false, err
		}
		gone := true
		for _, pid := range pids {
			ours := hasArgument(pid, "--directory="+h.root())
			if !ours && mounted {
				id, err := fileIDOf(fmt.Sprintf("/proc/%d/root", pid))
				ours = err == nil && id == root
			}
			if ours && alive(pid) {
				gone = false
				if err := kill(pid); err != nil {
					return false, err
				}
			}
		}
		return gone, nil
	})
	if err != nil {
		return fmt.Errorf("end the processes of host %s: %w", h.Name, err)
	}
	for _, left := range []string{"propagate", "unix-export"} {
		// nspawn removes these itself where /run is not on a disk.
		if err := os.Remove(filepath.Join("/run/systemd/nspawn", left, h.machine())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return dropCgroups(ctx, filepath.Join(h.lab.cgroupName(), h.Name))
}

// Reboot reboots the host in an orderly way and waits until sshd answers again.
func (h *Host) Reboot(ctx context.Context) error {
	before, err := processOf(h.leader())
	if err != nil {
		return fmt.Errorf("reboot host %s: it is off", h.Name)
	}
	_, err = h.Exec(ctx, "systemctl", "reboot")
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.Exited()) { // it may go down under the command
		return err
	}
	limited, cancel := context.WithTimeoutCause(ctx, bootLimit, errors.New("it does not go down"))
	defer cancel()
	if err := poll(limited, 10*time.Millisecond, func() (bool, error) { return !before.alive(), nil }); err != nil {
		return fmt.Errorf("reboot host %s: %w", h.Name, err)
	}
	return h.WaitSSH(ctx)
}
