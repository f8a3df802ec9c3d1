// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// A Piece is a file of what was collected on a node.
type Piece struct {
	Name    string // "journal/dcos-net.service.log"
	Content string
}

// MaxCollected bounds what [Collect] takes from one node, in bytes.
const MaxCollected = maxFrame / 2

// A Collection is what of a node is collected.
type Collection struct {
	Most  int           // bytes, MaxCollected at most
	Since time.Duration // how far journals go back
	// Secret is told each value that is on the node and must not be seen: whoever keeps the
	// pieces has to redact them.
	Secret func(value string)
}

// Collect gathers what helps to find out what is wrong with a node: journals of DC/OS's units,
// states that its services tell, rendered configuration. It changes nothing. A node that is not
// whole is what it is for.
func Collect(ctx context.Context, conn Conn, opts Options, c Collection) (pieces []Piece, err error) {
	s, _, err := meet(ctx, conn, opts, false)
	defer func() { s.close(err) }()
	if err != nil {
		return nil, err
	}
	f, err := s.do(ctx, stageDiagnostics, call{
		scripts: []string{"collect"}, doing: "collecting diagnostics", timeout: 10 * time.Minute,
		args: []string{fmt.Sprint(min(c.Most, MaxCollected)), fmt.Sprintf("-%d s", int(c.Since.Seconds()))},
	})
	if err != nil {
		return nil, err
	}
	for _, value := range secretsOf(f) {
		c.Secret(value)
	}
	return piecesOf(f), nil
}

// piecesOf reads the pieces of collect.sh.
func piecesOf(f *frame) (pieces []Piece) {
	name := ""
	for _, l := range f.lines {
		switch l.key {
		case "name":
			name = l.value
		case "content":
			if name != "" && l.value != "" {
				pieces = append(pieces, Piece{name, l.value})
			}
			name = ""
		}
	}
	return pieces
}

// secretsOf reads what collect.sh found of secrets: parameters that the full form of the
// configuration has and the one for everybody has not, and files, whole and value by value.
func secretsOf(f *frame) (values []string) {
	var masked, full map[string]string
	if json.Unmarshal([]byte(f.get("secret_masked")), &masked) == nil && json.Unmarshal([]byte(f.get("secret_full")), &full) == nil {
		for name, value := range full {
			// The forms of the whole configuration are no secret by themselves.
			if _, shown := masked[name]; !shown && !strings.HasSuffix(name, "_full") {
				values = append(values, value)
			}
		}
	}
	for _, text := range f.all("secret") {
		values = append(values, text)
		for line := range strings.Lines(text) {
			if _, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
				values = append(values, strings.TrimSpace(value))
			}
		}
	}
	return values
}
