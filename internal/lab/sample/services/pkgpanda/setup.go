// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package pkgpanda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Setup does what a host needs at its first boot after the bootstrap tarball
// was unpacked, and later resumes a swap that was interrupted.
func Setup(ctx context.Context, in *Install, repo Repository) error {
	marker := in.path("bootstrap")
	if _, err := os.Stat(marker); err == nil {
		if err := in.writeTarget(); err != nil {
			return err
		}
		if err := bootstrap(ctx, in, repo); err != nil {
			return err
		}
		// Only now: the target must not start what is not complete.
		if err := in.StartTarget(ctx, true); err != nil {
			return err
		}
		if err := os.Remove(marker); err != nil {
			return err
		}
	}
	resumed, err := in.Resume(ctx)
	if resumed {
		fmt.Fprintln(in.Out, "resumed an interrupted swap of the active packages")
	}
	return err
}

// bootstrap fetches the packages that this host shall have and activates them.
func bootstrap(ctx context.Context, in *Install, repo Repository) error {
	for _, name := range []string{"setup-packages", "setup-flags/late-config.yaml"} {
		if _, err := os.Stat(filepath.Join(in.ConfigDir, name)); err == nil {
			return fmt.Errorf("%s is not supported", filepath.Join(in.ConfigDir, name))
		}
	}
	url, err := in.flag("repository-url")
	if err != nil {
		return err
	}
	ids, err := in.wanted(ctx, url)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if repo.Has(id) {
			continue
		}
		fmt.Fprintln(in.Out, "fetching", id)
		if err := repo.Fetch(ctx, url, id); err != nil {
			return err
		}
	}
	slices.Sort(ids) // those of the bootstrap tarball are in the list too
	packages, err := repo.LoadAll(slices.Compact(ids))
	if err != nil {
		return err
	}
	fmt.Fprintf(in.Out, "activating %d packages\n", len(packages))
	return in.Activate(ctx, shuffled(packages))
}

// shuffled are packages in the order in which they are activated: it is
// another each time.
func shuffled(packages []*Package) []*Package {
	rand.Shuffle(len(packages), func(i, j int) { packages[i], packages[j] = packages[j], packages[i] })
	return packages
}

// wanted are the packages of setup-flags/active.json; without it, those active
// in the bootstrap tarball and those of the cluster's package list.
func (in *Install) wanted(ctx context.Context, url string) ([]string, error) {
	var ids []string
	text, err := os.ReadFile(filepath.Join(in.ConfigDir, "setup-flags/active.json"))
	if err == nil {
		err = json.Unmarshal(text, &ids)
		return ids, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if ids, err = in.Active(); err != nil {
		return nil, err
	}
	list, err := in.flag("cluster-package-list")
	if err != nil || list == "" {
		return ids, err
	}
	cluster, err := packageList(ctx, url, list)
	return append(ids, cluster...), err
}

func packageList(ctx context.Context, url, id string) ([]string, error) {
	f, err := os.CreateTemp("", "pkgpanda-*.json")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	where := strings.TrimRight(url, "/") + "/package_lists/" + id + ".package_list.json"
	err = Download(ctx, where, f)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("fetch the package list: %w", err)
	}
	text, err := os.ReadFile(f.Name())
	if err != nil {
		return nil, err
	}
	var ids []string
	if err := json.Unmarshal(text, &ids); err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	for _, id := range ids {
		if _, err := ParseID(id); err != nil {
			return nil, fmt.Errorf("%s: %w", where, err)
		}
	}
	return ids, nil
}

// flag reads a setup flag; one that is not there is empty.
func (in *Install) flag(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(in.ConfigDir, "setup-flags", name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(text)), err
}

// Swap replaces the active package of a name by another version of it.
func Swap(ctx context.Context, in *Install, repo Repository, s string) error {
	id, err := ParseID(s)
	if err != nil {
		return err
	}
	active, err := in.Active()
	if err != nil {
		return err
	}
	found := false
	for i, other := range active {
		if strings.HasPrefix(other, id.Name+"--") {
			active[i], found = s, true
		}
	}
	if !found {
		return fmt.Errorf("no package called %s is active that %s could replace", id.Name, s)
	}
	packages, err := repo.LoadAll(active)
	if err != nil {
		return err
	}
	return in.Activate(ctx, shuffled(packages))
}

// Uninstall stops and removes all units and then the install root. State,
// configuration and what services made elsewhere stay, as they do in DC/OS.
func Uninstall(ctx context.Context, in *Install) error {
	if in.Root == "/" || in.Wants == "/" {
		return errors.New("refusing to uninstall from /")
	}
	if in.Wants != "" {
		if err := os.Remove(filepath.Join(in.unitDir(), target)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := in.Activate(ctx, nil); err != nil {
		return err
	}
	for _, path := range in.swapped() {
		for _, ext := range []string{"", ".new", ".old"} {
			if err := os.RemoveAll(path + ext); err != nil {
				return err
			}
		}
	}
	return os.RemoveAll(in.Root)
}
