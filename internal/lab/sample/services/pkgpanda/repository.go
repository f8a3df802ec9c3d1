// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package pkgpanda

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

// A Repository is the directory of unpacked packages.
type Repository struct{ Path string }

// A Package is one of the repository's.
type Package struct {
	ID   ID
	Path string
	Info Info
}

// Info is what pkginfo.json says.
type Info struct {
	Requires       []Require                 `json:"requires"`
	Environment    map[string]any            `json:"environment"`
	Sysctl         map[string]map[string]any `json:"sysctl"`
	StateDirectory bool                      `json:"state_directory"`
	Username       string                    `json:"username"`
	Group          string                    `json:"group"`
}

// A Require is the name of a package that must be there too. In JSON it is a
// text, or an object with name and variant.
type Require string

// UnmarshalJSON reads either form.
func (r *Require) UnmarshalJSON(b []byte) error {
	var name string
	if err := json.Unmarshal(b, &name); err != nil {
		var full struct {
			Name    *string
			Variant json.RawMessage // may be null, and has to be there
		}
		if err := json.Unmarshal(b, &full); err != nil {
			return err
		}
		if full.Name == nil || full.Variant == nil {
			return fmt.Errorf("what a package requires has a name and a variant: %s", b)
		}
		name = *full.Name
	}
	if strings.Count(name, "--") == 1 {
		return fmt.Errorf("a package requires the id %s, not a name", name)
	}
	*r = Require(name)
	return nil
}

// List gives the ids of all packages that are there, sorted.
func (r Repository) List() ([]string, error) {
	entries, err := os.ReadDir(r.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		if strings.Count(e.Name(), "--") == 1 {
			ids = append(ids, e.Name())
		}
	}
	sort.Strings(ids)
	return ids, nil
}

// Has tells whether the package is there.
func (r Repository) Has(id string) bool {
	_, err := os.Stat(filepath.Join(r.Path, id))
	return err == nil
}

// Load reads one package's information.
func (r Repository) Load(s string) (*Package, error) {
	id, err := ParseID(s)
	if err != nil {
		return nil, err
	}
	p := &Package{ID: id, Path: filepath.Join(r.Path, s)}
	text, err := os.ReadFile(filepath.Join(p.Path, "pkginfo.json"))
	if errors.Is(err, fs.ErrNotExist) && !r.Has(s) {
		return nil, fmt.Errorf("package %s is not in %s", s, r.Path)
	}
	if err != nil {
		return nil, fmt.Errorf("package %s has no readable pkginfo.json: %w", s, err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&p.Info); err != nil {
		return nil, fmt.Errorf("pkginfo.json of %s: %w", s, err)
	}
	return p, nil
}

// LoadAll loads packages, in the order of the ids. One id given twice is two
// packages of one name.
func (r Repository) LoadAll(ids []string) ([]*Package, error) {
	var all []*Package
	for _, id := range ids {
		p, err := r.Load(id)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// Remove deletes a package. It does not ask whether the package is active.
func (r Repository) Remove(id string) error {
	if _, err := ParseID(id); err != nil {
		return err
	}
	if !r.Has(id) {
		return nil
	}
	return os.RemoveAll(filepath.Join(r.Path, id))
}

// Add unpacks a tarball as the package id, unless there is something at its
// place, whatever it is. What is in the tarball is not looked at. What an
// interrupted Add left at ID_tmp goes first.
func (r Repository) Add(ctx context.Context, id, tarball string) error {
	if _, err := ParseID(id); err != nil {
		return err
	}
	if r.Has(id) {
		return nil
	}
	tmp := filepath.Join(r.Path, id+"_tmp")
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return err
	}
	// The tar command reads every compression; Go's library has no xz.
	out, err := exec.CommandContext(ctx, "tar", "-xf", tarball, "-C", tmp).CombinedOutput()
	if err != nil {
		return errors.Join(fmt.Errorf("unpack %s: %w: %s", tarball, err, strings.TrimSpace(string(out))), os.RemoveAll(tmp))
	}
	return os.Rename(tmp, filepath.Join(r.Path, id))
}

// Fetch gets a package from URL/packages/NAME/ID.tar.xz, unless it is there.
func (r Repository) Fetch(ctx context.Context, url, s string) error {
	id, err := ParseID(s)
	if err != nil {
		return err
	}
	if r.Has(s) {
		return nil
	}
	url = strings.TrimSpace(url)
	if url == "" {
		return fmt.Errorf("package %s is not here, and no repository URL is known", s)
	}
	f, err := os.CreateTemp("", "pkgpanda-*.tar.xz")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	err = Download(ctx, strings.TrimRight(url, "/")+"/packages/"+id.Name+"/"+s+".tar.xz", f)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("fetch %s: %w", s, err)
	}
	return r.Add(ctx, s, f.Name())
}

// How often a download is tried when the server answers 500, 502 or 504 or the
// connection breaks, and how often when its length is short.
const (
	downloadAttempts = 5
	lengthAttempts   = 3
)

// Download copies what is at a file: or http(s): URL into f and checks its
// length. There are no check sums in DC/OS's repositories.
func Download(ctx context.Context, url string, f *os.File) error {
	if path, ok := strings.CutPrefix(url, "file://"); ok {
		src, err := os.Open(path)
		if err != nil {
			return err
		}
		defer src.Close()
		_, err = io.Copy(f, src)
		return err
	}
	var last error
	short := 0
	for attempt := range downloadAttempts {
		if attempt > 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Duration(1<<attempt) * 100 * time.Millisecond):
			}
		}
		retry, err := download(ctx, url, f)
		if err == nil || !retry {
			return err
		}
		last = err
		if errors.Is(err, io.ErrUnexpectedEOF) {
			if short++; short == lengthAttempts {
				break
			}
		}
	}
	return last
}

func download(ctx context.Context, url string, f *os.File) (retry bool, err error) {
	if err := f.Truncate(0); err != nil {
		return false, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return true, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		return true, fmt.Errorf("%s: %s", url, resp.Status)
	default:
		return false, fmt.Errorf("%s: %s", url, resp.Status)
	}
	n, err := io.Copy(f, resp.Body)
	if err == nil && resp.ContentLength >= 0 && n != resp.ContentLength {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return true, fmt.Errorf("%s: %d of %d bytes: %w", url, n, resp.ContentLength, err)
	}
	return false, nil
}
