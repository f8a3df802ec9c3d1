// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// Status is a running cluster as its masters describe it.
type Status struct {
	Version     string // of DC/OS
	Variant     string
	ImageCommit string
	BootstrapID string

	Masters []node.EnsembleMaster // by address
	Leader  string                // address of the leading Mesos master, "" if there is none
	Agents  []AgentStatus         // by address

	Known Parts // what could be read of all this
}

// Parts are parts of a status; each is read at once.
type Parts uint

// The parts of a status.
const (
	PartVersion Parts = 1 << iota // Version, Variant, ImageCommit, BootstrapID
	PartMasters
	PartAgents
	PartLeader

	AllParts = PartVersion | PartMasters | PartAgents | PartLeader
)

// Knows reports whether parts could be read.
func (s *Status) Knows(p Parts) bool { return s.Known&p == p }

// AgentStatus is one agent that is registered with Mesos.
type AgentStatus struct {
	ID           string
	Address      string
	Public       bool
	Active       bool
	MesosVersion string
}

// Health is the ensemble for the rule of quorum. Whether a registrar has
// recovered the status does not say.
func (s *Status) Health() node.Health {
	return node.Health{Masters: s.Masters, Leader: s.Leader, Agents: -1}
}

// A StatusError is a part of a cluster's status that could not be read, from
// any of the places where it may be.
type StatusError struct {
	What string // in words
	Err  error
	// Login says that the door was found and asks for a login.
	Login bool
}

func (e *StatusError) Error() string { return "reading " + e.What + ": " + e.Err.Error() }

func (e *StatusError) Unwrap() error { return e.Err }

// A StatusReader reads a cluster's status over HTTP.
//
// It asks Admin Router first, at URL. What that does not give out without a
// login is asked of the services themselves: exhibitor on port 8181 and Mesos
// on port 5050 of URL's host and of each master.
type StatusReader struct {
	URL   *url.URL // of Admin Router on a master, or of the load balancer before them
	Token string   // DC/OS authentication token; may be empty
	// Transport carries the requests. Over an SSH connection it is one that
	// dials through it.
	Transport http.RoundTripper
	// MaxAnswer bounds an answer, in bytes. Default 256 MiB: that of 50,000 agents
	// has some 100 MB.
	MaxAnswer int64
}

const (
	// silenceLimit bounds how long nothing may come; a load balancer may have a
	// backend that does not answer.
	silenceLimit = 10 * time.Second
	// exhibitorLimit is silenceLimit for exhibitor, which asks each master for its state
	// before it answers, and waits 10 s for one that is not there
	// (RemoteConnectionConfiguration of dcos/exhibitor), perhaps for one after the other.
	exhibitorLimit = 35 * time.Second
	// requestLimit bounds one request whatever comes: the longest answer takes that at
	// 2 MB a second.
	requestLimit = 2 * time.Minute
	answerLimit  = 256 << 20
	// partLimit bounds what has to be held of it at once: one agent, or an answer
	// that is no long list.
	partLimit = 4 << 20
	// agentsLimit bounds how many agents there may be.
	agentsLimit = 200_000
)

// Read reads the status once. An error, which is a [*StatusError], comes with the
// parts that could be read; of several it is the first.
func (r *StatusReader) Read(ctx context.Context) (*Status, error) {
	s := &Status{}
	var first error
	for _, part := range []struct {
		part Parts
		read func(context.Context, *Status) error
	}{
		{PartVersion, r.readVersion}, {PartMasters, r.readMasters}, {PartAgents, r.readAgents}, {PartLeader, r.readLeader},
	} {
		if ctx.Err() != nil && first != nil {
			break
		}
		err := part.read(ctx, s)
		if err == nil {
			s.Known |= part.part
		}
		first = cmp.Or(first, err)
	}
	return s, first
}

func (r *StatusReader) readVersion(ctx context.Context, s *Status) error {
	var answer struct {
		Version     string `json:"version"`
		Variant     string `json:"dcos-variant"`
		ImageCommit string `json:"dcos-image-commit"`
		BootstrapID string `json:"bootstrap-id"`
	}
	err := r.first(ctx, "the version of DC/OS", silenceLimit, into(&answer), r.router("/dcos-metadata/dcos-version.json"))
	s.Version, s.Variant, s.ImageCommit, s.BootstrapID = answer.Version, answer.Variant, answer.ImageCommit, answer.BootstrapID
	return err
}

func (r *StatusReader) readMasters(ctx context.Context, s *Status) error {
	err := r.first(ctx, "the ensemble of masters", exhibitorLimit, into(&s.Masters),
		r.router("/exhibitor/exhibitor/v1/cluster/status"), service(r.URL.Hostname(), "8181", "/exhibitor/v1/cluster/status"))
	slices.SortFunc(s.Masters, func(a, b node.EnsembleMaster) int { return strings.Compare(a.Address, b.Address) })
	return err
}

// Name reads the name of the cluster whose status was read: what its Mesos masters
// were started with (the flag cluster, which DC/OS sets to cluster_name).
func (r *StatusReader) Name(ctx context.Context, s *Status) (string, error) {
	var answer struct {
		Flags struct {
			Cluster string `json:"cluster"`
		} `json:"flags"`
	}
	err := r.first(ctx, "the name of the cluster", silenceLimit, into(&answer), r.mesos(s, "/flags")...)
	return answer.Flags.Cluster, err
}

// mesos is where a Mesos master may answer at a path.
func (r *StatusReader) mesos(s *Status, path string) []string {
	addresses := []string{r.router("/mesos" + path), service(r.URL.Hostname(), "5050", path)}
	for _, m := range s.Masters {
		if m.Serving() {
			addresses = append(addresses, service(m.Address, "5050", path))
		}
	}
	return addresses
}

func (r *StatusReader) readAgents(ctx context.Context, s *Status) error {
	read := func(answer *boundedJSON) error { return answer.agents(s) }
	err := r.first(ctx, "the agents that Mesos knows", silenceLimit, read, r.mesos(s, "/slaves")...)
	slices.SortFunc(s.Agents, func(a, b AgentStatus) int {
		return strings.Compare(a.Address+" "+a.ID, b.Address+" "+b.ID)
	})
	return err
}

func (r *StatusReader) readLeader(ctx context.Context, s *Status) error {
	var err error
	for _, a := range r.mesos(s, "/redirect") {
		var leader string
		if leader, err = r.leader(ctx, a); err == nil {
			s.Leader = leader
			return nil
		}
	}
	return &StatusError{What: "who leads Mesos", Err: err}
}

// leader asks a Mesos master who leads: it answers by a redirect.
func (r *StatusReader) leader(ctx context.Context, address string) (string, error) {
	resp, err := r.get(ctx, address, func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse })
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }() // read only
	where, err := resp.Location()
	if err != nil {
		return "", fmt.Errorf("%s answers %s", address, resp.Status)
	}
	return where.Hostname(), nil
}

// first reads JSON from the first of the addresses that gives it.
func (r *StatusReader) first(
	ctx context.Context, what string, silence time.Duration, read func(*boundedJSON) error, addresses ...string,
) error {
	var errs []error
	login := false
	for _, address := range addresses {
		err := r.json(ctx, address, silence, read)
		if err == nil {
			return nil
		}
		var refused *loginError
		login = login || errors.As(err, &refused)
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return &StatusError{What: what, Err: errors.Join(errs...), Login: login}
}

// A loginError is an answer that asks for a login.
type loginError struct {
	address, status string
	elsewhere       bool // it came from where the token does not go
}

func (e *loginError) Error() string {
	if e.elsewhere {
		return e.address + ", to which the request was sent on, answers " + e.status + "; the token was not given to it, since it is not at url"
	}
	return e.address + " answers " + e.status
}

func (r *StatusReader) json(ctx context.Context, address string, limit time.Duration, read func(*boundedJSON) error) error {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	silence := time.AfterFunc(limit, func() { end(fmt.Errorf("nothing came for %v", limit)) })
	defer silence.Stop()
	resp, err := r.get(ctx, address, nil)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // read only
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden:
		at := resp.Request.URL
		return &loginError{at.Redacted(), resp.Status, r.Token != "" && at.String() != address && !sameOrigin(at, r.URL)}
	default:
		return fmt.Errorf("%s answers %s", address, resp.Status)
	}
	if err := read(newBoundedJSON(heard{resp.Body, silence}, cmp.Or(r.MaxAnswer, answerLimit))); err != nil {
		return fmt.Errorf("%s does not answer as DC/OS does: %w", address, err)
	}
	return nil
}

// heard puts off the end of silence whenever something comes.
type heard struct {
	io.Reader
	silence *time.Timer
}

// Read reads from the reader.
func (h heard) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if n > 0 {
		h.silence.Reset(silenceLimit)
	}
	return n, err
}

func (r *StatusReader) get(
	ctx context.Context, address string, redirect func(*http.Request, []*http.Request) error,
) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{Transport: &tokenTransport{r}, CheckRedirect: redirect}
	return client.Do(req)
}

// A tokenTransport gives the token to Admin Router and to nobody else, wherever a
// request is sent on to: net/http's own rule (Client, "forwarding") goes by the
// host's name and knows neither scheme nor port.
type tokenTransport struct{ reader *StatusReader }

// RoundTrip carries one request.
func (t *tokenTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	r := t.reader
	if r.Token != "" && sameOrigin(req.URL, r.URL) {
		req = req.Clone(req.Context())
		req.Header.Set("Authorization", "token="+r.Token)
	}
	return r.Transport.RoundTrip(req)
}

// sameOrigin reports whether two URLs are of one scheme, host and port (RFC 6454,
// section 5).
func sameOrigin(a, b *url.URL) bool {
	port := func(u *url.URL) string {
		return cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[strings.ToLower(u.Scheme)])
	}
	return strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func (r *StatusReader) router(path string) string { return r.URL.JoinPath(path).String() }

func service(host, port, path string) string {
	return "http://" + net.JoinHostPort(host, port) + path
}
