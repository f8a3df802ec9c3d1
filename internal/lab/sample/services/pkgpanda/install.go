// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package pkgpanda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strings"
)

// An Install is an install root and what is outside it that belongs to it.
type Install struct {
	Root      string // /opt/mesosphere
	ShownRoot string // what the environment files call Root; "" = Root
	ConfigDir string // /etc/mesosphere: roles, setup-flags
	StateDir  string // /var/lib/dcos; "" = state directories are not made
	Wants     string // /etc/systemd/system/dcos.target.wants; "" = units are left alone
	Systemd   Systemd
	Users     *Users // nil = users are not made
	Out       io.Writer
	Step      func(what string) error // called before each lasting step of an activation; may be nil

	written []string // what the activation has written and not made sure to be on disk
}

// step is about to do something that lasts.
func (in *Install) step(format string, args ...any) error {
	if in.Step == nil {
		return nil
	}
	return in.Step(fmt.Sprintf(format, args...))
}

// write writes a file of the set that is being made.
func (in *Install) write(path string, text []byte, mode fs.FileMode) error {
	if err := in.step("write %s", filepath.Base(path)); err != nil {
		return err
	}
	in.written = append(in.written, path)
	return os.WriteFile(path, text, mode)
}

// linked are the directories of packages that are merged into the root's.
var linked = []string{"bin", "etc", "include", "lib"}

// serviceConfiguration holds the sysctl settings of each unit.
const serviceConfiguration = "dcos-service-configuration.json"

func (in *Install) path(name string) string { return filepath.Join(in.Root, name) }

// roles are the names of the files in the roles directory.
func (in *Install) roles() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(in.ConfigDir, "roles"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var roles []string
	for _, e := range entries {
		roles = append(roles, e.Name())
	}
	return roles, err
}

// swapped are the paths that a swap exchanges, in the order it does so.
func (in *Install) swapped() []string {
	var all []string
	for _, name := range linked {
		all = append(all, in.path(name))
	}
	if in.Wants != "" {
		all = append(all, in.Wants)
	}
	return append(all, in.path("environment"), in.path("environment.export"), in.path("active"), in.path("active.buildinfo.full.json"))
}

// Active gives the ids of the active packages, sorted.
func (in *Install) Active() ([]string, error) {
	entries, err := os.ReadDir(in.path("active"))
	if errors.Is(err, fs.ErrNotExist) {
		for _, ext := range []string{".new", ".old"} {
			if _, err := os.Lstat(in.path("active" + ext)); err == nil {
				return nil, fmt.Errorf("an activation was interrupted: %s is there and %s is not", in.path("active"+ext), in.path("active"))
			}
		}
		return nil, fmt.Errorf("%s has no active directory: is anything installed there?", in.Root)
	}
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		target, err := os.Readlink(in.path("active/" + e.Name()))
		if err != nil {
			return nil, err
		}
		ids = append(ids, filepath.Base(target))
	}
	sort.Strings(ids)
	return ids, nil
}

// Activate makes packages the active ones: it builds the new set beside the
// current one, then swaps them.
func (in *Install) Activate(ctx context.Context, packages []*Package) error {
	if err := validate(packages); err != nil {
		return err
	}
	roles, err := in.roles()
	if err != nil {
		return err
	}
	for _, ext := range []string{".new", ".old"} {
		for _, path := range in.swapped() {
			if _, err := os.Stat(path + ext); err != nil {
				continue
			}
			if err := in.step("remove %s%s", filepath.Base(path), ext); err != nil {
				return err
			}
			if err := os.RemoveAll(path + ext); err != nil {
				return err
			}
		}
	}
	if in.Wants != "" {
		if err := in.removeStaged(); err != nil {
			return err
		}
	}
	if err := in.step("make the new directories"); err != nil {
		return err
	}
	if err := in.makeDirectories(); err != nil {
		return err
	}
	b := newSet(in)
	for _, p := range packages {
		if err := b.add(ctx, p, roles); err != nil {
			return err
		}
	}
	if in.Wants != "" {
		if err := in.stageUnits(); err != nil {
			return err
		}
	}
	if err := b.write(); err != nil {
		return err
	}
	return in.swap(ctx, true)
}

func (in *Install) makeDirectories() error {
	dirs := append([]string{}, linked...)
	dirs = append(dirs, "active")
	for i, name := range dirs {
		dirs[i] = in.path(name)
	}
	if in.Wants != "" {
		dirs = append(dirs, in.Wants)
	}
	for _, dir := range dirs {
		if err := os.MkdirAll(dir+".new", 0o755); err != nil {
			return err
		}
	}
	return nil
}

// validate tells whether packages can be active together.
func validate(packages []*Package) error {
	names := map[string]ID{}
	for _, p := range packages {
		if other, ok := names[p.ID.Name]; ok {
			return fmt.Errorf("packages %s and %s have one name", other, p.ID)
		}
		names[p.ID.Name] = p.ID
	}
	variables := map[string]ID{}
	sysctl := map[string]any{}
	for _, p := range packages {
		if p.Info.Group != "" && p.Info.Username == "" {
			return fmt.Errorf("package %s has a group but no username", p.ID)
		}
		for _, r := range p.Info.Requires {
			if _, ok := names[string(r)]; !ok {
				return fmt.Errorf("package %s requires %s, which is not among the packages", p.ID, r)
			}
		}
		for name := range p.Info.Environment {
			if name == "PATH" || name == "LD_LIBRARY_PATH" {
				return fmt.Errorf("package %s sets the variable %s, which is reserved", p.ID, name)
			}
			if other, ok := variables[name]; ok {
				return fmt.Errorf("packages %s and %s set the same variable %s", other, p.ID, name)
			}
			variables[name] = p.ID
		}
		for unit, settings := range p.Info.Sysctl {
			for key, value := range settings {
				// A number and the same number as a text are not the same.
				if other, ok := sysctl[key]; ok && !reflect.DeepEqual(other, value) {
					return fmt.Errorf("package %s sets sysctl %s to %v for %s, another package to %v", p.ID, key, value, unit, other)
				}
				sysctl[key] = value
			}
		}
	}
	return nil
}

// A set is an active set in the making.
type set struct {
	in        *Install
	env       strings.Builder
	export    strings.Builder
	buildinfo map[string]json.RawMessage
	sysctl    map[string]map[string]any
}

func newSet(in *Install) *set {
	b := &set{in: in, buildinfo: map[string]json.RawMessage{}, sysctl: map[string]map[string]any{}}
	root := in.ShownRoot
	if root == "" {
		root = in.Root
	}
	fmt.Fprintf(&b.env, "# Made by pkgpanda from the active packages.\nLD_LIBRARY_PATH=%s/lib\nPATH=%[1]s/bin:/usr/bin:/bin:/sbin\n\n", root)
	fmt.Fprintf(&b.export, "# Made by pkgpanda from the active packages.\nexport LD_LIBRARY_PATH=%s/lib\nexport PATH=\"%[1]s/bin:$PATH\"\n\n",
		root)
	return b
}

func (b *set) add(ctx context.Context, p *Package, roles []string) error {
	in := b.in
	dest := map[string]string{}
	for _, name := range linked {
		dest[name] = in.path(name) + ".new"
	}
	if in.Wants != "" {
		dest[filepath.Base(in.Wants)] = in.Wants + ".new"
	}
	for name, dir := range dest {
		for _, suffix := range append([]string{""}, roles...) {
			src := filepath.Join(p.Path, name)
			if suffix != "" {
				src += "_" + suffix
			}
			if err := linkTree(src, dir); err != nil {
				return fmt.Errorf("package %s: %w", p.ID, err)
			}
		}
	}
	if err := os.Symlink(p.Path, in.path("active.new/"+p.ID.Name)); err != nil {
		return err
	}

	fmt.Fprintf(&b.env, "# %s\n", p.ID)
	fmt.Fprintf(&b.export, "# %s\n", p.ID)
	for _, name := range sortedKeys(p.Info.Environment) {
		value := python(p.Info.Environment[name], false)
		fmt.Fprintf(&b.env, "%s=%s\n", name, value)
		fmt.Fprintf(&b.export, "export %s=%s\n", name, value)
	}
	b.env.WriteByte('\n')
	b.export.WriteByte('\n')

	// Config packages have no build information.
	b.buildinfo[p.ID.Name] = json.RawMessage("null")
	if text, err := os.ReadFile(filepath.Join(p.Path, "buildinfo.full.json")); err == nil && json.Valid(text) {
		b.buildinfo[p.ID.Name] = text
	}
	if err := b.settings(p); err != nil {
		return err
	}
	if in.Users != nil && p.Info.Username != "" {
		if err := in.Users.Ensure(ctx, p.Info.Username, p.Info.Group); err != nil {
			return err
		}
	}
	if in.StateDir != "" && p.Info.StateDirectory {
		return in.makeState(p)
	}
	return nil
}

// settings takes over the sysctl settings of the services that the package has.
func (b *set) settings(p *Package) error {
	if len(p.Info.Sysctl) == 0 {
		return nil
	}
	services := 0
	err := filepath.WalkDir(p.Path, func(path string, d fs.DirEntry, err error) error {
		name, ok := strings.CutSuffix(filepath.Base(path), ".service")
		if err != nil || !ok || d.IsDir() {
			return err
		}
		services++
		if settings, ok := p.Info.Sysctl[name]; ok {
			b.sysctl[name] = settings
		}
		return nil
	})
	if err == nil && services == 0 {
		err = fmt.Errorf("package %s has sysctl settings and no service", p.ID)
	}
	return err
}

// makeState makes a package's state directory and gives all of it to the
// package's user.
func (in *Install) makeState(p *Package) error {
	dir := filepath.Join(in.StateDir, p.ID.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if in.Users == nil || p.Info.Username == "" {
		return nil
	}
	uid, err := in.Users.ID(p.Info.Username)
	if err != nil {
		return err
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, -1)
	})
}

func (b *set) write() error {
	in := b.in
	configuration, err := pretty(map[string]any{"sysctl": b.sysctl})
	if err != nil {
		return err
	}
	buildinfo, err := pretty(b.buildinfo)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		text []byte
	}{
		{"etc.new/" + serviceConfiguration, configuration}, {"environment.new", []byte(b.env.String())},
		{"environment.export.new", []byte(b.export.String())}, {"active.buildinfo.full.json.new", buildinfo},
	} {
		if err := in.write(in.path(f.name), f.text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// linkTree makes in dest a link to every file of src. Directories are made,
// so that several packages can have files in one.
func linkTree(src, dest string) error {
	entries, err := os.ReadDir(src)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		from, to := filepath.Join(src, e.Name()), filepath.Join(dest, e.Name())
		if !e.IsDir() {
			if err := os.Symlink(from, to); err != nil {
				return fmt.Errorf("two packages, or two roles of one, have %s: %w", to, err)
			}
			continue
		}
		if info, err := os.Lstat(to); err == nil && !info.IsDir() {
			return fmt.Errorf("%s is a directory in one package and a file in another", to)
		}
		if err := os.MkdirAll(to, 0o755); err != nil {
			return err
		}
		if err := linkTree(from, to); err != nil {
			return err
		}
	}
	return nil
}

func pretty(v any) ([]byte, error) {
	text, err := json.MarshalIndent(v, "", "  ")
	return append(text, '\n'), err
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
