// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

// A shelf is a store as those see it who put files there by hand.
type shelf struct {
	store Store
	here  bool // as in storePlace
	// put writes a file; the empty text removes it. all gives what is there: a text by
	// name that is another one whenever the file was written to.
	put func(name, text string)
	all func() map[string]string
}

func (s *shelf) place(store Store) Place { return &storePlace{store: store, here: s.here} }

// directoryShelf is a directory on this machine.
func directoryShelf(t *testing.T, dir string) *shelf {
	t.Helper()
	p, err := Directory(dir).open()
	must(t, err)
	t.Cleanup(func() { must(t, p.root.Close()) })
	return &shelf{p.store, true, func(name, text string) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if text == "" {
			must(t, os.Remove(path))
			return
		}
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(text), 0o640))
	}, func() map[string]string {
		all := listing(t, dir)
		maps.DeleteFunc(all, func(name, _ string) bool { return strings.HasSuffix(name, "/") })
		for name, text := range all {
			fi, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name)))
			must(t, err)
			all[name] = fmt.Sprint(text, fi.ModTime().UnixNano())
		}
		return all
	}}
}

// s3Shelf is a bucket.
func s3Shelf(t *testing.T) *shelf {
	t.Helper()
	l := newS3Lab(t)
	return &shelf{l.store, false, func(name, text string) {
		if text == "" {
			must(t, l.store.Remove(t.Context(), []string{name}))
			return
		}
		must(t, l.store.Put(t.Context(), []bundle.Artifact{bundle.NewArtifact(name, []byte(text))}, func(string, Stored) {}))
	}, func() map[string]string {
		keys, err := l.server.Keys(t.Context(), "files")
		must(t, err)
		all := map[string]string{}
		for _, key := range keys {
			text, err := l.server.Object(t.Context(), "files", key)
			must(t, err)
			name := strings.TrimPrefix("/"+key, s3Prefix)
			l.mu.Lock()
			writes := len(slices.DeleteFunc(slices.Clone(l.written), func(n string) bool { return n != name }))
			l.mu.Unlock()
			all[name] = fmt.Sprintf("%s, written %d times", text, writes)
		}
		return all
	}}
}

// hostShelf is a directory on a real host.
func hostShelf(t *testing.T, h *webHost, dir string) *shelf {
	t.Helper()
	h.shell("install -d " + dir)
	p, ok := h.place(lab.Require(t), lab.UserNoPassword, dir, true).(*storePlace)
	if !ok {
		t.Fatal("the place has no store")
	}
	return &shelf{p.store, false, func(name, text string) {
		if text == "" {
			h.shell("rm " + dir + "/" + name)
			return
		}
		h.shell("mkdir -p $(dirname " + dir + "/" + name + "); printf %s '" + text + "' >" + dir + "/" + name)
	}, func() map[string]string {
		all := map[string]string{}
		for line := range strings.Lines(h.shell("cd " + dir + " && find . -type f -printf '%P %i %C@\\n'")) {
			name, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			all[name] = text
		}
		return all
	}}
}

// A powerCut is a Store on the way to which the power goes: at once, or when
// the first files are stored, before that can be noted.
type powerCut struct {
	Store
	atOnce, stored bool
}

var errPowerCut = errors.New("power cut")

func (c *powerCut) Put(ctx context.Context, files []bundle.Artifact, put func(string, Stored)) error {
	if noting := files[0].Path == manifestName; noting && !c.stored {
		return c.Store.Put(ctx, files, put)
	} else if noting || c.atOnce {
		return errPowerCut
	}
	c.stored = true
	return c.Store.Put(ctx, files, put)
}

// TestOthers holds that what others have put there by hand is never written
// over nor removed, in each kind of place.
func TestOthers(t *testing.T) {
	t.Run("directory", func(t *testing.T) {
		others(t, true, func(t *testing.T) *shelf { t.Helper(); return directoryShelf(t, t.TempDir()) })
	})
	t.Run("S3", func(t *testing.T) { others(t, true, s3Shelf) })
	t.Run("host", func(t *testing.T) {
		h, n := newWebHost(t, "publish-files"), 0
		others(t, lab.Nightly, func(t *testing.T) *shelf {
			t.Helper()
			n++
			return hostShelf(t, &webHost{h.Host, t}, fmt.Sprintf("/srv/files%d", n))
		})
	})
}

// others goes through what may happen, of which interruptions come to the same
// in each kind of place.
func others(t *testing.T, interrupted bool, newShelf func(*testing.T) *shelf) {
	t.Helper()
	const script, latest, list = "dcos_install.sh", "bootstrap.latest", "cluster-package-list.latest"
	const package1 = "packages/mesos/mesos--bbbb.tar.xz"
	one, two := testContent("one", "abcd"), testContent("two", "ef01")
	text := func(c Content, name string) string {
		t.Helper()
		for _, f := range c.Files {
			if f.Path != name {
				continue
			}
			in, err := f.Open()
			must(t, err)
			text, err := io.ReadAll(in)
			must(t, errors.Join(err, in.Close()))
			return string(text)
		}
		t.Fatalf("there is no %s", name)
		return ""
	}
	// refused holds that nothing is written, and what names what is in the way.
	refused := func(t *testing.T, s *shelf, c Content, names ...string) {
		t.Helper()
		before := s.all()
		err := s.place(s.store).Serve(t.Context(), c, nil)
		if err == nil || !strings.Contains(err.Error(), "("+strings.Join(names, ", ")+"), so nothing was written: move them elsewhere") {
			t.Errorf("the error is %v, want one of %v", err, names)
		}
		if after := s.all(); !maps.Equal(before, after) {
			t.Errorf("before\n%v\nafter\n%v", before, after)
		}
	}
	served := func(t *testing.T, s *shelf, want Serving) {
		t.Helper()
		if got, err := s.place(s.store).Served(t.Context()); err != nil || got != want {
			t.Errorf("%+v is served, want %+v (%v)", got, want, err)
		}
	}
	// unserve holds what is left, of which some is named.
	unserve := func(t *testing.T, s *shelf, left []string, named ...string) {
		t.Helper()
		before := s.all()
		got, err := s.place(s.store).Unserve(t.Context())
		if err != nil || !slices.Equal(got, named) {
			t.Errorf("left is %v, want %v (%v)", got, named, err)
		}
		after := s.all()
		if names := slices.Sorted(maps.Keys(after)); !slices.Equal(names, left) {
			t.Errorf("there is %v, want %v", names, left)
		}
		for name, now := range after {
			if before[name] != now {
				t.Errorf("%s has been written to", name)
			}
		}
	}

	t.Run("by hand", func(t *testing.T) {
		s := newShelf(t)
		s.put(package1, text(one, package1))
		s.put(script, "by hand")
		s.put(latest, strings.Repeat("x", len(testBootstrap))) // of the same size
		s.put("theirs", "theirs")
		refused(t, s, one, script, latest)
		served(t, s, Serving{})
		s.put(script, text(one, script))
		s.put(latest, "")
		before := s.all()
		must(t, s.place(s.store).Serve(t.Context(), one, nil))
		served(t, s, Serving{"one", "demo"})
		for name, was := range before {
			if now := s.all()[name]; now != was {
				t.Errorf("%s was %q and is %q", name, was, now)
			}
		}

		// What is used of theirs is looked at as the rest is.
		s.put(script, "altered")
		served(t, s, Serving{"", "demo"})
		refused(t, s, one, script)
		s.put(script, text(one, script))
		must(t, s.place(s.store).Serve(t.Context(), one, nil))
		served(t, s, Serving{"one", "demo"})
		// Another bundle needs it in another form.
		refused(t, s, two, script)
		served(t, s, Serving{"one", "demo"})
		// Without it the name is ours from then on, also where it is altered.
		s.put(script, "")
		must(t, s.place(s.store).Serve(t.Context(), two, &none))
		s.put(script, "altered")
		s.put(list, "altered")
		must(t, s.place(s.store).Serve(t.Context(), two, &none))
		served(t, s, Serving{"two", "demo"})
		unserve(t, s, []string{package1, "theirs"}, package1)
		unserve(t, s, []string{package1, "theirs"})
	})
	if !interrupted {
		return
	}
	t.Run("stored and not noted", func(t *testing.T) {
		s := newShelf(t)
		if err := s.place(&powerCut{Store: s.store}).Serve(t.Context(), one, nil); !errors.Is(err, errPowerCut) {
			t.Fatalf("got %v", err)
		}
		if _, ok := s.all()[package1]; !ok {
			t.Errorf("nothing was stored: %v", s.all())
		}
		served(t, s, Serving{"", "demo"})
		before := s.all()[package1]
		must(t, s.place(s.store).Serve(t.Context(), one, nil))
		if s.all()[package1] != before {
			t.Error("what was stored was stored again")
		}
		unserve(t, s, nil)

		// Taken away without another apply, and after one that does without it.
		if err := s.place(&powerCut{Store: s.store}).Serve(t.Context(), one, nil); !errors.Is(err, errPowerCut) {
			t.Fatalf("got %v", err)
		}
		unserve(t, s, nil)
		if err := s.place(&powerCut{Store: s.store}).Serve(t.Context(), one, nil); !errors.Is(err, errPowerCut) {
			t.Fatalf("got %v", err)
		}
		must(t, s.place(s.store).Serve(t.Context(), without(two, "packages"), &none))
		if _, ok := s.all()[package1]; ok {
			t.Errorf("what nobody needs is left: %v", s.all())
		}
		unserve(t, s, nil)
	})
	t.Run("noted and not stored", func(t *testing.T) {
		s := newShelf(t)
		cut := func() {
			t.Helper()
			if err := s.place(&powerCut{Store: s.store, atOnce: true}).Serve(t.Context(), one, nil); !errors.Is(err, errPowerCut) {
				t.Fatalf("got %v", err)
			}
		}
		cut()
		s.put(script, "by hand")
		refused(t, s, one, script)
		must(t, s.place(s.store).Serve(t.Context(), Content{Bundle: "small", Cluster: "demo", Files: one.Files[:1]}, &none))
		unserve(t, s, []string{script})
		s.put(script, "")
		cut()
		s.put(script, "by hand")
		unserve(t, s, []string{script}, script)
	})
	t.Run("noted by the version before", func(t *testing.T) {
		s := newShelf(t)
		s.put(manifestName, `{"cluster":"demo","files":{"`+script+`":{"sha256":"","size":0}}}`)
		s.put(script, "stored, and not noted")
		must(t, s.place(s.store).Serve(t.Context(), one, nil))
		served(t, s, Serving{"one", "demo"})
		unserve(t, s, nil)
	})
}
