// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// fruitless is how many requests in a row may bring no byte.
	fruitless = 5
	// stalled is how long a server may send nothing.
	stalled = 60 * time.Second
	// maxRelease bounds what a server may send, in bytes: releases have 1 to 3 GB.
	maxRelease = 32 << 30
	// lockPoll is how often a download of another process is looked at.
	lockPoll = 200 * time.Millisecond
	// maxRedirects is as many as net/http follows.
	maxRedirects = 10

	wholeName    = "dcos_generate_config.sh"
	wholeState   = "state.json"
	partialName  = "partial"
	partialState = "partial.json"
)

var (
	errStalled = fmt.Errorf("the server sent nothing for %v", stalled)
	errTooLong = fmt.Errorf("the server sends more than %d GiB, which no release has", maxRelease>>30)
)

// isAddress tells an http address from a path.
func isAddress(source string) bool {
	s := strings.ToLower(source)
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://")
}

// errPlain says that nobody vouches for what would come.
var errPlain = errors.New("the server of an https address sends to one without TLS, where anybody on the way can put another file in; " +
	"give sha256, or the right address")

// overTLS makes a client that does not leave TLS once it is there.
func overTLS(client *http.Client) *http.Client {
	c := *client
	c.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if req.URL.Scheme != "https" && slices.ContainsFunc(via, func(r *http.Request) bool { return r.URL.Scheme == "https" }) {
			return errPlain
		}
		if client.CheckRedirect != nil {
			return client.CheckRedirect(req, via)
		}
		if len(via) >= maxRedirects {
			return fmt.Errorf("stopped after %d redirects", maxRedirects)
		}
		return nil
	}
	return &c
}

// displaySource gives a source without what may be secret in an address.
func displaySource(source string) string {
	if !isAddress(source) {
		return source
	}
	u, err := url.Parse(source)
	if err != nil {
		return "(an address that cannot be parsed)"
	}
	if u.User != nil {
		u.User = url.User("redacted")
	}
	if u.RawQuery != "" {
		u.RawQuery = "redacted"
	}
	u.Fragment = ""
	return u.String()
}

// A downloader is one address's place in the cache directory:
//
//	dcos_generate_config.sh  a whole release, and
//	state.json               what is known of it
//	partial                  what has come so far of the next one, and
//	partial.json             what the server said of that
//	lock                     held while one of these changes
type downloader struct {
	address string
	dir     string
	client  *http.Client
	sha256  string // expected, or empty
}

// A downloadState tells a file on a server from another at the same address.
type downloadState struct {
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"`

	// Of the whole release, once it is there.
	Size    int64 `json:"size,omitempty"`
	ModTime int64 `json:"mod_time,omitempty"` // nanoseconds
}

// validator gives what If-Range takes: a strong tag or a date.
func (s downloadState) validator() string {
	if s.ETag != "" && !strings.HasPrefix(s.ETag, "W/") {
		return s.ETag
	}
	return s.LastModified
}

// download opens the release in the cache directory, gets it there first if
// need be, and gives its sha256 if one is expected: that of the bytes there, and
// not what was noted of them. Of all who ask at once, in all processes, one
// loads.
func download(ctx context.Context, address string, opts Options) (f *os.File, sum string, err error) {
	if opts.CacheDirectory == "" {
		return nil, "", &Error{Reason: Unsupported, Detail: "a release at an address takes a cache directory to load it into, and " +
			"there is none: give cache_directory, or a home directory"}
	}
	dir, err := filepath.Abs(filepath.Join(opts.CacheDirectory, CachePart, "downloads", cacheKey(address)))
	if err != nil {
		return nil, "", err
	}
	d := &downloader{address: address, dir: dir, client: opts.HTTP, sha256: opts.SHA256}
	if d.client == nil {
		d.client = http.DefaultClient
	}
	if opts.SHA256 == "" {
		d.client = overTLS(d.client)
	}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return nil, "", err
	}
	unlock, err := lock(ctx, d.path("lock"))
	if err != nil {
		return nil, "", fmt.Errorf("waiting for another download of the same release: %w", err)
	}
	f, sum, err = d.get(ctx) // opened before another may replace it
	if err = errors.Join(err, unlock()); err != nil {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
		return nil, "", d.hide(err)
	}
	return f, sum, nil
}

func (d *downloader) path(name string) string { return filepath.Join(d.dir, name) }

// get opens the release, which it loads unless the one that is there will do, and
// gives its sha256 if one is expected.
func (d *downloader) get(ctx context.Context) (f *os.File, sum string, err error) {
	if f, err = d.kept(ctx); f != nil || err != nil {
		return f, d.sha256, err
	}
	if sum, err = d.load(ctx); err != nil {
		return nil, "", err
	}
	f, err = os.Open(d.path(wholeName))
	return f, sum, err
}

// load loads the release, and gives its sha256 if one is expected.
func (d *downloader) load(ctx context.Context) (string, error) {
	fi, sum, err := d.fetch(ctx)
	if err != nil {
		return "", err
	}
	if sum != d.sha256 {
		return "", errors.Join(sumMismatch(sum, d.sha256), os.Remove(d.path(partialName)))
	}
	state := d.state(partialState)
	state.Size, state.ModTime = fi.Size(), fi.ModTime().UnixNano()
	if err := d.save(wholeState, state); err != nil {
		return "", err
	}
	return sum, os.Rename(d.path(partialName), d.path(wholeName))
}

// kept opens the release that is there, if it is the one to use.
func (d *downloader) kept(ctx context.Context) (*os.File, error) {
	f, err := os.Open(d.path(wholeName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	good, err := d.good(ctx, f)
	if !good || err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// good tells whether a release is the one to use: by all of its bytes, if a
// sha256 is expected, and else by asking the server whether it has another now.
func (d *downloader) good(ctx context.Context, f *os.File) (bool, error) {
	state := d.state(wholeState)
	fi, err := f.Stat()
	if err != nil || fi.Size() != state.Size || fi.ModTime().UnixNano() != state.ModTime {
		return false, err
	}
	if d.sha256 != "" {
		sum, err := hashWhole(ctx, f, fi.Size())
		return sum == d.sha256, err
	}
	// A server that does not answer is no reason not to use what came from it.
	changed, err := d.changed(ctx, state)
	return err != nil && ctx.Err() == nil || !changed, nil
}

// changed asks whether the server has another file now than the state describes.
func (d *downloader) changed(ctx context.Context, state downloadState) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, stalled)
	defer cancel()
	req, err := d.request(ctx, http.MethodHead)
	if err != nil {
		return false, err
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return false, err
	}
	if err := resp.Body.Close(); err != nil {
		return false, err
	}
	if resp.StatusCode != http.StatusOK {
		return false, statusError(resp)
	}
	now := stateOf(resp)
	return now.ETag != state.ETag || now.LastModified != state.LastModified ||
		resp.ContentLength >= 0 && resp.ContentLength != state.Size, nil
}

// fetch brings the file partial to its full length, in as many requests as
// that takes, and gives its sha256 if one is expected.
func (d *downloader) fetch(ctx context.Context) (fi fs.FileInfo, sum string, err error) {
	f, err := os.OpenFile(d.path(partialName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for failures := 0; ; {
		before, err := f.Seek(0, io.SeekEnd)
		if err != nil {
			return nil, "", err
		}
		err = d.attempt(ctx, f, before)
		if err == nil {
			break
		}
		var final *finalError
		if errors.As(err, &final) {
			return nil, "", final.error
		}
		after, seekErr := f.Seek(0, io.SeekEnd)
		if err := errors.Join(ctx.Err(), seekErr); err != nil {
			return nil, "", err
		}
		if after > before {
			failures = 0
		}
		if failures++; failures >= fruitless {
			return nil, "", fmt.Errorf("after %d attempts: %w", failures, err)
		}
		if err := pause(ctx, min(250*time.Millisecond<<failures, 15*time.Second)); err != nil {
			return nil, "", err
		}
	}
	// The name must not outlive a power cut that the content does not.
	if err := f.Sync(); err != nil {
		return nil, "", err
	}
	if fi, err = f.Stat(); err != nil {
		return nil, "", err
	}
	if d.sha256 != "" {
		sum, err = hashWhole(ctx, f, fi.Size())
	}
	return fi, sum, err
}

// A finalError is one that another request cannot mend.
type finalError struct{ error }

func (e *finalError) Unwrap() error { return e.error }

// mendable says of an error of a request whether another one can mend it.
func mendable(err error) error {
	if errors.As(err, new(*tls.CertificateVerificationError)) || errors.Is(err, errPlain) {
		return &finalError{err}
	}
	return err
}

// attempt makes one request for what is missing after the first have bytes.
func (d *downloader) attempt(ctx context.Context, f *os.File, have int64) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(stalled, func() { cancel(errStalled) })
	defer watchdog.Stop()
	defer func() {
		if err != nil && errors.Is(context.Cause(ctx), errStalled) {
			err = errStalled
		}
	}()

	req, err := d.request(ctx, http.MethodGet)
	if err != nil {
		return &finalError{err}
	}
	if v := d.state(partialState).validator(); have > 0 && v != "" {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
		req.Header.Set("If-Range", v)
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return mendable(err)
	}
	defer func() { _ = resp.Body.Close() }() // what it could say, reading has said

	start, total := int64(0), resp.ContentLength
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusPartialContent:
		if start, total, err = contentRange(resp.Header.Get("Content-Range")); err != nil || start != have {
			return errors.Join(errors.New("the server sends another part than it was asked for"), err, f.Truncate(0))
		}
	case http.StatusRequestedRangeNotSatisfiable:
		// Either everything is there already, or the file became shorter.
		if _, total, err := contentRange(resp.Header.Get("Content-Range")); err == nil && total == have {
			return nil
		}
		return errors.Join(statusError(resp), f.Truncate(0))
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return statusError(resp)
	default:
		return &finalError{statusError(resp)}
	}
	if start == 0 {
		// What is there is of another file, or the server cannot resume.
		if err := errors.Join(f.Truncate(0), d.save(partialState, stateOf(resp))); err != nil {
			return &finalError{err}
		}
	}
	if _, err := f.Seek(start, io.SeekStart); err != nil {
		return &finalError{err}
	}
	return receive(f, watchdog, resp.Body, start, total)
}

// receive takes what a server sends of a file from start on. total is the length of
// the whole, negative if the server does not say it.
func receive(f *os.File, watchdog *time.Timer, from io.Reader, start, total int64) error {
	if total > maxRelease {
		return &finalError{errTooLong}
	}
	n, err := io.Copy(progress{f, watchdog}, io.LimitReader(from, maxRelease-start+1))
	switch {
	case start+n > maxRelease:
		return &finalError{errors.Join(errTooLong, f.Truncate(0))}
	case err != nil && errors.As(err, new(*fs.PathError)):
		return &finalError{err} // writing failed, not the network
	case err != nil:
		return err
	case total >= 0 && start+n != total:
		return fmt.Errorf("got %d of %d bytes: %w", start+n, total, io.ErrUnexpectedEOF)
	}
	return nil
}

// progress is a writer that keeps a watchdog calm.
type progress struct {
	w        io.Writer
	watchdog *time.Timer
}

func (p progress) Write(b []byte) (int, error) {
	p.watchdog.Reset(stalled)
	return p.w.Write(b)
}

func (d *downloader) request(ctx context.Context, method string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, d.address, nil)
	if err != nil {
		return nil, err
	}
	// A transparent compression would make ranges mean something else.
	req.Header.Set("Accept-Encoding", "identity")
	return req, nil
}

func stateOf(resp *http.Response) downloadState {
	return downloadState{ETag: resp.Header.Get("ETag"), LastModified: resp.Header.Get("Last-Modified")}
}

func statusError(resp *http.Response) error { return fmt.Errorf("the server answers %s", resp.Status) }

// contentRange reads "bytes 5-9/10" and "bytes */10".
func contentRange(header string) (start, total int64, err error) {
	unit, rest, _ := strings.Cut(header, " ")
	span, all, _ := strings.Cut(rest, "/")
	total = -1
	if all != "*" {
		if total, err = strconv.ParseInt(all, 10, 64); err != nil {
			return 0, 0, fmt.Errorf("the server sends the range %q", header)
		}
	}
	if unit == "bytes" && span == "*" {
		return 0, total, nil
	}
	first, _, _ := strings.Cut(span, "-")
	if start, err = strconv.ParseInt(first, 10, 64); err != nil || unit != "bytes" {
		return 0, 0, fmt.Errorf("the server sends the range %q", header)
	}
	return start, total, nil
}

// state reads a state; one that cannot be read means that nothing is known.
func (d *downloader) state(name string) downloadState {
	var s downloadState
	text, err := os.ReadFile(d.path(name))
	if err != nil || json.Unmarshal(text, &s) != nil {
		return downloadState{}
	}
	return s
}

func (d *downloader) save(name string, s downloadState) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return writeAtomically(d.path(name), text)
}

// hide takes the address, which may have a password or a signature in it, out
// of the errors of the HTTP client.
func (d *downloader) hide(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		ue.URL = displaySource(d.address)
	}
	return err
}

// pause waits while the context lasts.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// lock waits for the lock of a file. The file stays.
func lock(ctx context.Context, path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		locked, err := tryLock(f)
		if locked {
			return f.Close, nil
		}
		if err == nil {
			err = pause(ctx, lockPoll)
		}
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
}
