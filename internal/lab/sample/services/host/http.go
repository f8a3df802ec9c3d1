// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// client asks other services. A peer that vanished must not hold up those
// that are there.
var client = &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{
	DialContext:         (&net.Dialer{Timeout: time.Second}).DialContext,
	MaxIdleConnsPerHost: 4,
	IdleConnTimeout:     30 * time.Second,
}}

// patient asks exhibitor for the masters. It answers after ten seconds and more while
// one of them is not there, since it waits that long for each.
var patient = &http.Client{Timeout: 20 * time.Second}

// A StatusError is an answer that is not a success.
type StatusError struct {
	URL  string
	Code int
	Text string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s: %d %s: %s", e.URL, e.Code, http.StatusText(e.Code), e.Text)
}

// Get reads JSON from a URL into v.
func Get(ctx context.Context, url string, v any) error {
	return Do(ctx, http.MethodGet, url, nil, v)
}

// Do sends in as JSON and reads the answer into out; either may be nil.
func Do(ctx context.Context, method, url string, in, out any) error {
	return do(ctx, client, method, url, in, out)
}

func do(ctx context.Context, by *http.Client, method, url string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := by.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return &StatusError{URL: url, Code: resp.StatusCode, Text: string(bytes.TrimSpace(text))}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	return nil
}

// JSON answers a request.
func JSON(w http.ResponseWriter, code int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if _, err := w.Write(append(text, '\n')); err != nil {
		log.Printf("answer: %v", err)
	}
}

// Read reads a request's JSON, or answers that it is not valid.
func Read(w http.ResponseWriter, r *http.Request, v any) bool {
	if err := json.NewDecoder(r.Body).Decode(v); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

// Listen listens on an address. Right after an upgrade the former service may
// not have let go of it yet, so it is tried for a while.
func Listen(ctx context.Context, network, address string) (net.Listener, error) {
	var lc net.ListenConfig
	for attempt := 0; ; attempt++ {
		ln, err := lc.Listen(ctx, network, address)
		if err == nil || attempt == 20 || !Wait(ctx, 250*time.Millisecond) {
			return ln, err
		}
	}
}

// Serve serves until ctx is done.
func Serve(ctx context.Context, ln net.Listener, handler http.Handler) error {
	srv := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if err := srv.Shutdown(grace); err != nil {
			stopped <- srv.Close()
			return
		}
		stopped <- nil
	})
	err := srv.Serve(ln)
	if !stop() {
		return <-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
