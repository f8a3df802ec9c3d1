// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sync/errgroup"
)

// Lab is one network of hosts: a network namespace of its own with a bridge,
// and a directory that holds everything about its hosts. All its state is
// there, so several processes may use a lab at once. The zero value is of no
// use; see Require, New and Open.
type Lab struct {
	name, dir string
	images    images
}

// owner is the process on whose behalf a lab exists. Once it has ended, the
// lab is a leftover for anybody to remove.
type owner struct {
	process        // none: the lab lasts until it is destroyed
	Boot    string `json:"boot,omitempty"` // of the machine
}

// tools are the commands that a lab needs on the machine, with Debian's package of each.
var tools = [][2]string{
	{"systemd-nspawn", "systemd-container"}, {"debootstrap", "debootstrap"}, {"ip", "iproute2"}, {"ssh", "openssh-client"},
	{"nft", "nftables"}, {"nsenter", "util-linux"}, {"mkfs.ext4", "e2fsprogs"}, {"apt-cache", "apt"},
}

// Check says in one line why a lab cannot run here; nil if it can.
func Check() error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("the lab needs Linux, this is %s", runtime.GOOS)
	}
	if os.Geteuid() != 0 {
		return errors.New("the lab needs root")
	}
	var missing []string
	for _, t := range tools {
		if _, err := exec.LookPath(t[0]); err != nil {
			missing = append(missing, t[1])
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("the lab lacks Debian packages on this machine: apt-get install %s", strings.Join(missing, " "))
	}
	cache, err := CacheDir()
	if err != nil {
		return err
	}
	if overlay, err := onOverlay(cache); err != nil || overlay {
		return errors.Join(err,
			fmt.Errorf("the lab cannot keep its hosts in %s, which is on an overlay file system: set DCOS_LAB_CACHE to a directory on a disk",
				cache))
	}
	return nil
}

// CacheDir is where images and labs are kept, outside every tree.
func CacheDir() (string, error) {
	dir := os.Getenv("DCOS_LAB_CACHE")
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			user = "/var/cache" // no HOME, as under some CI runners
		}
		dir = filepath.Join(user, "terraform-provider-dcos-lab")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if strings.ContainsAny(dir, ":,\\ \t\n") {
		return "", fmt.Errorf("the lab's cache directory %q must have no colon, comma, backslash or space in its name", dir)
	}
	return dir, os.MkdirAll(dir, 0o755)
}

var validName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// New gives the lab of that name, which is made if it is not there, and
// repaired if the machine was booted since. It lasts until Destroy.
func New(ctx context.Context, name string) (*Lab, error) { return makeLab(ctx, name, owner{}) }

func makeLab(ctx context.Context, name string, o owner) (*Lab, error) {
	if err := Check(); err != nil {
		return nil, err
	}
	if !validName.MatchString(name) {
		return nil, fmt.Errorf("%q is no name for a lab: small letters, digits and hyphens", name)
	}
	l, err := at(name)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(l.dir), 0o755); err != nil {
		return nil, err
	}
	unlock, err := lockFile(l.dir + ".lock")
	if err != nil {
		return nil, err
	}
	defer unlock()
	if !exists(l.ownerFile()) {
		if err := errors.Join(l.destroy(ctx), l.makeDir(o)); err != nil {
			return nil, fmt.Errorf("make lab %s: %w", name, err)
		}
	}
	if err := l.raiseNetwork(ctx); err != nil {
		return nil, fmt.Errorf("make lab %s: %w", name, err)
	}
	return l, nil
}

// makeDir makes the lab's directory under another name first, so that one
// with its right name is whole.
func (l *Lab) makeDir(o owner) error {
	part := l.dir + ".part"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(part, "hosts"), 0o700); err != nil {
		return err
	}
	public, private, err := newKey("lab")
	if err != nil {
		return err
	}
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{"owner.json": text, "id": private, "id.pub": public, "known_hosts": nil} {
		if err := os.WriteFile(filepath.Join(part, name), content, 0o600); err != nil {
			return err
		}
	}
	return os.Rename(part, l.dir)
}

// newKey makes an Ed25519 key pair in OpenSSH's forms.
func newKey(comment string) (public, private []byte, err error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	block, err := ssh.MarshalPrivateKey(key, comment)
	if err != nil {
		return nil, nil, err
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		return nil, nil, err
	}
	return ssh.MarshalAuthorizedKey(signer.PublicKey()), pem.EncodeToMemory(block), nil
}

// ownerFile says whose the lab is. Without it a lab is one that is being
// destroyed.
func (l *Lab) ownerFile() string { return filepath.Join(l.dir, "owner.json") }

// Open gives a lab that is there.
func Open(name string) (*Lab, error) {
	l, err := at(name)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(l.dir); errors.Is(err, fs.ErrNotExist) || !validName.MatchString(name) {
		return nil, fmt.Errorf("there is no lab %q: %w", name, fs.ErrNotExist)
	}
	return l, nil
}

func at(name string) (*Lab, error) {
	cache, err := CacheDir()
	if err != nil {
		return nil, err
	}
	l := &Lab{name: name, dir: filepath.Join(cache, "labs", name)}
	l.images = images{filepath.Join(cache, "images"), l.outside()}
	return l, nil
}

// Labs gives the labs of this machine, by name.
func Labs() ([]*Lab, error) {
	cache, err := CacheDir()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(filepath.Join(cache, "labs"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var labs []*Lab
	for _, e := range entries {
		if e.IsDir() && validName.MatchString(e.Name()) {
			l, err := at(e.Name())
			if err != nil {
				return nil, err
			}
			labs = append(labs, l)
		}
	}
	return labs, err
}

// RemoveLeftovers destroys labs whose process has ended without doing it, as
// after kill -9.
func RemoveLeftovers(ctx context.Context) error {
	labs, err := Labs()
	if err != nil {
		return err
	}
	var errs []error
	for _, l := range labs {
		if left, err := l.left(); err != nil {
			errs = append(errs, err)
		} else if left {
			errs = append(errs, l.Destroy(ctx))
		}
	}
	return errors.Join(errs...)
}

// left says whether the lab's owner has ended.
func (l *Lab) left() (bool, error) {
	text, err := os.ReadFile(l.ownerFile())
	if errors.Is(err, fs.ErrNotExist) {
		return exists(l.dir), nil // a Destroy that is under way, or was interrupted
	}
	if err != nil {
		return false, err
	}
	var o owner
	if err := json.Unmarshal(text, &o); err != nil {
		return false, fmt.Errorf("read the owner of lab %s: %w", l.name, err)
	}
	if o == (owner{}) {
		return false, nil
	}
	boot, err := bootID()
	return err == nil && (o.Boot != boot || !o.alive()), err
}

// ownerOf describes a process so that no later one is taken for it.
func ownerOf(pid int) (owner, error) {
	p, err := processOf(pid)
	if err != nil {
		return owner{}, err
	}
	boot, err := bootID()
	return owner{p, boot}, err
}

func bootID() (string, error) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(text)), err
}

// Name is the lab's name.
func (l *Lab) Name() string { return l.name }

// Dir is the lab's directory.
func (l *Lab) Dir() string { return l.dir }

// PrivateKey is an Ed25519 key in OpenSSH's form; it opens every account of
// every host.
func (l *Lab) PrivateKey() ([]byte, error) { return os.ReadFile(l.KeyFile()) }

// KeyFile is the path of a file with PrivateKey in it.
func (l *Lab) KeyFile() string { return filepath.Join(l.dir, "id") }

// KnownHosts gives the host keys of all hosts, as lines of a known_hosts file.
func (l *Lab) KnownHosts() string {
	text, err := os.ReadFile(l.KnownHostsFile())
	if err != nil {
		return "" // the lab is gone, and its hosts with it
	}
	return string(text)
}

// KnownHostsFile is the path of a file with KnownHosts in it.
func (l *Lab) KnownHostsFile() string { return filepath.Join(l.dir, "known_hosts") }

func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:8])
}

// Destroy takes the lab down: hosts, namespace, directory. What is half gone
// already does not hinder it.
func (l *Lab) Destroy(ctx context.Context) error {
	unlock, err := lockFile(l.dir + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if err := l.destroy(ctx); err != nil {
		return fmt.Errorf("destroy lab %s: %w", l.name, err)
	}
	return os.Remove(l.dir + ".lock")
}

func (l *Lab) destroy(ctx context.Context) error {
	if err := os.Remove(l.ownerFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	hosts, err := l.Hosts()
	if err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(8)
	for _, h := range hosts {
		group.Go(func() error { return h.Destroy(ctx) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := l.dropNetwork(ctx); err != nil {
		return err
	}
	if err := dropCgroups(ctx, l.cgroupName()); err != nil {
		return err
	}
	return os.RemoveAll(l.dir)
}
