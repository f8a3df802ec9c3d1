// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/release"
)

// A server offers a release and can be made to misbehave.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	content  []byte
	tag      string
	cutAfter []int // bytes of the next answers' bodies; beyond the list they are whole
	status   []int // of the next answers
	plain    bool  // knows no ranges

	gets, heads, sent atomic.Int64
	ranges            []string
}

func serve(t *testing.T, content []byte) *server {
	t.Helper()
	s := &server{content: content, tag: `"one"`}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	content, tag, plain, cut, status := s.content, s.tag, s.plain, -1, 0
	if r.Method == http.MethodGet {
		s.gets.Add(1)
		s.ranges = append(s.ranges, r.Header.Get("Range"))
		if len(s.cutAfter) > 0 {
			cut, s.cutAfter = s.cutAfter[0], s.cutAfter[1:]
		}
		if len(s.status) > 0 {
			status, s.status = s.status[0], s.status[1:]
		}
	} else {
		s.heads.Add(1)
	}
	s.mu.Unlock()
	if status != 0 {
		w.WriteHeader(status)
		return
	}
	if tag != "" {
		w.Header().Set("ETag", tag)
	}
	if plain {
		r.Header.Del("Range")
	}
	http.ServeContent(&cutWriter{ResponseWriter: w, left: cut, sent: &s.sent}, r, "", time.Time{}, bytes.NewReader(content))
}

func (s *server) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// A cutWriter breaks the connection after some bytes.
type cutWriter struct {
	http.ResponseWriter
	left int // -1: never
	sent *atomic.Int64
}

func (w *cutWriter) Write(p []byte) (int, error) {
	if w.left >= 0 && len(p) > w.left {
		_, _ = w.ResponseWriter.Write(p[:w.left])
		if f, ok := w.ResponseWriter.(http.Flusher); ok {
			f.Flush()
		}
		panic(http.ErrAbortHandler)
	}
	if w.left >= 0 {
		w.left -= len(p)
	}
	w.sent.Add(int64(len(p)))
	return w.ResponseWriter.Write(p)
}

func TestDownload(t *testing.T) {
	t.Parallel()
	content := script(t, dockerSave(t, layered()...))
	s, cache := serve(t, content), t.TempDir()
	opts := release.Options{CacheDirectory: cache, SHA256: sum(content)}

	// However many ask, one loads.
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() { looksWhole(t, open(t, s.URL, opts)) })
	}
	group.Wait()
	if n := s.gets.Load(); n != 1 {
		t.Errorf("%d requests for 8 who asked", n)
	}

	// With a digest, the server is not asked again; without, only whether it
	// has another file now.
	s.heads.Store(0)
	looksWhole(t, open(t, s.URL, opts))
	if n := s.heads.Load() + s.gets.Load(); n != 1 {
		t.Errorf("%d requests, want no more", n)
	}
	opts.SHA256 = ""
	looksWhole(t, open(t, s.URL, opts))
	if s.heads.Load() != 1 || s.gets.Load() != 1 {
		t.Errorf("%d HEAD and %d GET requests", s.heads.Load(), s.gets.Load())
	}
	s.set(func() { s.tag = `"two"` })
	looksWhole(t, open(t, s.URL, opts))
	if n := s.gets.Load(); n != 2 {
		t.Errorf("%d GET requests after the file changed on the server", n)
	}
	refused(t, s.URL, release.Options{CacheDirectory: cache, SHA256: strings.Repeat("0", 64)}, release.Altered)
	s.Close() // what was there before is still there
	opts.SHA256 = sum(content)
	looksWhole(t, open(t, s.URL, opts))
	refused(t, s.URL, release.Options{}, release.Unsupported)
}

// What is in the cache serves when the server is gone.
func TestDownloadOffline(t *testing.T) {
	t.Parallel()
	content := script(t, dockerSave(t, layered()...))
	s, cache := serve(t, content), t.TempDir()
	looksWhole(t, open(t, s.URL, release.Options{CacheDirectory: cache}))
	s.Close()
	looksWhole(t, open(t, s.URL, release.Options{CacheDirectory: cache}))
	looksWhole(t, open(t, s.URL, release.Options{CacheDirectory: cache, SHA256: sum(content)}))
}

// What is in the cache is loaded again if its bytes are not those that are
// expected, whatever was noted of them.
func TestDownloadReplaced(t *testing.T) {
	t.Parallel()
	content := script(t, dockerSave(t, layered()...))
	altered := bytes.ReplaceAll(content, []byte("mesosmesos"), []byte("mesosMesos"))
	s, cache := serve(t, content), t.TempDir()
	opts := release.Options{CacheDirectory: cache, SHA256: sum(content)}
	looksWhole(t, open(t, s.URL, opts))
	replace := func() {
		found, err := filepath.Glob(filepath.Join(cache, "releases", "downloads", "*"))
		check(t, err)
		if len(found) != 1 {
			t.Fatalf("the downloads are %q", found)
		}
		path := filepath.Join(found[0], "dcos_generate_config.sh")
		check(t, os.WriteFile(path, altered, 0o600))
		fi, err := os.Stat(path)
		check(t, err)
		check(t, os.WriteFile(filepath.Join(found[0], "state.json"), fmt.Appendf(nil, `{"etag":%q,"sha256":%q,"size":%d,"mod_time":%d}`,
			s.tag, sum(content), fi.Size(), fi.ModTime().UnixNano()), 0o600))
	}
	replace()
	looksWhole(t, open(t, s.URL, opts))
	if n := s.gets.Load(); n != 2 {
		t.Errorf("%d GET requests, want another", n)
	}
	replace()
	s.Close()
	refused(t, s.URL, opts, release.NotAvailable)
}

// An address with TLS does not become one without, unless a sha256 says what has
// to come.
func TestDownloadStaysOnTLS(t *testing.T) {
	t.Parallel()
	content := script(t, dockerSave(t, layered()...))
	s := serve(t, content)
	secure := httptest.NewTLSServer(http.RedirectHandler(s.URL, http.StatusFound))
	t.Cleanup(secure.Close)
	opts := release.Options{CacheDirectory: t.TempDir(), HTTP: secure.Client()}
	if text := refused(t, secure.URL, opts, release.NotAvailable); !strings.Contains(text, "without TLS") {
		t.Errorf("got %s", text)
	}
	if n := s.gets.Load(); n != 0 {
		t.Errorf("%d requests", n)
	}
	plain := httptest.NewServer(http.RedirectHandler(s.URL, http.StatusFound))
	t.Cleanup(plain.Close)
	looksWhole(t, open(t, plain.URL, opts))
	opts.SHA256 = sum(content)
	looksWhole(t, open(t, secure.URL, opts))
}

func TestDownloadResumes(t *testing.T) {
	t.Parallel()
	content := script(t, dockerSave(t, layered()...))
	s := serve(t, content)
	s.cutAfter, s.status = []int{5000, -1, 1000}, []int{0, 503}
	looksWhole(t, open(t, s.URL, release.Options{CacheDirectory: t.TempDir(), SHA256: sum(content)}))
	if got, want := fmt.Sprint(s.ranges), "[ bytes=5000- bytes=5000- bytes=6000-]"; got != want {
		t.Errorf("the ranges asked for were %s, want %s", got, want)
	}
	if n := s.sent.Load(); n > int64(len(content)) {
		t.Errorf("%d bytes were sent for a file of %d", n, len(content))
	}
}

// Another process' interrupted download is taken up, unless the file changed.
func TestDownloadOfAnotherRun(t *testing.T) {
	t.Parallel()
	content := script(t, dockerSave(t, layered()...))
	for _, changed := range []bool{false, true} {
		s, cache := serve(t, content), t.TempDir()
		s.cutAfter, s.status = []int{5000}, []int{0, 404}
		refused(t, s.URL, release.Options{CacheDirectory: cache}, release.NotAvailable)
		s.set(func() {
			s.ranges, s.status = nil, nil
			if changed {
				s.tag, s.content = `"two"`, script(t, dockerSave(t, append(layered(), files{"more": "x"})...))
			}
		})
		looksWhole(t, open(t, s.URL, release.Options{CacheDirectory: cache}))
		if got := fmt.Sprint(s.ranges); got != "[bytes=5000-]" {
			t.Errorf("changed %v: the ranges asked for were %s", changed, got)
		}
	}
}

// A server without ranges and tags costs more, but gives the same.
func TestDownloadFromPlainServer(t *testing.T) {
	t.Parallel()
	content := script(t, dockerSave(t, layered()...))
	s, cache := serve(t, content), t.TempDir()
	s.plain, s.cutAfter = true, []int{5000}
	looksWhole(t, open(t, s.URL, release.Options{CacheDirectory: cache}))
	s.set(func() { s.tag, s.cutAfter = "", []int{5000} })
	looksWhole(t, open(t, s.URL, release.Options{CacheDirectory: cache}))
	looksWhole(t, open(t, s.URL, release.Options{CacheDirectory: cache}))
	if n := s.gets.Load(); n != 4 {
		t.Errorf("%d GET requests", n)
	}
}

func TestDownloadRefused(t *testing.T) {
	t.Parallel()
	content := script(t, dockerSave(t, layered()...))
	s := serve(t, content)
	s.status = []int{404}
	address := strings.Replace(s.URL, "http://", "http://user:hunter2@", 1) + "/d.sh?X-Signature=hunter2"
	text := refused(t, address, release.Options{CacheDirectory: t.TempDir()}, release.NotAvailable)
	if !strings.Contains(text, "404") || strings.Contains(text, "hunter2") {
		t.Errorf("got %s", text)
	}
	if n := s.gets.Load(); n != 1 {
		t.Errorf("%d requests for a file that is not there", n)
	}
	cache := t.TempDir()
	refused(t, s.URL, release.Options{CacheDirectory: cache, SHA256: strings.Repeat("0", 64)}, release.Altered)
	check(t, filepath.WalkDir(cache, func(p string, d os.DirEntry, err error) error {
		if err == nil && (d.Name() == "partial" || d.Name() == "dcos_generate_config.sh") {
			t.Errorf("%s was kept", p)
		}
		return err
	}))
	refused(t, "http://[::1", release.Options{CacheDirectory: cache}, release.NotAvailable)

	tls := httptest.NewTLSServer(s)
	t.Cleanup(tls.Close)
	refused(t, tls.URL, release.Options{CacheDirectory: t.TempDir()}, release.NotAvailable)
	looksWhole(t, open(t, tls.URL, release.Options{CacheDirectory: t.TempDir(), HTTP: tls.Client()}))
}
