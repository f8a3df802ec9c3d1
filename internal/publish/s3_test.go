// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package publish

import (
	"bytes"
	"crypto/md5" //nolint:gosec // what S3 calls an ETag
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/objectstore"
)

// An s3Lab is an S3 server that notes what is written to it, and may refuse.
type s3Lab struct {
	server *objectstore.Store
	store  Store
	url    string

	mu      sync.Mutex
	written []string // names, in order, without the manifest
	refuse  func(name string) bool
}

const s3Prefix = "/site/boot/"

func newS3Lab(t *testing.T) *s3Lab {
	t.Helper()
	server := objectstore.New()
	const id, secret = "AKIDLAB", "lab-secret-key"
	server.Allow(id, secret)
	must(t, server.CreateBucket(t.Context(), "files"))
	lab := &s3Lab{server: server}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, name, _ := strings.Cut(r.URL.Path, s3Prefix)
		if r.Method == http.MethodPut && name != manifestName {
			lab.mu.Lock()
			refused := lab.refuse != nil && lab.refuse(name)
			if !refused {
				lab.written = append(lab.written, name)
			}
			lab.mu.Unlock()
			if refused {
				http.Error(w, `<?xml version="1.0"?>`+"<Error><Code>QuotaExceeded</Code><Message>no more</Message></Error>", http.StatusForbidden)
				return
			}
		}
		server.ServeHTTP(w, r)
	}))
	t.Cleanup(web.Close)
	lab.url = web.URL
	t.Setenv("AWS_ACCESS_KEY_ID", id)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	var err error
	lab.store, err = NewS3(t.Context(), S3{Bucket: "files", Prefix: s3Prefix, Endpoint: web.URL, PathStyle: true})
	must(t, err)
	return lab
}

// names gives what was written since the last call.
func (l *s3Lab) names() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	names := l.written
	l.written = nil
	return names
}

// TestPublishS3 is the life of a serve directory in S3.
func TestPublishS3(t *testing.T) {
	lab := newS3Lab(t)
	place := NewPlace(lab.store)
	const upgrade = "upgrade/0123/dcos_node_upgrade.sh"
	c := testContent("one", "abcd")
	upgradable := testContent("one", "abcd", bundle.NewArtifact(upgrade, []byte("upgrade")))
	served := func(want Serving) {
		t.Helper()
		if got, err := place.Served(t.Context()); err != nil || got != want {
			t.Errorf("%+v is served, want %+v (%v)", got, want, err)
		}
	}
	content := func(name string) string {
		t.Helper()
		text, err := lab.store.Read(t.Context(), name)
		must(t, err)
		return string(text)
	}
	served(Serving{})

	// A run that breaks off leaves nothing that is taken for whole, and what it
	// stored is not stored again.
	lab.refuse = func(name string) bool { return strings.HasPrefix(name, "package_lists/") }
	if err := place.Serve(t.Context(), c, nil); err == nil || !strings.Contains(err.Error(), "QuotaExceeded") ||
		!strings.Contains(err.Error(), "s3://files/site/boot/package_lists/") {
		t.Errorf("the error is %v", err)
	}
	lab.refuse = nil
	first := lab.names()
	served(Serving{"", "demo"})
	must(t, place.Serve(t.Context(), upgradable, nil))
	second := lab.names()
	served(Serving{"one", "demo"})
	for _, name := range first {
		if slices.Contains(second, name) {
			t.Errorf("%s was stored twice", name)
		}
	}
	if len(first) == 0 {
		t.Error("nothing was stored before what was refused")
	}

	// It is what a directory on this machine would have.
	dir := t.TempDir()
	must(t, Directory(dir).Serve(t.Context(), upgradable, nil))
	want := listing(t, dir)
	maps.DeleteFunc(want, func(name, _ string) bool { return strings.HasSuffix(name, "/") || name == manifestName })
	got := slices.Concat(first, second)
	slices.Sort(got)
	if names := slices.Sorted(maps.Keys(want)); !slices.Equal(got, names) {
		t.Errorf("stored: %v, want %v", got, names)
	}
	for name, text := range want {
		if _, text, _ = strings.Cut(text, " "); content(name) != text {
			t.Errorf("%s has another content", name)
		}
	}
	// What names others comes after them.
	latest := slices.IndexFunc(second, func(n string) bool { return strings.HasSuffix(n, ".latest") })
	list := slices.IndexFunc(second, func(n string) bool { return strings.HasPrefix(n, "package_lists/") })
	script := slices.Index(second, "dcos_install.sh")
	if list != 0 || script < list || latest != len(second)-2 {
		t.Errorf("stored in this order: %v", second)
	}

	// Nothing to do, and what is missing or altered.
	must(t, place.Serve(t.Context(), c, nil))
	if names := lab.names(); len(names) > 0 {
		t.Errorf("stored again: %v", names)
	}
	must(t, lab.store.Remove(t.Context(), []string{"dcos_install.sh"}))
	other := bundle.NewArtifact("bootstrap.latest", []byte(strings.Repeat("x", len(content("bootstrap.latest")))))
	must(t, lab.store.Put(t.Context(), []bundle.Artifact{other}, func(string, Stored) {}))
	lab.names()
	served(Serving{"", "demo"})
	must(t, place.Serve(t.Context(), c, nil))
	if names := lab.names(); !slices.Equal(names, []string{"dcos_install.sh", "bootstrap.latest"}) {
		t.Errorf("stored: %v", names)
	}
	served(Serving{"one", "demo"})

	// Former bundles are kept until asked.
	next := testContent("two", "ef01")
	const old = "package_lists/abcd.package_list.json"
	must(t, place.Serve(t.Context(), next, nil))
	served(Serving{"two", "demo"})
	content(old)
	one := 1
	must(t, place.Serve(t.Context(), next, &one))
	content(old)
	must(t, place.Serve(t.Context(), next, &none))
	if _, err := lab.store.Read(t.Context(), old); err == nil {
		t.Errorf("%s is still there", old)
	}
	served(Serving{"two", "demo"})

	// Taken away, all of ours and nothing else.
	must(t, lab.store.Put(t.Context(), []bundle.Artifact{bundle.NewArtifact("packages/theirs", []byte("theirs"))}, func(string, Stored) {}))
	unserve(t, place)
	unserve(t, place)
	served(Serving{})
	left, err := lab.store.Stat(t.Context(), append(got, manifestName, old, "packages/theirs"))
	must(t, err)
	if names := slices.Sorted(maps.Keys(left)); !slices.Equal(names, []string{"packages/theirs"}) {
		t.Errorf("left: %v", names)
	}
}

// TestPublishS3Parts sends a file in parts: it is whole or not there, and
// nothing that is not what it should be gets its name.
func TestPublishS3Parts(t *testing.T) {
	lab := newS3Lab(t)
	const part = 5 << 20 // the least that S3 takes
	store, err := NewS3(t.Context(), S3{Bucket: "files", Prefix: s3Prefix, Endpoint: lab.url, PathStyle: true, PartSize: part})
	must(t, err)
	content := make([]byte, 2*part+12345)
	rand.NewChaCha8([32]byte{7}).Read(content) //nolint:errcheck // it never fails
	sum := sha256.Sum256(content)
	path := filepath.Join(t.TempDir(), "large")
	must(t, os.WriteFile(path, content, 0o600))
	file := bundle.Artifact{Path: "packages/large", Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:]),
		Open: func() (io.ReadCloser, error) { return os.Open(path) }}
	var stored Stored
	put := func() error {
		return store.Put(t.Context(), []bundle.Artifact{file}, func(_ string, s Stored) { stored = s })
	}
	there := func() map[string]Stored {
		found, err := store.Stat(t.Context(), []string{file.Path})
		must(t, err)
		return found
	}

	must(t, put())
	if n := len(lab.names()); n != 3 {
		t.Errorf("the file went in %d parts", n)
	}
	back, err := store.Read(t.Context(), file.Path)
	if err != nil || !bytes.Equal(back, content) {
		t.Errorf("%d bytes came back, %v", len(back), err)
	}
	if now := there()[file.Path]; now != stored || now.Size != file.Size {
		t.Errorf("it is there as %+v, and was stored as %+v", now, stored)
	}
	must(t, store.Remove(t.Context(), []string{file.Path}))

	// A file that has changed, and a server that takes no more.
	content[part+1]++
	must(t, os.WriteFile(path, content, 0o600))
	if err := put(); err == nil || !strings.Contains(err.Error(), "it has changed") {
		t.Errorf("a file that has changed: %v", err)
	}
	lab.refuse = func(string) bool { return len(lab.written) > 1 }
	lab.names()
	if err := put(); err == nil || !strings.Contains(err.Error(), "QuotaExceeded") {
		t.Errorf("a server that refuses: %v", err)
	}
	if left := there(); len(left) > 0 {
		t.Errorf("there is %v", left)
	}
}

// TestPublishS3Refused holds what errors say.
func TestPublishS3Refused(t *testing.T) {
	lab := newS3Lab(t)
	missing, err := NewS3(t.Context(), S3{Bucket: "none", Endpoint: lab.url, PathStyle: true})
	must(t, err)
	err = NewPlace(missing).Serve(t.Context(), testContent("one", "abcd"), nil)
	if err == nil || !strings.Contains(err.Error(), "s3://none/") {
		t.Errorf("the error is %v", err)
	}
	must(t, lab.store.Put(t.Context(), []bundle.Artifact{bundle.NewArtifact(manifestName, []byte("?"))}, func(string, Stored) {}))
	if _, err := NewPlace(lab.store).Served(t.Context()); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("the error is %v", err)
	}
	hostile := bundle.NewArtifact(manifestName, []byte(`{"files":{"../other/a":{}},"cluster":"demo"}`))
	must(t, lab.store.Put(t.Context(), []bundle.Artifact{hostile}, func(string, Stored) {}))
	if _, err := NewPlace(lab.store).Unserve(t.Context()); err == nil || !strings.Contains(err.Error(), "../other/a") {
		t.Errorf("a manifest that names what is elsewhere: %v", err)
	}
	// What is not what was announced is not stored.
	wrong := bundle.NewArtifact("packages/a", []byte("content"))
	wrong.SHA256 = bundle.NewArtifact("", []byte("another")).SHA256
	if err := lab.store.Put(t.Context(), []bundle.Artifact{wrong}, func(string, Stored) {}); err == nil {
		t.Error("another content was stored")
	}
	stream := bundle.Artifact{Path: "a", Size: 1, SHA256: bundle.NewArtifact("", []byte("a")).SHA256,
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("a")), nil }}
	if err := lab.store.Put(t.Context(), []bundle.Artifact{stream}, func(string, Stored) {}); err == nil ||
		!strings.Contains(err.Error(), "read twice") {
		t.Errorf("the error is %v", err)
	}
}

// TestPublishS3Proxy works through a proxy that changes a header on the way, as Google's in front of its object store
// does, and tells of that cause where a proxy changes what has to be signed.
func TestPublishS3Proxy(t *testing.T) {
	lab := newS3Lab(t)
	behind, err := url.Parse(lab.url)
	must(t, err)
	through := func(change func(http.Header)) Store {
		web := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(behind)
			r.Out.Host = r.In.Host
			change(r.Out.Header)
		}})
		t.Cleanup(web.Close)
		store, err := NewS3(t.Context(), S3{Bucket: "files", Prefix: s3Prefix, Endpoint: web.URL, PathStyle: true, PartSize: 5 << 20})
		must(t, err)
		return store
	}
	var mu sync.Mutex
	passed := map[string]int{}
	place := NewPlace(through(func(h http.Header) {
		mu.Lock()
		defer mu.Unlock()
		passed[h.Get("Accept-Encoding")]++
		h.Set("Accept-Encoding", h.Get("Accept-Encoding")+",gzip(gfe)")
	}))
	large := bundle.NewArtifact("packages/large", bytes.Repeat([]byte("large"), 2<<20))
	must(t, place.Serve(t.Context(), testContent("one", "abcd", large), nil))
	must(t, place.Serve(t.Context(), testContent("two", "ef01"), &none))
	if got, err := place.Served(t.Context()); err != nil || got != (Serving{"two", "demo"}) {
		t.Errorf("%+v is served, %v", got, err)
	}
	unserve(t, place)
	if len(passed) != 1 || passed["identity"] == 0 {
		t.Errorf("the proxy has seen these encodings: %v", passed)
	}

	err = NewPlace(through(func(h http.Header) {
		if h.Get("Content-Type") != "" {
			h.Set("Content-Type", "text/html")
		}
	})).Serve(t.Context(), testContent("one", "abcd"), nil)
	if err == nil || !strings.Contains(err.Error(), "SignatureDoesNotMatch") ||
		!strings.Contains(err.Error(), "a proxy or a gateway on the way") {
		t.Errorf("the error is %v", err)
	}
}

// A careless server looks at no sums and no signatures, and says of none that it did.
type careless struct {
	alter func([]byte) []byte // what it makes of what comes
	tag   func([]byte) string // its entity tags

	mu      sync.Mutex
	objects map[string][]byte
	read    int // how often an object was read
}

func (c *careless) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	query, key := r.URL.Query(), r.URL.Path
	switch {
	case r.Method == http.MethodPost && query.Has("uploads"):
		fmt.Fprint(w, "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>")
	case r.Method == http.MethodPost:
		for n := 1; c.objects[fmt.Sprint(key, n)] != nil; n++ {
			c.objects[key] = append(c.objects[key], c.objects[fmt.Sprint(key, n)]...)
			delete(c.objects, fmt.Sprint(key, n))
		}
		fmt.Fprint(w, "<CompleteMultipartUploadResult><ETag>1-2</ETag></CompleteMultipartUploadResult>")
	case r.Method == http.MethodPut:
		content, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		content = c.alter(content)
		c.objects[key+query.Get("partNumber")] = content
		w.Header().Set("ETag", `"`+c.tag(content)+`"`)
	case r.Method == http.MethodDelete:
		delete(c.objects, key)
		w.WriteHeader(http.StatusNoContent)
	case c.objects[key] == nil:
		http.Error(w, "<Error><Code>NoSuchKey</Code><Message>none</Message></Error>", http.StatusNotFound)
	default:
		c.read++
		_, _ = w.Write(c.objects[key]) // who asked has gone
	}
}

// TestPublishS3Compared holds that what a server stored is what was sent, whatever the server looks at itself: it is
// asked for its sum where it has one, and read back where not. What is something else does not stay.
func TestPublishS3Compared(t *testing.T) {
	newS3Lab(t) // for its environment
	same := func(b []byte) []byte { return b }
	spoilt := func(b []byte) []byte {
		b = bytes.Clone(b)
		b[len(b)-1]++
		return b
	}
	md5Of := func(b []byte) string { return fmt.Sprintf("%x", md5.Sum(b)) }
	opaque := func([]byte) string { return "tag" }
	encrypted := func([]byte) string { return strings.Repeat("ab", md5.Size) }
	const part = 5 << 20
	content := bytes.Repeat([]byte("large"), part/4)
	for name, c := range map[string]struct {
		server *careless
		read   int
		bad    bool
	}{
		"has sums":             {&careless{alter: same, tag: md5Of}, 0, false},
		"has no sums":          {&careless{alter: same, tag: opaque}, 1, false},
		"has sums of another":  {&careless{alter: same, tag: encrypted}, 1, false},
		"alters, has sums":     {&careless{alter: spoilt, tag: md5Of}, 1, true},
		"alters, has no sums":  {&careless{alter: spoilt, tag: opaque}, 1, true},
		"alters, in encrypted": {&careless{alter: spoilt, tag: encrypted}, 1, true},
	} {
		for _, size := range []int{len("large"), len(content)} {
			t.Run(fmt.Sprint(name, size), func(t *testing.T) {
				c.server.objects, c.server.read = map[string][]byte{}, 0
				web := httptest.NewServer(c.server)
				defer web.Close()
				store, err := NewS3(t.Context(), S3{Bucket: "files", Endpoint: web.URL, PathStyle: true, PartSize: part})
				must(t, err)
				err = store.Put(t.Context(), []bundle.Artifact{bundle.NewArtifact("a", content[:size])}, func(string, Stored) {})
				if c.bad != (err != nil) || c.bad && !strings.Contains(err.Error(), "s3://files/a: what is there now is not what was sent") {
					t.Errorf("the error is %v", err)
				}
				if there := c.server.objects["/files/a"]; c.server.read != c.read || (there == nil) != c.bad {
					t.Errorf("%d bytes are there, read %d times", len(there), c.server.read)
				}
			})
		}
	}
}
