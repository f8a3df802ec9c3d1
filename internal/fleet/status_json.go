// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet

import (
	"encoding/json"
	"fmt"
	"io"
)

// A boundedJSON reads an answer of which no more than a part is ever held, and of
// which there is an end: whoever answers may be anybody.
type boundedJSON struct {
	*json.Decoder
	from io.Reader
	most int64 // bytes that it may have
	left int64 // of them, that may come yet
	part int64 // of them, before the next part begins
}

func newBoundedJSON(from io.Reader, most int64) *boundedJSON {
	b := &boundedJSON{from: from, most: most, left: most, part: partLimit}
	b.Decoder = json.NewDecoder(readerFunc(b.read))
	return b
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func (b *boundedJSON) read(p []byte) (int, error) {
	switch {
	case b.left <= 0:
		return 0, fmt.Errorf("the answer is longer than %d MiB", b.most>>20)
	case b.part <= 0:
		return 0, fmt.Errorf("a part of the answer is longer than %d MiB", partLimit>>20)
	}
	n, err := b.from.Read(p[:min(int64(len(p)), b.left, b.part)])
	b.left -= int64(n)
	b.part -= int64(n)
	return n, err
}

// next begins another part.
func (b *boundedJSON) next() { b.part = partLimit }

// into reads an answer that is one part.
func into(value any) func(*boundedJSON) error {
	return func(b *boundedJSON) error { return b.Decode(value) }
}

// agents reads what Mesos says of its agents, one after the other.
func (b *boundedJSON) agents(s *Status) error {
	if err := b.open('{'); err != nil {
		return err
	}
	s.Agents = nil
	for b.More() {
		name, err := b.token()
		if err != nil {
			return err
		}
		if name != "slaves" {
			if err := b.skip(); err != nil {
				return err
			}
			continue
		}
		if err := b.open('['); err != nil {
			return err
		}
		for b.More() {
			if len(s.Agents) >= agentsLimit {
				return fmt.Errorf("it names more than %d agents", agentsLimit)
			}
			agent, err := b.agent()
			if err != nil {
				return err
			}
			s.Agents = append(s.Agents, agent)
		}
		if _, err := b.token(); err != nil { // the list's end
			return err
		}
	}
	_, err := b.token() // the answer's end
	return err
}

func (b *boundedJSON) agent() (AgentStatus, error) {
	b.next()
	var a struct {
		ID           string                     `json:"id"`
		Hostname     string                     `json:"hostname"`
		Active       bool                       `json:"active"`
		Version      string                     `json:"version"`
		Attributes   map[string]json.RawMessage `json:"attributes"`
		Reservations map[string]json.RawMessage `json:"reserved_resources"`
	}
	if err := b.Decode(&a); err != nil {
		return AgentStatus{}, err
	}
	_, attribute := a.Attributes["public_ip"]
	_, reserved := a.Reservations["slave_public"]
	return AgentStatus{ID: a.ID, Address: a.Hostname, Public: attribute || reserved, Active: a.Active, MesosVersion: a.Version}, nil
}

func (b *boundedJSON) token() (json.Token, error) {
	b.next()
	return b.Token()
}

// open reads the beginning of an object or a list.
func (b *boundedJSON) open(with json.Delim) error {
	switch t, err := b.token(); {
	case err != nil:
		return err
	case t != with:
		return fmt.Errorf("%q is not there", with.String())
	}
	return nil
}

// skip reads a value and forgets it.
func (b *boundedJSON) skip() error {
	for depth := 0; ; {
		t, err := b.token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}
