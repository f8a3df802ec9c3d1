// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/dcos-install/terraform-provider-dcos/internal/release"
	"github.com/dcos-install/terraform-provider-dcos/internal/render"
)

// serveManifest is the file of a serve directory that names what Serve made
// there, so that it never removes what others put beside.
const serveManifest = ".terraform-provider-dcos.json"

// A manifest says what Serve made.
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

// A served file is what the manifest has of a file.
type servedFile struct {
	SHA256  string `json:"sha256"`
	Size    int64  `json:"size"`
	ModTime int64  `json:"mod_time,omitempty"` // nanoseconds; of a file on this machine
	Tag     string `json:"tag,omitempty"`      // of a file in a Store
}

// Serve writes the serve directory: what a web server at bootstrap_url has to
// offer, in the layout of the directory genconf/serve that DC/OS's generator
// writes. Files are 0644, directories 0755.
//
// Each file is replaced atomically, and none before everything that it names
// is there. Files of an earlier Serve that this bundle does not need are
// removed; files of others are left alone. For each version in upgradeFrom the
// directory also gets upgrade/ID/dcos_node_upgrade.sh.
func (b *Bundle) Serve(ctx context.Context, dir string, upgradeFrom ...string) error {
	none := 0
	return b.serve(ctx, dir, ServeOptions{UpgradeFrom: upgradeFrom, Keep: &none})
}

// serve is Serve, with a say in what is kept of former bundles.
func (b *Bundle) serve(ctx context.Context, dir string, o ServeOptions) error {
	files, err := b.served(ctx, o.UpgradeFrom)
	if err != nil {
		return err
	}
	missing := missingDirectories(dir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	s, err := openServer(dir)
	if err != nil {
		return err
	}
	defer func() { _ = s.root.Close() }() // nothing is written through it
	if missing > 0 {
		s.Directories = missing
	}
	// Until all is there, the directory serves nothing whole.
	s.Bundle, s.Cluster = "", b.ClusterName
	if err := s.write(ctx, files, s.keep(b.ID, files, o.Keep)); err != nil {
		return err
	}
	s.Bundle = b.ID
	return s.save()
}

// served gives the files of the serve directory in an order in which none
// names one that comes after it.
func (b *Bundle) served(ctx context.Context, upgradeFrom []string) ([]Artifact, error) {
	files, err := b.Artifacts(ctx)
	if err != nil {
		return nil, err
	}
	// No node fetches it, so a rebuilt release may lack it.
	active, err := b.releaseArtifact(ctx, "bootstrap/"+b.BootstrapID+".active.json")
	var missing *release.Error
	switch {
	case err == nil:
		files = append(files, active)
	case !errors.As(err, &missing) || missing.Reason != release.Incomplete:
		return nil, err
	}
	info, err := b.packageInfo()
	if err != nil {
		return nil, err
	}
	install, err := b.InstallScript()
	if err != nil {
		return nil, err
	}
	for _, version := range upgradeFrom {
		script, err := b.UpgradeScript(version)
		if err != nil {
			return nil, err
		}
		files = append(files, contentArtifact(b.UpgradePath(version), script))
	}
	return append(files,
		contentArtifact("cluster-package-info.json", info),
		contentArtifact("dcos_install.sh", install),
		contentArtifact("bootstrap.latest", []byte(b.BootstrapID)),
		contentArtifact("cluster-package-list.latest", []byte(b.PackageListID)),
	), nil
}

// UpgradePath gives the path of the upgrade script from a version, below
// bootstrap_url. DC/OS makes up a random name; this one is that of the content.
func (b *Bundle) UpgradePath(fromVersion string) string {
	return "upgrade/" + hexSum([]byte(b.ID + " " + fromVersion))[:32] + "/dcos_node_upgrade.sh"
}

// packageInfo gives the index of the cluster's packages: by name, sorted, the
// path and the id.
func (b *Bundle) packageInfo() ([]byte, error) {
	packages := render.NewMap()
	for _, id := range b.PackageIDs {
		packages.Set(packageName(id), render.NewMap("filename", packagePath(id), "id", id))
	}
	text, err := render.EncodePrettyJSON(packages)
	return []byte(text), err
}

// A server writes a serve directory.
type server struct {
	root *os.Root
	manifest
}

func (s *server) write(ctx context.Context, files []Artifact, needed map[string]bool) error {
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if s.there(f) {
			if err := s.drop(nextName(f.Path)); err != nil {
				return err
			}
			continue
		}
		// Noted before it is made: what an interrupted run leaves must be
		// known to the next one as ours.
		if _, ok := s.Files[f.Path]; !ok {
			s.Files[f.Path] = servedFile{}
			if err := s.save(); err != nil {
				return err
			}
		}
		if err := s.put(ctx, f); err != nil {
			return fmt.Errorf("writing %s: %w", f.Path, err)
		}
	}
	for _, old := range slices.Sorted(maps.Keys(s.Files)) {
		if needed[old] {
			continue
		}
		if err := s.remove(old); err != nil {
			return err
		}
		delete(s.Files, old)
	}
	return s.save()
}

// there tells whether a file has its content already. Of a file that was not
// written to since we made it, that is known without reading it.
func (s *server) there(f Artifact) bool {
	name := filepath.FromSlash(f.Path)
	fi, err := s.root.Lstat(name)
	if err != nil || !fi.Mode().IsRegular() || fi.Size() != f.Size {
		return false
	}
	m, ours := s.Files[f.Path]
	if ours && m.ModTime == fi.ModTime().UnixNano() && m.Size == fi.Size() {
		return m.SHA256 == f.SHA256
	}
	in, err := s.root.Open(name)
	if err != nil {
		return false
	}
	h := sha256.New()
	_, err = io.Copy(h, in)
	if err = errors.Join(err, in.Close()); err != nil || hex.EncodeToString(h.Sum(nil)) != f.SHA256 {
		return false
	}
	if ours {
		s.Files[f.Path] = servedFile{SHA256: f.SHA256, Size: f.Size, ModTime: fi.ModTime().UnixNano()}
	}
	return true
}

// put writes a file under another name and then gives it its own.
func (s *server) put(ctx context.Context, f Artifact) error {
	if err := s.mkdir(path.Dir(f.Path)); err != nil {
		return err
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	name, next := filepath.FromSlash(f.Path), filepath.FromSlash(nextName(f.Path))
	sum := sha256.New()
	err = s.copy(ctx, next, in, sum)
	if err = errors.Join(err, in.Close()); err == nil && hex.EncodeToString(sum.Sum(nil)) != f.SHA256 {
		err = errors.New("what was read is not what was announced")
	}
	if err == nil {
		err = s.root.Rename(next, name)
	}
	if err != nil {
		_ = s.root.Remove(next) // the first error is the one to tell
		return err
	}
	fi, err := s.root.Lstat(name)
	if err != nil {
		return err
	}
	s.Files[f.Path] = servedFile{SHA256: f.SHA256, Size: f.Size, ModTime: fi.ModTime().UnixNano()}
	return nil
}

// mkdir makes a directory and those above it, for everyone to read.
func (s *server) mkdir(dir string) error {
	name := filepath.FromSlash(dir)
	if fi, err := s.root.Stat(name); err == nil && fi.IsDir() {
		return nil
	}
	if parent := path.Dir(dir); parent != dir {
		if err := s.mkdir(parent); err != nil {
			return err
		}
	}
	if err := s.root.Mkdir(name, 0o755); err != nil {
		return err
	}
	return s.root.Chmod(name, 0o755)
}

// nextName gives the name that a file has until it is whole. It is fixed, so
// that what a killed run left of it can be found.
func nextName(name string) string {
	dir, base := path.Split(name)
	return dir + ".new-" + base
}

func (s *server) copy(ctx context.Context, name string, in io.Reader, sum hash.Hash) error {
	out, err := s.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	buf := make([]byte, 256<<10)
	_, err = io.CopyBuffer(io.MultiWriter(out, sum), contextReader{ctx, in}, buf)
	if err == nil {
		err = out.Chmod(0o644) // whatever the umask: a web server has to read it
	}
	if err == nil {
		err = out.Sync() // a name must not survive a power cut that its content does not
	}
	return errors.Join(err, out.Close())
}

// A contextReader reads while the context lasts.
type contextReader struct {
	ctx context.Context //nolint:containedctx // a Read has none of its own
	r   io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// remove removes a file of ours and the directories that it leaves empty.
func (s *server) remove(name string) error {
	if err := errors.Join(s.drop(name), s.drop(nextName(name))); err != nil {
		return err
	}
	// A directory that is not empty stays, which Remove sees to.
	dir := path.Dir(name)
	for dir != "." && s.root.Remove(filepath.FromSlash(dir)) == nil {
		dir = path.Dir(dir)
	}
	return nil
}

// drop removes a file that may be there.
func (s *server) drop(name string) error {
	err := s.root.Remove(filepath.FromSlash(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// save writes the manifest.
func (s *server) save() error {
	text, err := json.MarshalIndent(s.manifest, "", " ")
	if err != nil {
		return err
	}
	const next = serveManifest + ".new"
	if err := s.root.WriteFile(next, append(text, '\n'), 0o644); err != nil {
		return err
	}
	return s.root.Rename(next, serveManifest)
}
