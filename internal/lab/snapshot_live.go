// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// liveHost is a host that runs, with its process 1 as the machine knows it.
type liveHost struct {
	*Host
	leader int
}

func (h liveHost) proc(name string) string {
	return filepath.Join("/proc", strconv.Itoa(h.leader), name)
}

// session are processes that belong to somebody's SSH connection.
var session = regexp.MustCompile(`^sshd: |^/usr/sbin/sshd .*-R$|^\(sd-pam\)|^/usr/lib/openssh/sftp-server`)

// startups is how many connections sshd is just letting in.
var startups = regexp.MustCompile(` \d+ of \d+-\d+ startups$`)

func (h liveHost) lookAtProcesses(_ context.Context, found entries) error {
	namespace, err := os.Readlink(h.proc("ns/pid"))
	if err != nil {
		return err
	}
	pids, err := allProcesses()
	if err != nil {
		return err
	}
	counts := map[string]int{}
	for _, pid := range pids {
		// Errors from here on mean that the process has ended.
		if ns, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid)); err != nil || ns != namespace {
			continue
		}
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		uid, _, serr := ownerOfFile(fmt.Sprintf("/proc/%d", pid))
		command := strings.TrimSpace(string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
		if err != nil || serr != nil || command == "" || session.MatchString(command) && !strings.Contains(command, "[listener]") {
			continue
		}
		command = startups.ReplaceAllString(command, "")
		counts[fmt.Sprintf("process %s (user %d)", command, uid)]++
	}
	for name, n := range counts {
		found[name] = strconv.Itoa(n)
	}
	return nil
}

// transientMounts come and go with sessions and with systemd's own services.
var transientMounts = regexp.MustCompile(`^/run/(credentials|user)/`)

func (h liveHost) lookAtMounts(_ context.Context, found entries) error {
	return eachLine(h.proc("mountinfo"), func(words []string) {
		separator := slices.Index(words, "-")
		if separator > 4 && len(words) > separator+2 && !transientMounts.MatchString(words[4]) {
			found["mount "+words[4]] = words[separator+1] + " " + words[separator+2]
		}
	})
}

func eachLine(path string, do func(words []string)) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	scan := bufio.NewScanner(f)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		do(strings.Fields(scan.Text()))
	}
	return errors.Join(scan.Err(), f.Close())
}

// lookAtSockets finds who could be reached: listening TCP and unix sockets,
// and UDP sockets that anybody may send to.
func (h liveHost) lookAtSockets(_ context.Context, found entries) error {
	const listening, unconnected = "0A", "07" // TCP_LISTEN and TCP_CLOSE of the kernel's net/tcp_states.h
	for table, state := range map[string]string{"tcp": listening, "tcp6": listening, "udp": unconnected, "udp6": unconnected} {
		err := eachLine(h.proc("net/"+table), func(words []string) {
			if len(words) > 3 && words[3] == state {
				found["listen "+table+" "+socketAddress(words[1])] = "yes"
			}
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // no IPv6
			return err
		}
	}
	const accepts = 1 << 16 // __SO_ACCEPTCON
	return eachLine(h.proc("net/unix"), func(words []string) {
		if len(words) < 8 {
			return
		}
		if flags, err := strconv.ParseUint(words[3], 16, 32); err == nil && flags&accepts != 0 && !strings.HasPrefix(words[7], "/run/user/") {
			found["listen unix "+words[7]] = "yes"
		}
	})
}

// socketAddress reads an address of the kernel's socket tables: the words of
// an IP address in the machine's byte order, a colon, the port; all in hex.
func socketAddress(text string) string {
	address, port, ok := strings.Cut(text, ":")
	raw, err := hex.DecodeString(address)
	number, perr := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil || perr != nil {
		return text
	}
	for i := 0; i+4 <= len(raw); i += 4 {
		slices.Reverse(raw[i : i+4])
	}
	ip, ok := netip.AddrFromSlice(raw)
	if !ok {
		return text
	}
	return netip.AddrPortFrom(ip, uint16(number)).String()
}

func (h liveHost) lookAtNetwork(ctx context.Context, found entries) error {
	namespace := h.proc("ns/net")
	err := inNamespace(namespace, func() error {
		if err := lookAtLinks(found); err != nil {
			return err
		}
		return lookAtSysctls(found)
	})
	if err != nil {
		return fmt.Errorf("look at the network: %w", err)
	}
	for what, command := range map[string][]string{
		"route ": {"ip", "-4", "route", "show", "table", "all"}, "route6 ": {"ip", "-6", "route", "show", "table", "all"},
		"rule ": {"ip", "-4", "rule"}, "rule6 ": {"ip", "-6", "rule"},
	} {
		out, err := exec.CommandContext(ctx, "nsenter", append([]string{"--net=" + namespace, "--"}, command...)...).Output()
		if err != nil {
			return fmt.Errorf("%s: %w", strings.Join(command, " "), err)
		}
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, " table local ") {
				continue // the kernel's own, one for each address; IPv6's appear a second after it
			}
			found[what+strings.Join(strings.Fields(line), " ")] = "yes"
		}
	}
	out, err := exec.CommandContext(ctx, "nsenter", "--net="+namespace, "--", "nft", "--stateless", "list", "ruleset").Output()
	if err != nil {
		return fmt.Errorf("list the firewall's rules: %w", err)
	}
	lookAtFirewall(string(out), found)
	return nil
}

func lookAtLinks(found entries) error {
	links, err := net.Interfaces()
	if err != nil {
		return err
	}
	for _, link := range links {
		addresses, err := link.Addrs()
		if err != nil {
			return err
		}
		text := []string{fmt.Sprintf("%s mtu %d", link.Flags, link.MTU)}
		for _, a := range addresses {
			text = append(text, a.String())
		}
		slices.Sort(text[1:])
		found["link "+link.Name] = strings.Join(text, " ")
	}
	return nil
}

// machineSysctls are not a host's own, though they are below net. Those of a
// link that comes or goes are left out: the link itself is seen.
var (
	machineSysctls = regexp.MustCompile(`/(tcp_available_congestion_control|tcp_allowed_congestion_control|tcp_fastopen_key)$`)
	oneLink        = regexp.MustCompile(`/(conf|neigh)/([^/]+)$`)
	lastingLink    = regexp.MustCompile(`/(all|default|lo|host0)$`)
)

func lookAtSysctls(found entries) error {
	for _, top := range []string{"core", "ipv4", "ipv6", "unix"} {
		err := filepath.WalkDir("/proc/thread-self/root/proc/sys/net/"+top, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && oneLink.MatchString(path) && !lastingLink.MatchString(path) {
				return filepath.SkipDir
			}
			if err != nil || d.IsDir() || machineSysctls.MatchString(path) {
				if errors.Is(err, fs.ErrNotExist) {
					return nil
				}
				return err
			}
			text, err := os.ReadFile(path)
			if err == nil { // several cannot be read, which is how they are on every host
				name := strings.ReplaceAll(strings.TrimPrefix(path, "/proc/thread-self/root/proc/sys/net/"), "/", ".")
				found["sysctl net."+name] = strings.Join(strings.Fields(string(text)), " ")
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// lookAtFirewall reads nft's listing. iptables leaves tables with empty chains
// behind when its last rule is deleted; they do nothing and are left out.
func lookAtFirewall(listing string, found entries) {
	var path []string
	builtIn := false
	for line := range strings.Lines(listing) {
		line = strings.Join(strings.Fields(line), " ")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case line == "}":
			if len(path) > 1 && !builtIn && path[0] != ownTable {
				found["firewall "+strings.Join(path, " ")] = "yes"
			}
			path = path[:max(0, len(path)-1)]
		case strings.HasSuffix(line, "{") && !strings.Contains(line, "elements"):
			path = append(path, strings.TrimSuffix(line, " {"))
			builtIn = false
		case len(path) > 0 && path[0] == ownTable:
		case strings.HasPrefix(line, "type ") && strings.HasSuffix(line, "policy accept;"):
			builtIn = true
		default:
			found["firewall "+strings.Join(path, " ")+": "+line] = "yes"
		}
	}
}

// lookAtCgroups finds cgroups that are not a unit's, as Mesos makes them.
func (h liveHost) lookAtCgroups(_ context.Context, found entries) error {
	text, err := os.ReadFile(h.proc("cgroup"))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 || (parts[1] != "" && parts[1] != "name=systemd") {
			continue
		}
		for _, mounted := range []string{"", "unified", "systemd"} {
			top := filepath.Join(cgroupRoot, mounted, strings.TrimSuffix(parts[2], "/init.scope"))
			if parts[2] == "/" || !exists(filepath.Join(top, "cgroup.procs")) {
				continue
			}
			err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
				if errors.Is(err, fs.ErrNotExist) || (err == nil && !d.IsDir()) || path == top {
					return nil
				}
				if err == nil && !isUnitName(d.Name()) {
					found["cgroup "+strings.TrimPrefix(path, top)] = "yes"
				}
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

var unitName = regexp.MustCompile(`\.(service|scope|slice|socket|mount|swap)$`)

func isUnitName(name string) bool { return unitName.MatchString(name) }

// insideScript asks the host's own commands for what only they know, each
// answer on a line that begins with its kind.
const insideScript = `export SYSTEMD_COLORS=0 LC_ALL=C
systemctl list-units --all --plain --no-legend --full | sed 's/^/unit /'
systemctl list-unit-files --plain --no-legend --full | sed 's/^/unitfile /'
{ ipset list -n 2>/dev/null || :; } | sed 's/^/ipset /'
sed 's/^/passwd /' /etc/passwd
sed 's/^/group /' /etc/group
`

// sessionUnit are units that exist while somebody is logged in, and those
// that something started by hand.
var sessionUnit = regexp.MustCompile(`^(session-|user@|user-|run-user|run-credentials)|\.scope$|\.device$`)

// gathering are units that do nothing themselves. Once something has wanted
// one, network-online.target say, it stays active until the next boot.
var gathering = regexp.MustCompile(`\.(target|slice)$`)

func (h liveHost) lookInside(ctx context.Context, found entries) error {
	out, err := h.Shell(ctx, insideScript)
	if err != nil {
		return err
	}
	for line := range strings.Lines(out) {
		kind, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		words := strings.Fields(rest)
		switch {
		case kind == "unit" && len(words) > 3:
			if words[2] != "inactive" && !sessionUnit.MatchString(words[0]) && !(words[1] == "loaded" && gathering.MatchString(words[0])) {
				found["unit "+words[0]] = strings.Join(words[1:4], " ")
			}
		case kind == "unitfile" && len(words) > 1:
			if !sessionUnit.MatchString(words[0]) {
				found["unitfile "+words[0]] = words[1]
			}
		case kind == "ipset":
			found["ipset "+rest] = "yes"
		case kind == "passwd" || kind == "group":
			name, value, _ := strings.Cut(rest, ":")
			found[map[string]string{"passwd": "user ", "group": "group "}[kind]+name] = value
		}
	}
	return nil
}
