// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Accounts of every host. Each opens with Lab.PrivateKey and, but for root,
// with the password that Password gives.
const (
	UserRoot       = "root"
	UserNoPassword = "alice" // sudo without a password
	UserRequireTTY = "tina"  // sudo without a password, but only on a terminal
	UserPassword   = "paul"  // sudo with the password
	UserNoSudo     = "nora"  // may not use sudo
)

// Password is the login and sudo password of an account of a host.
func Password(user string) string { return user + "-secret" }

// Host is one host of a lab.
type Host struct {
	Name    string // its host name
	Address string // its IPv4 address
	Port    int    // the port of its sshd
	HostKey string // its public key, in authorized_keys form
	lab     *Lab
	dir     string

	zookeeper bool
}

// spec is what a host is made of; host.json holds it.
type spec struct {
	Address  string   `json:"address"`
	Port     int      `json:"port"`
	HostKey  string   `json:"host_key"`
	Packages []string `json:"packages,omitempty"`
	Mounts   []mount  `json:"mounts,omitempty"`
	Disk     int64    `json:"disk,omitempty"`
	SSHD     []string `json:"sshd,omitempty"`
	NoSFTP   bool     `json:"no_sftp,omitempty"`
	Files    []file   `json:"-"`
	Off      bool     `json:"-"`

	ZooKeeper bool `json:"zookeeper,omitempty"`

	Lowers []string `json:"lowers"`
}

type mount struct{ Source, Target string }

// Option is a wish about a new host.
type Option func(*spec)

// WithAddress gives the host this address of 198.18.0.0/15. Without it, the
// host gets a free one of 198.19.0.0/16.
func WithAddress(address string) Option { return func(s *spec) { s.Address = address } }

// WithMount mounts a directory of the machine into the host, at dst: a file
// system that several hosts share.
func WithMount(src, dst string) Option {
	return func(s *spec) { s.Mounts = append(s.Mounts, mount{src, dst}) }
}

// WithPackages adds Debian packages to the host, as a cached layer.
func WithPackages(names ...string) Option {
	return func(s *spec) { s.Packages = append(s.Packages, names...) }
}

// WithSSHD puts lines ahead of the host's sshd configuration, where they have
// precedence over what follows.
func WithSSHD(lines ...string) Option { return func(s *spec) { s.SSHD = append(s.SSHD, lines...) } }

// WithoutSFTP leaves sshd's SFTP subsystem out.
func WithoutSFTP() Option { return func(s *spec) { s.NoSFTP = true } }

// WithDisk puts the host's whole file system on a disk of that many bytes, so
// that it can become full: see Host.FillDisk.
func WithDisk(size int64) Option { return func(s *spec) { s.Disk = size } }

// WithFile puts a file into the host.
func WithFile(path, content string, mode fs.FileMode) Option {
	return func(s *spec) { s.Files = append(s.Files, file{path, mode, content}) }
}

// NotStarted leaves the host switched off: one that Host.Start makes appear later.
func NotStarted() Option { return func(s *spec) { s.Off = true } }

// Host makes a host, boots it, waits until sshd answers, and destroys it when
// the test ends. It ends the test if that fails.
func (l *Lab) Host(t testing.TB, name string, opts ...Option) *Host {
	t.Helper()
	h, err := l.Create(t.Context(), name, opts...)
	if err != nil {
		t.Fatalf("lab: %v", err)
	}
	t.Cleanup(func() {
		if err := h.Destroy(context.Background()); err != nil {
			t.Errorf("lab: %v", err)
		}
	})
	return h
}

// Create is Host for callers that are not a test; the host lasts until
// Host.Destroy. A host that cannot be made leaves nothing behind.
func (l *Lab) Create(ctx context.Context, name string, opts ...Option) (*Host, error) {
	var s spec
	for _, o := range opts {
		o(&s)
	}
	h, err := l.create(ctx, name, s)
	if err != nil {
		return nil, fmt.Errorf("create host %s: %w", name, err)
	}
	if !s.Off {
		if err := h.Start(ctx); err != nil {
			return nil, errors.Join(err, h.Destroy(context.WithoutCancel(ctx)))
		}
	}
	return h, nil
}

func (l *Lab) create(ctx context.Context, name string, s spec) (*Host, error) {
	if !validName.MatchString(name) {
		return nil, fmt.Errorf("%q is no host name: small letters, digits and hyphens", name)
	}
	for i, m := range s.Mounts {
		abs, err := filepath.Abs(m.Source)
		if err != nil {
			return nil, err
		}
		if info, err := os.Stat(abs); err != nil || !info.IsDir() {
			return nil, errors.Join(err, fmt.Errorf("%s cannot be mounted: no directory", abs))
		}
		s.Mounts[i].Source = abs
	}
	s.Port = 22
	for _, line := range s.SSHD {
		if words := strings.Fields(line); len(words) == 2 && strings.EqualFold(words[0], "Port") {
			port, err := strconv.Atoi(words[1])
			if err != nil {
				return nil, fmt.Errorf("sshd line %q: %w", line, err)
			}
			s.Port = port
		}
	}
	var err error
	if s.Lowers, err = l.images.lowers(ctx, s.Packages); err != nil {
		return nil, err
	}
	public, private, err := newKey("root@" + name)
	if err != nil {
		return nil, err
	}
	s.HostKey = strings.TrimSpace(string(public))
	h := &Host{Name: name, lab: l, dir: filepath.Join(l.dir, "hosts", name)}
	if err := h.claim(&s); err != nil {
		return nil, err
	}
	h.Address, h.Port, h.HostKey, h.zookeeper = s.Address, s.Port, s.HostKey, s.ZooKeeper
	if err := errors.Join(h.furnish(ctx, s, public, private), l.writeKnownHosts()); err != nil {
		return nil, errors.Join(err, h.Destroy(context.WithoutCancel(ctx)))
	}
	return h, nil
}

// claim takes the host's name and address.
func (h *Host) claim(s *spec) error {
	unlock, err := lockFile(filepath.Join(h.lab.dir, "hosts.lock"))
	if err != nil {
		return err
	}
	defer unlock()
	hosts, err := h.lab.Hosts()
	if err != nil {
		return err
	}
	taken := map[string]string{gateway: "the lab itself"}
	for _, other := range hosts {
		taken[other.Address] = other.Name
	}
	if s.Address == "" {
		for a := netip.MustParseAddr("198.19.0.1"); s.Address == ""; a = a.Next() {
			if taken[a.String()] == "" {
				s.Address = a.String()
			}
		}
	}
	a, err := netip.ParseAddr(s.Address)
	if err != nil || !netip.MustParsePrefix(network).Contains(a) {
		return fmt.Errorf("%q is no address in the lab's network %s", s.Address, network)
	}
	if who := taken[s.Address]; who != "" {
		return fmt.Errorf("address %s belongs to %s", s.Address, who)
	}
	if err := os.Mkdir(h.dir, 0o755); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("there is a host %s already", h.Name)
		}
		return err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	part := filepath.Join(h.dir, "host.json.part")
	if err := os.WriteFile(part, text, 0o600); err != nil {
		return err
	}
	return os.Rename(part, filepath.Join(h.dir, "host.json"))
}

// furnish makes the host's file system: the image, and what is the host's own.
func (h *Host) furnish(ctx context.Context, s spec, public, private []byte) error {
	if err := h.mountRoot(ctx, s); err != nil {
		return err
	}
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return err
	}
	files := append([]file{
		{"/etc/hostname", 0o644, h.Name + "\n"},
		{"/etc/hosts", 0o644, "127.0.0.1 localhost\n127.0.1.1 " + h.Name + "\n"},
		{"/etc/machine-id", 0o444, hex.EncodeToString(id) + "\n"},
		{"/etc/lab/net", 0o644, "ADDRESS=" + h.Address + "/" + prefixBits + "\nGATEWAY=" + gateway + "\n"},
		{"/etc/ssh/ssh_host_ed25519_key", 0o600, string(private)},
		{"/etc/ssh/ssh_host_ed25519_key.pub", 0o644, string(public)},
	}, s.Files...)
	if len(s.SSHD) > 0 {
		files = append(files, file{"/etc/ssh/sshd_config.d/00-host.conf", 0o644, strings.Join(s.SSHD, "\n") + "\n"})
	}
	for _, f := range files {
		if err := putFile(h.root(), f); err != nil {
			return err
		}
	}
	if s.NoSFTP {
		if err := os.Remove(filepath.Join(h.root(), "etc/ssh/sshd_config.d/60-sftp.conf")); err != nil {
			return err
		}
	}
	return h.authorize()
}

// authorize lets the lab's key in for every account.
func (h *Host) authorize() error {
	key, err := os.ReadFile(h.lab.KeyFile() + ".pub")
	if err != nil {
		return err
	}
	r, err := os.OpenRoot(h.root())
	if err != nil {
		return err
	}
	for user, home := range map[string]string{UserRoot: "root", UserNoPassword: "home/alice", UserRequireTTY: "home/tina",
		UserPassword: "home/paul", UserNoSudo: "home/nora"} {
		name := home + "/.ssh/authorized_keys"
		err = r.WriteFile(name, key, 0o600)
		if err == nil && user != UserRoot {
			var uid, gid int
			if uid, gid, err = ownerOfFile(filepath.Join(h.root(), home)); err == nil {
				err = r.Lchown(name, uid, gid)
			}
		}
		if err != nil {
			break
		}
	}
	return errors.Join(err, r.Close())
}

// mountRoot puts the host's file system together; it stays mounted while the
// host is off, so that a test can look at it.
func (h *Host) mountRoot(ctx context.Context, s spec) error {
	if err := os.MkdirAll(h.root(), 0o755); err != nil {
		return err
	}
	if mounted, err := isMountPoint(h.root()); err != nil || mounted {
		return err
	}
	if s.Disk > 0 {
		if err := h.mountDisk(ctx, s.Disk); err != nil {
			return err
		}
	}
	for _, d := range []string{h.upper(), h.work()} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	return mountOverlay("lab-"+h.Name, s.Lowers, h.upper(), h.work(), h.root())
}

func (h *Host) root() string  { return filepath.Join(h.dir, "root") }
func (h *Host) disk() string  { return filepath.Join(h.dir, "disk") }
func (h *Host) upper() string { return filepath.Join(h.disk(), "upper") }
func (h *Host) work() string  { return filepath.Join(h.disk(), "work") }

func (h *Host) spec() (s spec, err error) {
	text, err := os.ReadFile(filepath.Join(h.dir, "host.json"))
	if err != nil {
		return s, fmt.Errorf("host %s: %w", h.Name, err)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("host %s: read host.json: %w", h.Name, err)
	}
	return s, nil
}

// Find gives the host of that name.
func (l *Lab) Find(name string) (*Host, error) {
	h := &Host{Name: name, lab: l, dir: filepath.Join(l.dir, "hosts", name)}
	if !validName.MatchString(name) || !exists(h.dir) {
		return nil, fmt.Errorf("there is no host %q in lab %s: %w", name, l.name, fs.ErrNotExist)
	}
	s, err := h.spec()
	if err != nil {
		return nil, err
	}
	h.Address, h.Port, h.HostKey = s.Address, s.Port, s.HostKey
	return h, nil
}

// Hosts gives all hosts of the lab, by name.
func (l *Lab) Hosts() ([]*Host, error) {
	entries, err := os.ReadDir(filepath.Join(l.dir, "hosts"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var hosts []*Host
	for _, e := range entries {
		h, err := l.Find(e.Name())
		if err != nil { // an interrupted Create: known by its directory, so that Destroy finds it
			h = &Host{Name: e.Name(), lab: l, dir: filepath.Join(l.dir, "hosts", e.Name())}
		}
		hosts = append(hosts, h)
	}
	return hosts, nil
}

// writeKnownHosts writes the file that KnownHosts names.
func (l *Lab) writeKnownHosts() error {
	unlock, err := lockFile(filepath.Join(l.dir, "hosts.lock"))
	if err != nil {
		return err
	}
	defer unlock()
	hosts, err := l.Hosts()
	if err != nil {
		return err
	}
	var lines []string
	for _, h := range hosts {
		if h.HostKey == "" {
			continue
		}
		address := h.Address
		if h.Port != 22 {
			address = fmt.Sprintf("[%s]:%d", h.Address, h.Port)
		}
		lines = append(lines, address+" "+h.HostKey+"\n")
	}
	slices.Sort(lines)
	part := l.KnownHostsFile() + ".part"
	if err := os.WriteFile(part, []byte(strings.Join(lines, "")), 0o600); err != nil {
		return err
	}
	return os.Rename(part, l.KnownHostsFile())
}

// ReadFile reads a file of the host from outside, whether it runs or not.
func (h *Host) ReadFile(path string) ([]byte, error) {
	r, err := os.OpenRoot(h.root())
	if err != nil {
		return nil, err
	}
	data, err := r.ReadFile(strings.TrimPrefix(path, "/"))
	return data, errors.Join(err, r.Close())
}

// WriteFile writes a file of the host from outside, whether it runs or not,
// and makes its directories. It belongs to root.
func (h *Host) WriteFile(path string, data []byte, mode fs.FileMode) error {
	return putFile(h.root(), file{path, mode, string(data)})
}

// Destroy switches the host off at once and removes it. What is half gone
// already does not hinder it.
func (h *Host) Destroy(ctx context.Context) error {
	if err := h.destroy(ctx); err != nil {
		return fmt.Errorf("destroy host %s: %w", h.Name, err)
	}
	return nil
}

func (h *Host) destroy(ctx context.Context) error {
	if _, err := os.Stat(h.dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := h.PowerCut(ctx); err != nil {
		return err
	}
	mounts, err := mountsBelow(h.dir)
	if err != nil {
		return err
	}
	for _, m := range mounts {
		if err := unmount(m); err != nil {
			return err
		}
	}
	if err := os.Remove(filepath.Join(h.dir, "host.json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.RemoveAll(h.dir); err != nil {
		return err
	}
	if _, err := os.Stat(h.lab.dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return h.lab.writeKnownHosts()
}
