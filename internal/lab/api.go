// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import (
	"context"
	"errors"
	"io/fs"
	"os/exec"
	"testing"
	"time"
)

var errProvisional = errors.New("not built yet")

// Lab is one network of hosts: a network namespace of its own with a bridge,
// and a directory that holds everything about its hosts. The zero value is
// of no use; see Require, New and Open.
type Lab struct{ name, dir string }

// Require gives the lab of this test binary; TestMain must have called Main.
// It skips the test with one clear line where a lab cannot run (not root, not
// Linux, -short), and fails it instead where CI=true.
func Require(t testing.TB) *Lab { t.Helper(); t.Skip(errProvisional); return nil }

// Main is TestMain's body: os.Exit(lab.Main(m)). It re-executes the test
// binary inside the network namespace of a lab of its own, runs the tests and
// tears down what they made. Where no lab can run it just runs the tests.
func Main(m *testing.M) int { return m.Run() }

// Check says in one error what a lab lacks on this machine; nil if nothing.
func Check() error { return errProvisional }

// New makes a lab that lasts until Destroy, or gives the one of that name.
func New(ctx context.Context, name string) (*Lab, error) { return nil, errProvisional }

// Open gives an existing lab.
func Open(name string) (*Lab, error) { return nil, errProvisional }

// Dir is the lab's directory.
func (l *Lab) Dir() string { return l.dir }

// Destroy takes the lab down: hosts, namespace, directory.
func (l *Lab) Destroy(ctx context.Context) error { return errProvisional }

// PrivateKey is an Ed25519 key in OpenSSH's form; it opens every account of every host.
func (l *Lab) PrivateKey() ([]byte, error) { return nil, errProvisional }

// KnownHosts is the path of a known_hosts file with the keys of all hosts.
func (l *Lab) KnownHosts() string { return "" }

// Gateway is the address of the lab's own end of the network, where test
// servers may listen so that hosts reach them.
func (l *Lab) Gateway() string { return "198.18.0.1" }

// Command is a command in the lab's network.
func (l *Lab) Command(ctx context.Context, name string, args ...string) *exec.Cmd { return nil }

// Accounts of every host. Each may log in with Lab.PrivateKey and with the
// password that Password gives.
const (
	UserRoot       = "root"
	UserNoPassword = "alice" // sudo without a password
	UserRequireTTY = "tina"  // sudo without a password, but only on a terminal
	UserPassword   = "paul"  // sudo with the password
	UserNoSudo     = "nora"  // may not use sudo
)

// Password is the login (and sudo) password of an account of a host.
func Password(user string) string { return user + "-secret" }

// Host is one host of a lab.
type Host struct {
	Name    string // its host name
	Address string // its IPv4 address
	HostKey string // its public key, in authorized_keys form
	lab     *Lab
}

// Option is a wish about a new host.
type Option func(*spec)

type spec struct{}

// WithAddress gives the host this address instead of a free one.
func WithAddress(address string) Option { return func(*spec) {} }

// WithMount mounts a directory of the machine into the host, at dst.
func WithMount(src, dst string) Option { return func(*spec) {} }

// WithPackages adds Debian packages to the host, as a cached layer.
func WithPackages(names ...string) Option { return func(*spec) {} }

// WithSSHD puts lines ahead of the host's sshd configuration.
func WithSSHD(lines ...string) Option { return func(*spec) {} }

// WithoutSFTP leaves sshd's SFTP subsystem out.
func WithoutSFTP() Option { return func(*spec) {} }

// WithDisk bounds the host's file system, so that FillDisk can fill it.
func WithDisk(size int64) Option { return func(*spec) {} }

// NotStarted leaves the host switched off.
func NotStarted() Option { return func(*spec) {} }

// Host makes a host, boots it, waits until sshd answers, and destroys it when
// the test ends. It ends the test if that fails.
func (l *Lab) Host(t testing.TB, name string, opts ...Option) *Host { t.Helper(); return nil }

// Create is Host for callers that are not a test; the host lasts until Host.Destroy.
func (l *Lab) Create(ctx context.Context, name string, opts ...Option) (*Host, error) {
	return nil, errProvisional
}

// Find gives a host that exists; Hosts gives all, by name.
func (l *Lab) Find(name string) (*Host, error) { return nil, errProvisional }

// Hosts gives all hosts of the lab, by name.
func (l *Lab) Hosts() ([]*Host, error) { return nil, errProvisional }

// Start boots the host and waits until sshd answers.
func (h *Host) Start(ctx context.Context) error { return errProvisional }

// Stop switches the host off in an orderly way.
func (h *Host) Stop(ctx context.Context) error { return errProvisional }

// PowerCut switches the host off at once.
func (h *Host) PowerCut(ctx context.Context) error { return errProvisional }

// Reboot reboots the host in an orderly way and waits until sshd answers again.
func (h *Host) Reboot(ctx context.Context) error { return errProvisional }

// Destroy switches the host off and removes it.
func (h *Host) Destroy(ctx context.Context) error { return errProvisional }

// Running says whether the host is switched on.
func (h *Host) Running() bool { return false }

// WaitSSH waits until sshd answers.
func (h *Host) WaitSSH(ctx context.Context) error { return errProvisional }

// CutMode is how a host is cut off.
type CutMode int

// How callers see a host that is cut off.
const (
	BlackHole CutMode = iota // packets vanish: connections time out, open ones stall
	Refuse                   // connections are refused, open ones reset
)

// Cut cuts the host off the network; it goes on running.
func (h *Host) Cut(ctx context.Context, mode CutMode) error { return errProvisional }

// Rejoin undoes Cut.
func (h *Host) Rejoin(ctx context.Context) error { return errProvisional }

// Exec runs a command as root inside the host, not over SSH, and gives its standard output.
func (h *Host) Exec(ctx context.Context, command ...string) (string, error) {
	return "", errProvisional
}

// Shell is Exec of a script for sh.
func (h *Host) Shell(ctx context.Context, script string) (string, error) {
	return h.Exec(ctx, "sh", "-ec", script)
}

// ReadFile reads a file of the host from outside, running or not.
func (h *Host) ReadFile(path string) ([]byte, error) { return nil, errProvisional }

// WriteFile writes a file of the host from outside, running or not.
func (h *Host) WriteFile(path string, data []byte, mode fs.FileMode) error { return errProvisional }

// FillDisk leaves so many bytes free on the disk of a host made WithDisk.
func (h *Host) FillDisk(ctx context.Context, leave int64) error { return errProvisional }

// FreeDisk undoes FillDisk.
func (h *Host) FreeDisk(ctx context.Context) error { return errProvisional }

// Snapshot is everything about a host that a removed installation must not have changed.
type Snapshot struct{ Entries map[string]string }

// Snapshot looks at the host from outside; it leaves no trace in it.
func (h *Host) Snapshot(ctx context.Context) (*Snapshot, error) { return nil, errProvisional }

// Change is one difference between two snapshots; String gives a readable line.
type Change struct{ Name, Before, After string }

// String gives the change as a line.
func (c Change) String() string { return c.Name + ": " + c.Before + " -> " + c.After }

// Diff gives what differs, sorted.
func Diff(before, after *Snapshot) []Change { return nil }

// Faults is what a Proxy does to what passes through it.
type Faults struct {
	Latency, Jitter time.Duration // each way
	Bandwidth       int64         // bytes a second, each way; 0 = no limit
	Loss            float64       // fraction of segments that come late, as if sent again
	Up, Down        Fault         // client to server, server to client
	Refuse          bool          // new connections are closed at once
}

// Fault happens to every connection of a Proxy once, at a byte of one direction.
type Fault struct {
	Kind FaultKind
	At   int64
}

// FaultKind is a kind of Fault.
type FaultKind int

// The kinds of Fault.
const (
	NoFault FaultKind = iota
	Close             // both sides are closed in order
	Reset             // both sides are reset
	Stall             // nothing passes any more, either way
	Corrupt           // one bit of the byte is changed
)

// Proxy is a TCP proxy in front of a host that makes the path to it a bad one.
type Proxy struct{}

// Proxy makes a proxy to target ("ADDRESS:PORT"), gone when the test ends.
func (l *Lab) Proxy(t testing.TB, target string, f Faults) *Proxy { t.Helper(); return nil }

// Address is where the proxy listens, "ADDRESS:PORT".
func (p *Proxy) Address() string { return "" }

// Set changes the faults, for new connections and for what else passes in open ones.
func (p *Proxy) Set(f Faults) {}

// Cut resets all open connections.
func (p *Proxy) Cut() {}

// Bytes is how much has passed so far, each way, and Connections how many there were.
func (p *Proxy) Bytes() (up, down int64) { return 0, 0 }

// Connections is how many connections were accepted so far.
func (p *Proxy) Connections() int { return 0 }

// LoadBalancer describes a load balancer.
type LoadBalancer struct {
	Listeners []Listener // nil: DCOSListeners
	Backends  []string   // addresses of the hosts behind it
	CheckPort int        // TCP port whose answer makes a backend healthy; 0: 5050
}

// Listener is a port of a load balancer.
type Listener struct {
	Port int
	HTTP bool // else TCP
}

// DCOSListeners are the listeners of DC/OS's internal master load balancer.
func DCOSListeners() []Listener { return nil }

// LoadBalancer makes a host with HAProxy on it, set up as described.
func (l *Lab) LoadBalancer(ctx context.Context, name string, lb LoadBalancer, opts ...Option) (*Host, error) {
	return nil, errProvisional
}
