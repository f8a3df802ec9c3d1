// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package publish

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
)

// manifestName is the file of a place that names what was put there, so that
// what others put beside it is never removed.
const manifestName = ".terraform-provider-dcos.json"

// maxManifest bounds what is read of a manifest, in bytes: it has some ten
// thousand for each bundle.
const maxManifest = 64 << 20

// A manifest says what was put into a place.
type manifest struct {
	// Bundle and Cluster are what is served; Bundle is empty while not all of
	// it is there.
	Bundle  string `json:"bundle,omitempty"`
	Cluster string `json:"cluster"`
	// Directories is how many of the directories in the path were made.
	Directories int                   `json:"directories,omitempty"`
	Files       map[string]servedFile `json:"files"`             // by path
	Bundles     []servedBundle        `json:"bundles,omitempty"` // whose files are there, the latest first
}

// A servedBundle is what a bundle needs of what is served.
type servedBundle struct {
	ID    string   `json:"id"`
	Files []string `json:"files"`
}

// A servedFile is what the manifest has of a file.
type servedFile struct {
	SHA256  string `json:"sha256"`
	Size    int64  `json:"size"`
	ModTime int64  `json:"mod_time,omitempty"` // nanoseconds; of a file on this machine
	Tag     string `json:"tag,omitempty"`      // of a file in a Store
}

// readManifest reads a manifest. Whoever may write to the place may have written
// it: a name that is none of a file in the place is an error.
func readManifest(text []byte) (*manifest, error) {
	m := &manifest{}
	if json.Unmarshal(text, m) != nil {
		return nil, damagedManifest("")
	}
	names := slices.Collect(maps.Keys(m.Files))
	for _, b := range m.Bundles {
		names = append(names, b.Files...)
	}
	for _, name := range names {
		if !validName(name) {
			return nil, damagedManifest(fmt.Sprintf(" (%q in it is not the name of a file here)", name))
		}
	}
	if m.Files == nil {
		m.Files = map[string]servedFile{}
	}
	return m, nil
}

func damagedManifest(why string) error {
	return fmt.Errorf("%s is damaged%s; remove it to have everything written anew", manifestName, why)
}

// validName tells the name of a file in a place: a slash-separated path that
// does not lead out of it, in one line, and not the manifest's own.
func validName(name string) bool {
	return fs.ValidPath(name) && name != "." && name != manifestName && !strings.HasPrefix(name, "-") &&
		!strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || r == '\\' })
}

// text is the manifest as it is kept.
func (m *manifest) text() ([]byte, error) {
	text, err := json.MarshalIndent(m, "", " ")
	return append(text, '\n'), err
}

// whole says whether a file is as it was stored.
func (m *manifest) whole(name string, there map[string]Stored) bool {
	stored, ok := there[name]
	f := m.Files[name]
	return ok && f.SHA256 != "" && stored == (Stored{f.Size, f.Tag})
}

// keep notes a bundle and gives the files that it and the former ones need, of
// which as many are kept as is asked for.
func (m *manifest) keep(id string, files []bundle.Artifact, former *int) map[string]bool {
	now := servedBundle{ID: id}
	for _, f := range files {
		now.Files = append(now.Files, f.Path)
	}
	slices.Sort(now.Files)
	m.Bundles = slices.DeleteFunc(m.Bundles, func(b servedBundle) bool { return b.ID == id })
	m.Bundles = append([]servedBundle{now}, m.Bundles...)
	if former != nil && len(m.Bundles) > *former+1 {
		m.Bundles = m.Bundles[:*former+1]
	}
	needed := map[string]bool{}
	for _, b := range m.Bundles {
		for _, name := range b.Files {
			needed[name] = true
		}
	}
	return needed
}

// drop forgets the files that are not needed and gives their names.
func (m *manifest) drop(needed map[string]bool) []string {
	var old []string
	for _, name := range slices.Sorted(maps.Keys(m.Files)) {
		if !needed[name] {
			old = append(old, name)
			delete(m.Files, name)
		}
	}
	return old
}
