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
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
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

const (
	network    = "198.18.0.0/15" // set aside for tests of networks (RFC 2544), so it is nobody's
	prefixBits = "15"
	gateway    = "198.18.0.1"
	bridge     = "br0"
)

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
	cache, err := cacheDir()
	if err != nil {
		return err
	}
	if overlay, err := onOverlay(cache); err != nil || overlay {
		return errors.Join(err, fmt.Errorf("the lab cannot keep its hosts in %s, which is on an overlay file system: set DCOS_LAB_CACHE to a directory on a disk", cache))
	}
	return nil
}

// cacheDir is where images and labs are kept, outside every tree.
func cacheDir() (string, error) {
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
	if _, err := os.Stat(l.dir); errors.Is(err, fs.ErrNotExist) {
		if err := l.makeDir(o); err != nil {
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
	cache, err := cacheDir()
	if err != nil {
		return nil, err
	}
	l := &Lab{name: name, dir: filepath.Join(cache, "labs", name)}
	l.images = images{filepath.Join(cache, "images"), l.outside()}
	return l, nil
}

// Labs gives the labs of this machine, by name.
func Labs() ([]*Lab, error) {
	cache, err := cacheDir()
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
	text, err := os.ReadFile(filepath.Join(l.dir, "owner.json"))
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

func (l *Lab) namespace() string { return filepath.Join("/run/netns", l.namespaceName()) }

// outside is the network namespace that the lab was made in.
func (l *Lab) outside() string { return filepath.Join(l.dir, "outside") }

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

// Inside says whether this process is in the lab's network.
func (l *Lab) Inside() bool {
	inside, err := insideNamespace(l.namespace())
	return err == nil && inside
}

// namespaceName tells labs of one name in two cache directories apart.
func (l *Lab) namespaceName() string { return "dcos-lab-" + l.name + "-" + shortHash(l.dir)[:4] }

func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:8])
}

// Gateway is the address of the lab's own end of the network, where a test's
// servers may listen so that hosts reach them.
func (l *Lab) Gateway() string { return gateway }

// Command is a command in the lab's network. Its children end with ctx.
func (l *Lab) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	argv := append([]string{"--net=" + l.namespace(), "--", name}, args...)
	cmd := exec.CommandContext(ctx, "nsenter", argv...)
	killGroup(cmd)
	return cmd
}

// Enter replaces this process by a command in the lab's network.
func (l *Lab) Enter(argv, env []string) error {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	return execInNamespace(l.namespace(), path, argv, env)
}

// Dial connects to an address in the lab's network, from wherever this process is.
func (l *Lab) Dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	err = inNamespace(l.namespace(), func() error {
		var d net.Dialer
		conn, err = d.DialContext(ctx, network, address) // a literal address: no goroutine in between
		return err
	})
	return conn, err
}

// Listen listens at an address in the lab's network, from wherever this process is.
func (l *Lab) Listen(ctx context.Context, network, address string) (ln net.Listener, err error) {
	err = inNamespace(l.namespace(), func() error {
		var c net.ListenConfig
		ln, err = c.Listen(ctx, network, address)
		return err
	})
	return ln, err
}

// Destroy takes the lab down: hosts, namespace, directory. What is half gone
// already does not hinder it.
func (l *Lab) Destroy(ctx context.Context) error {
	unlock, err := lockFile(l.dir + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
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
		return fmt.Errorf("destroy lab %s: %w", l.name, err)
	}
	if err := l.dropNetwork(ctx); err != nil {
		return fmt.Errorf("destroy lab %s: %w", l.name, err)
	}
	if err := dropCgroups(l.cgroupName()); err != nil {
		return fmt.Errorf("destroy lab %s: %w", l.name, err)
	}
	// The owner's note goes last, so that what an interruption leaves is still known as a leftover.
	for _, e := range []string{"hosts", "known_hosts", "id", "id.pub", "."} {
		if err := os.RemoveAll(filepath.Clean(filepath.Join(l.dir, e))); err != nil {
			return err
		}
	}
	return os.Remove(l.dir + ".lock")
}

// raiseNetwork makes the lab's namespace and bridge. Nothing leads out of it.
func (l *Lab) raiseNetwork(ctx context.Context) error {
	// Each host's systemd takes six or so of the machine's inotify instances, and the usual 128 are too few for
	// more than twenty hosts. The limit stays raised: another lab may have come to need it.
	const limit, enough = "/proc/sys/fs/inotify/max_user_instances", 8192
	text, err := os.ReadFile(limit)
	if err != nil {
		return err
	}
	if n, err := strconv.Atoi(strings.TrimSpace(string(text))); err != nil || n < enough {
		if err := os.WriteFile(limit, []byte(strconv.Itoa(enough)), 0); err != nil {
			return err
		}
	}
	if l.networkUp() {
		return nil
	}
	if err := l.dropNetwork(ctx); err != nil { // half made, or from before the machine was booted
		return err
	}
	if err := l.keepOutside(); err != nil {
		return fmt.Errorf("keep the machine's network namespace: %w", err)
	}
	ns := l.namespaceName()
	return run(ctx, "", []string{"ip", "netns", "add", ns},
		[]string{"ip", "-n", ns, "link", "set", "lo", "up"},
		[]string{"ip", "-n", ns, "link", "add", bridge, "type", "bridge", "forward_delay", "0", "stp_state", "0"},
		[]string{"nsenter", "--net=" + l.namespace(), "nft", cutRules},
		[]string{"ip", "-n", ns, "link", "set", bridge, "up"},
		[]string{"ip", "-n", ns, "addr", "add", gateway + "/" + prefixBits, "dev", bridge})
}

// keepOutside keeps a handle on the machine's network namespace, which a
// process in the lab's has no other way to.
func (l *Lab) keepOutside() error {
	source := "/proc/thread-self/ns/net"
	labs, err := Labs()
	if err != nil {
		return err
	}
	for _, other := range labs {
		if other.Inside() {
			source = other.outside()
		}
	}
	if err := os.WriteFile(l.outside(), nil, 0o600); err != nil {
		return err
	}
	return bindMount(source, l.outside())
}

// networkUp says whether the namespace has all that raiseNetwork gives it: the address comes last.
func (l *Lab) networkUp() bool {
	up := false
	err := inNamespace(l.namespace(), func() error {
		i, err := net.InterfaceByName(bridge)
		if err != nil {
			return err
		}
		addrs, err := i.Addrs()
		for _, a := range addrs {
			up = up || a.String() == gateway+"/"+prefixBits
		}
		return err
	})
	return err == nil && up
}

func (l *Lab) dropNetwork(ctx context.Context) error {
	if err := unmount(l.outside()); err != nil {
		return err
	}
	if _, err := os.Lstat(l.namespace()); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return run(ctx, "", []string{"ip", "netns", "delete", l.namespaceName()})
}

// run runs commands one after the other, the input given to each.
func run(ctx context.Context, input string, commands ...[]string) error {
	for _, c := range commands {
		cmd := exec.CommandContext(ctx, c[0], c[1:]...)
		cmd.Stdin = strings.NewReader(input)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(c, " "), err, lastLines(string(out), 3))
		}
	}
	return nil
}
