// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// images keeps the base image and the package layers. They lie outside the
// tree, are shared by all labs of the machine and never change once made.
type images struct {
	dir     string
	network string // the machine's network namespace: this process may be in a lab's, from which no mirror can be reached
}

// command is a command in the machine's network.
func (im images) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	name, args = "nsenter", append([]string{"--net=" + im.network, "--", name}, args...)
	cmd := exec.CommandContext(ctx, name, args...)
	killGroup(cmd)
	return cmd
}

// unusedImage is how long an image that nothing uses is kept: long enough to
// go back and forth between two versions of its definition.
const unusedImage = 14 * 24 * time.Hour

// lowers gives the directories that a host with those packages is made of,
// topmost first, and makes what is missing. Several processes may ask at once.
func (im images) lowers(ctx context.Context, packages []string) ([]string, error) {
	base, err := im.made(ctx)
	if err != nil || len(packages) == 0 {
		return []string{base}, err
	}
	layer, err := im.layer(ctx, packages, func(dir string) error { return im.install(ctx, base, packages, dir) })
	return []string{layer, base}, err
}

// layer gives a layer with more Debian packages, made by build if it is not there.
func (im images) layer(ctx context.Context, packages []string, build func(dir string) error) (string, error) {
	id, err := layerID(packages)
	if err != nil {
		return "", err
	}
	return im.once(ctx, id, "a layer with "+strings.Join(packages, ", "), build)
}

// layerID is the name of a layer: another one for other packages, or on another base image.
func layerID(packages []string) (string, error) {
	id, err := ImageID()
	packages = slices.Compact(slices.Sorted(slices.Values(packages)))
	sum := sha256.Sum256([]byte(id + " " + strings.Join(packages, " ")))
	return "layer-" + hex.EncodeToString(sum[:6]), err
}

// made gives the base image, made from its definition if it is not there.
func (im images) made(ctx context.Context) (string, error) {
	return im.base(ctx, func(dir string) error { return im.debootstrap(ctx, baseImage(), dir) })
}

// base gives the base image, made by build if it is not there.
func (im images) base(ctx context.Context, build func(dir string) error) (string, error) {
	id, err := ImageID()
	if err != nil {
		return "", err
	}
	return im.once(ctx, id, "the base image (about a minute)", build)
}

// once gives the image of that id, made by build if it is not there. A build
// happens in a directory of another name, so what bears the name is whole.
func (im images) once(ctx context.Context, id, what string, build func(dir string) error) (string, error) {
	done := filepath.Join(im.dir, id)
	root := filepath.Join(done, "root")
	stamp := func() error { now := time.Now(); return os.Chtimes(done, now, now) }
	if _, err := os.Stat(root); err == nil {
		return root, stamp()
	}
	if err := os.MkdirAll(im.dir, 0o755); err != nil {
		return "", err
	}
	unlock, err := lockFile(filepath.Join(im.dir, id+".lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(root); err == nil {
		return root, stamp()
	}
	fmt.Fprintf(os.Stderr, "lab: making %s\n", what)
	if err := im.removeParts(id); err != nil {
		return "", err
	}
	part, err := os.MkdirTemp(im.dir, id+".part-")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(part, 0o755); err != nil {
		return "", err
	}
	if err := os.Mkdir(filepath.Join(part, "root"), 0o755); err != nil {
		return "", err
	}
	if err := build(part); err != nil {
		return "", fmt.Errorf("make %s: %w", what, err)
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if err := writeManifest(part); err != nil {
		return "", err
	}
	if err := os.Rename(part, done); err != nil {
		return "", err
	}
	return root, errors.Join(im.removeParts(id), im.prune())
}

// removeParts removes what earlier builds have left. In what is left of one
// that was killed its child may still be at work, and then a later one will
// remove it.
func (im images) removeParts(id string) error {
	parts, err := filepath.Glob(filepath.Join(im.dir, id+".part*"))
	for _, part := range parts {
		_ = im.remove(part) // see above
	}
	return err
}

// remove removes an image, which an interrupted build may have left mounted.
func (im images) remove(dir string) error {
	mounts, err := mountsBelow(dir)
	if err != nil {
		return err
	}
	for _, m := range mounts {
		if err := unmount(m); err != nil {
			return err
		}
	}
	return os.RemoveAll(dir)
}

// prune removes images that have not been used for long.
func (im images) prune() error {
	entries, err := os.ReadDir(im.dir)
	if err != nil {
		return err
	}
	used, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	// A host whose lab is down since the machine's last boot still needs its image.
	hosts, err := filepath.Glob(filepath.Join(filepath.Dir(im.dir), "labs", "*", "hosts", "*", "host.json"))
	if err != nil {
		return err
	}
	for _, path := range hosts {
		if text, err := os.ReadFile(path); err == nil { // else removed just now
			used = append(used, text...)
		}
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !e.IsDir() || time.Since(info.ModTime()) < unusedImage {
			continue
		}
		if bytes.Contains(used, []byte(filepath.Join(im.dir, e.Name())+"/")) {
			continue
		}
		if err := im.remove(filepath.Join(im.dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// debootstrap makes the base image in dir/root.
func (im images) debootstrap(ctx context.Context, def definition, dir string) error {
	mirror, err := DebianMirror(ctx)
	if err != nil {
		return err
	}
	debs := filepath.Join(im.dir, "debs") // kept: the next definition wants mostly the same ones
	if err := os.MkdirAll(debs, 0o755); err != nil {
		return err
	}
	root := filepath.Join(dir, "root")
	cmd := im.command(ctx, "debootstrap", "--variant=minbase", "--cache-dir="+debs, "--include="+strings.Join(def.Packages, ","), def.Suite,
		root, mirror)
	if err := logged(cmd, filepath.Join(dir, "debootstrap.log")); err != nil {
		return err
	}
	for _, f := range def.Files {
		if err := putFile(root, f); err != nil {
			return err
		}
	}
	for _, unit := range def.Masked {
		if err := os.Symlink("/dev/null", filepath.Join(root, "etc/systemd/system", unit)); err != nil {
			return err
		}
	}
	cmd = im.command(ctx, "chroot", root, "sh", "-c", def.Script)
	cmd.Env = imageEnvironment()
	return logged(cmd, filepath.Join(dir, "finish.log"))
}

// putFile writes a file of a definition. The image's own symbolic links are
// not followed out of it.
func putFile(root string, f file) error {
	r, err := os.OpenRoot(root)
	if err != nil {
		return err
	}
	name := strings.TrimPrefix(f.Path, "/")
	err = r.MkdirAll(filepath.Dir(name), 0o755)
	if err == nil {
		err = r.Remove(name)
		if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
	}
	if err == nil {
		err = r.WriteFile(name, []byte(f.Content), f.Mode)
	}
	if err == nil {
		err = r.Chmod(name, f.Mode) // whatever the umask
	}
	return errors.Join(err, r.Close())
}

// installScript installs packages; what it leaves is the packages' alone.
const installScript = `set -e
mkdir -p /usr/share/man/man1
apt-get update -q
apt-get install -y -q --no-install-recommends "$@"
apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /usr/sbin/policy-rc.d /etc/dpkg/dpkg.cfg.d/lab /var/log/dpkg.log /var/log/apt/*
`

// install makes a layer with more Debian packages in dir/root.
func (im images) install(ctx context.Context, base string, packages []string, dir string) error {
	return im.alter(ctx, base, dir, filepath.Join(dir, "root"), installScript, packages...)
}

// alter runs a script in an image, in the machine's network; what it changes goes to the directory upper.
func (im images) alter(ctx context.Context, base, dir, upper, script string, args ...string) (err error) {
	merged, work := filepath.Join(dir, "merged"), filepath.Join(dir, "work")
	for _, d := range []string{merged, work} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return err
		}
	}
	if err := mountOverlay("lab-layer", []string{base}, upper, work, merged); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unmount(merged), os.Remove(merged), os.RemoveAll(work)) }()
	if err := mountProc(filepath.Join(merged, "proc")); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unmount(filepath.Join(merged, "proc"))) }()
	resolv, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return err
	}
	for _, f := range []file{
		{"/etc/resolv.conf", 0o644, string(resolv)},
		{"/usr/sbin/policy-rc.d", 0o755, "#!/bin/sh\nexit 101\n"}, // nothing is started while the packages are set up
		{"/etc/dpkg/dpkg.cfg.d/lab", 0o644, "path-exclude=/usr/share/doc/*\npath-exclude=/usr/share/man/*\npath-exclude=/usr/share/locale/*\n" +
			"force-unsafe-io\n"},
	} {
		if err := putFile(merged, f); err != nil {
			return err
		}
	}
	cmd := im.command(ctx, "chroot", append([]string{merged, "sh", "-c", script, "sh"}, args...)...)
	cmd.Env = imageEnvironment()
	if err := logged(cmd, filepath.Join(dir, "install.log")); err != nil {
		return err
	}
	return putFile(merged, baseImage().Files[0]) // no DNS again
}

func imageEnvironment() []string {
	env := []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"}
	for _, name := range []string{"http_proxy", "https_proxy", "no_proxy"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// logged runs cmd with its output in a file; the file's end is in the error.
func logged(cmd *exec.Cmd, path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = f, f
	err = cmd.Run()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		text, rerr := os.ReadFile(path)
		return errors.Join(fmt.Errorf("%s: %w; the end of its output:\n%s", filepath.Base(cmd.Path), err, lastLines(string(text), 8)), rerr)
	}
	return nil
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// DebianMirror is the mirror that this machine's own apt uses for Debian, or
// the one that DCOS_LAB_MIRROR names.
func DebianMirror(ctx context.Context) (string, error) {
	if m := os.Getenv("DCOS_LAB_MIRROR"); m != "" {
		return m, nil
	}
	out, err := exec.CommandContext(ctx, "apt-cache", "policy").Output()
	if err != nil {
		return "", fmt.Errorf("ask apt for its mirror: %w", err)
	}
	if m := mirrorOf(string(out)); m != "" {
		return m, nil
	}
	return "", errors.New("apt's configuration names no Debian mirror with package lists (run apt-get update, or set DCOS_LAB_MIRROR to " +
		"the address of a mirror)")
}

// mirrorOf finds the mirror of Debian's main component in what `apt-cache
// policy` says: a line with the address, then one that says what is there.
func mirrorOf(policy string) string {
	address := ""
	for line := range strings.Lines(policy) {
		words := strings.Fields(line)
		if len(words) > 1 && strings.Contains(words[1], "://") {
			address = words[1]
		}
		if len(words) > 1 && words[0] == "release" {
			labels := strings.Split(strings.Join(words[1:], " "), ",")
			if slices.Contains(labels, "l=Debian") && slices.Contains(labels, "c=main") && strings.HasPrefix(address, "http") {
				return address
			}
		}
	}
	return ""
}

// mountsBelow gives the mount points at and below dir, deepest first.
func mountsBelow(dir string) ([]string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var points []string
	scan := bufio.NewScanner(f)
	scan.Buffer(nil, 1<<20) // an overlay's line has the paths of all its layers
	for scan.Scan() {
		if words := strings.Fields(scan.Text()); len(words) > 4 {
			if p := words[4]; p == dir || strings.HasPrefix(p, dir+"/") {
				points = append(points, p)
			}
		}
	}
	slices.SortFunc(points, func(a, b string) int { return len(b) - len(a) })
	return points, errors.Join(scan.Err(), f.Close())
}
