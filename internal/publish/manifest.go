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
	Files       map[string]servedFile `json:"files"`             // by path; ours
	Others      map[string]servedFile `json:"others,omitempty"`  // by path; were there with the content that is needed, and stay
	Bundles     []servedBundle        `json:"bundles,omitempty"` // whose files are there, the latest first
}

// A servedBundle is what a bundle needs of what is served.
type servedBundle struct {
	ID    string   `json:"id"`
	Files []string `json:"files"`
}

// A servedFile is what the manifest has of a file.
type servedFile struct {
	SHA256 string `json:"sha256"` // empty before it was stored for the first time
	Size   int64  `json:"size"`
	Tag    string `json:"tag,omitempty"`
	// Next is the SHA-256 that it has if it was stored by a run that could not
	// note that any more. Without, as versions before had it, it is ours with
	// whatever content.
	Next string `json:"next,omitempty"`
	// ModTime is what a version before had for Tag, of a file on this machine.
	ModTime int64 `json:"mod_time,omitempty"`
}

// readManifest reads a manifest. Whoever may write to the place may have written
// it: a name that is none of a file in the place is an error.
func readManifest(text []byte) (*manifest, error) {
	m := &manifest{}
	if json.Unmarshal(text, m) != nil {
		return nil, damagedManifest("")
	}
	names := slices.AppendSeq(slices.Collect(maps.Keys(m.Files)), maps.Keys(m.Others))
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
	if m.Others == nil {
		m.Others = map[string]servedFile{}
	}
	for name, f := range m.Files {
		if f.ModTime != 0 {
			f.Tag, f.ModTime = timeTag(f.ModTime), 0
			m.Files[name] = f
		}
	}
	return m, nil
}

func damagedManifest(why string) error {
	return fmt.Errorf("%s is damaged%s; remove it with all that was published beside it, to have everything written anew",
		manifestName, why)
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

// known gives the SHA-256 of a file that was not written to since it was noted;
// else it is empty.
func (m *manifest) known(name string, s Stored) string {
	f, ours := m.Files[name]
	if !ours {
		f = m.Others[name]
	}
	if s != (Stored{f.Size, f.Tag}) {
		return ""
	}
	return f.SHA256
}

// cutOff gives the files of which is not known whether they were stored, with
// their sizes in bytes.
func (m *manifest) cutOff() map[string][]int64 {
	sizes := map[string][]int64{}
	for name, f := range m.Files {
		if f.SHA256 == "" && f.Next != "" {
			sizes[name] = []int64{f.Size}
		}
	}
	return sizes
}

// settle decides whose those files are that a run was about to store when it
// was cut off. One with the content that it was to have is ours; any other has
// come since, and its name is given.
func (m *manifest) settle(there map[string]found) []string {
	var theirs []string
	for name := range m.cutOff() {
		now, ok := there[name]
		switch {
		case !ok: // not stored
		case now.SHA256 == m.Files[name].Next:
			m.Files[name] = now.noted()
		default:
			delete(m.Files, name)
			theirs = append(theirs, name)
		}
	}
	return theirs
}

// noted is what the manifest has of a file whose content was found.
func (f found) noted() servedFile { return servedFile{SHA256: f.SHA256, Size: f.Size, Tag: f.Tag} }

// take gives the files that have to be stored, and notes them: what an
// interrupted run leaves must be known to the next one as ours. Those of others
// that have the right content are used as they are; those that have another are
// an error.
func (m *manifest) take(files []bundle.Artifact, there map[string]found) ([]bundle.Artifact, error) {
	var missing []bundle.Artifact
	var theirs []string
	for _, f := range files {
		now, exists := there[f.Path]
		was, ours := m.Files[f.Path]
		right := exists && now.SHA256 == f.SHA256
		switch {
		case right && ours:
			m.Files[f.Path] = now.noted()
		case right:
			m.Others[f.Path] = now.noted()
		case exists && !ours:
			theirs = append(theirs, f.Path)
		default:
			if !ours || was.Next != "" {
				m.Files[f.Path] = servedFile{Size: f.Size, Next: f.SHA256}
			}
			delete(m.Others, f.Path)
			missing = append(missing, f)
		}
	}
	if len(theirs) > 0 {
		return nil, inTheWay(theirs)
	}
	return missing, nil
}

// namedAtMost is how many files a message names.
const namedAtMost = 10

// Names words a list of files, of which it names the first ones.
func Names(files []string) string {
	if more := len(files) - namedAtMost; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(files[:namedAtMost], ", "), more)
	}
	return strings.Join(files, ", ")
}

func inTheWay(files []string) error {
	return fmt.Errorf("files that this provider did not put there are in the way, with another content than is to be published (%s), "+
		"so nothing was written: move them elsewhere, or publish to a place of its own", Names(files))
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

// drop forgets the files that are not needed and gives the names of ours.
func (m *manifest) drop(needed map[string]bool) []string {
	var old []string
	maps.DeleteFunc(m.Others, func(name string, _ servedFile) bool { return !needed[name] })
	for _, name := range slices.Sorted(maps.Keys(m.Files)) {
		if !needed[name] {
			old = append(old, name)
			delete(m.Files, name)
		}
	}
	return old
}
