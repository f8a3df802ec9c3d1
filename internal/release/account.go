// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release

import (
	"archive/tar"
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/ulikunitz/xz"
)

// An Account is what a package asks of a host's users: pkgpanda makes the user, in the group, which has to be there
// then, or in one of its own if it names none (pkgpanda/__init__.py of DC/OS 2.2.1, UserManagement).
type Account struct {
	User  string // "": none
	Group string // "": one of the user's own
}

// accounts remembers what packages ask for, in memory and in a file of the cache directory, a line for each: user,
// group, stamp and path, with a "-" for none. Lines are appended, in one write each, so that processes may share it.
type accounts struct {
	file string // "": memory only

	mu    sync.Mutex
	known map[string]Account // stamp + " " + path → account
}

func newAccounts(cacheDirectory, source string) *accounts {
	a := &accounts{known: map[string]Account{}}
	if cacheDirectory == "" {
		return a
	}
	a.file = filepath.Join(cacheDirectory, CachePart, "accounts", cacheKey(source)+".txt")
	text, err := os.ReadFile(a.file)
	if err != nil {
		return a // not there yet, or not readable: read from the packages again
	}
	for line := range strings.Lines(string(text)) {
		line, whole := strings.CutSuffix(line, "\n")
		user, rest, _ := strings.Cut(line, " ")
		group, key, ok := strings.Cut(rest, " ")
		if whole && ok {
			a.known[key] = Account{strings.TrimPrefix(user, "-"), strings.TrimPrefix(group, "-")}
		}
	}
	return a
}

func (a *accounts) get(key string) (Account, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	account, ok := a.known[key]
	return account, ok
}

func (a *accounts) put(key string, account Account) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.known[key] = account
	if a.file == "" || strings.ContainsAny(account.User+account.Group+key, "\n") || strings.ContainsAny(account.User+account.Group, " ") {
		return
	}
	// Keeping them saves time and is no part of the result.
	if err := os.MkdirAll(filepath.Dir(a.file), 0o700); err != nil {
		return
	}
	f, err := os.OpenFile(a.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	word := func(s string) string {
		if s == "" {
			return "-"
		}
		return s
	}
	_, _ = fmt.Fprintf(f, "%s %s %s\n", word(account.User), word(account.Group), key) // as above
	_ = f.Close()                                                                     // as above
}

// Account reads what a package asks of a host's users, from its pkginfo.json. Packages that the installer itself has
// are there unpacked; others are unpacked as far as that file, once for each release and cache directory.
func (r *Release) Account(ctx context.Context, id string) (Account, error) {
	if text, _, err := read(r.tree, path.Join("opt/mesosphere/packages", id, packageInfo)); err == nil {
		return readAccount(text)
	}
	name, _, _ := strings.Cut(id, "--")
	a, err := r.Artifact("packages/" + name + "/" + id + ".tar.xz")
	if err != nil {
		return Account{}, err
	}
	key := " " + a.ref.path
	if st, ok := r.tree.(stamper); ok {
		stamp, err := st.stamp(a.ref)
		if err != nil {
			return Account{}, err
		}
		key = stamp + key
	}
	if account, ok := r.accounts.get(key); ok {
		return account, nil
	}
	f, err := a.Open()
	if err != nil {
		return Account{}, err
	}
	account, err := unpackAccount(contextReader{ctx, f})
	if err = errors.Join(err, f.Close()); err != nil {
		return Account{}, r.wrap(err, a.Path)
	}
	r.accounts.put(key, account)
	return account, nil
}

const packageInfo = "pkginfo.json"

// unpackAccount finds pkginfo.json in a package's tarball.
func unpackAccount(tarball io.Reader) (Account, error) {
	unpacked, err := xz.NewReader(bufio.NewReader(tarball))
	if err != nil {
		return Account{}, err
	}
	t := tar.NewReader(unpacked)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return Account{}, fmt.Errorf("it has no %s", packageInfo)
		}
		if err != nil {
			return Account{}, err
		}
		if path.Clean(h.Name) != packageInfo || h.Typeflag != tar.TypeReg {
			continue
		}
		text, err := io.ReadAll(io.LimitReader(t, maxSmallFile))
		if err != nil {
			return Account{}, err
		}
		return readAccount(text)
	}
}

func readAccount(text []byte) (Account, error) {
	var info struct {
		User  string `json:"username"`
		Group string `json:"group"`
	}
	if err := json.Unmarshal(text, &info); err != nil {
		return Account{}, fmt.Errorf("%s: %w", packageInfo, err)
	}
	if info.Group == info.User {
		info.Group = "" // pkgpanda makes it with the user
	}
	return Account{info.User, info.Group}, nil
}
