// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"bytes"
	"context"
	_ "embed" // for the script
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// storeScript does everything that a Store does on a host, in one round trip
// each.
//
//go:embed scripts/store.sh
var storeScript string

// A hostStore is a bundle.Store in a directory on a host.
type hostStore struct {
	conn fleet.Conn
	dir  string
	root bool // the directory is root's
}

var _ bundle.Store = (*hostStore)(nil)

// Read gives a file.
func (s *hostStore) Read(ctx context.Context, name string) ([]byte, error) {
	out, err := s.run(ctx, nil, "read", name)
	var exit *remote.ExitError
	if errors.As(err, &exit) && exit.Code == storeNotThere {
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return out, err
}

// storeNotThere is the script's exit code for a file that is not there.
const storeNotThere = 66

// Stat gives the files that are there.
func (s *hostStore) Stat(ctx context.Context, names []string) (map[string]bundle.Stored, error) {
	out, err := s.run(ctx, names, "stat")
	if err != nil {
		return nil, err
	}
	return parseStored(out)
}

// parseStored reads lines of size, tag and name.
func parseStored(out []byte) (map[string]bundle.Stored, error) {
	there := map[string]bundle.Stored{}
	for line := range strings.Lines(string(out)) {
		size, rest, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		tag, name, named := strings.Cut(rest, " ")
		n, err := strconv.ParseInt(size, 10, 64)
		if !ok || !named || err != nil {
			return nil, fmt.Errorf("the host's answer is not understood: %q", line)
		}
		there[name] = bundle.Stored{Size: n, Tag: tag}
	}
	return there, nil
}

// Put uploads files into the connection's work directory, where they are
// verified, and moves them from there, each in one step.
func (s *hostStore) Put(ctx context.Context, files []bundle.Artifact, put func(string, bundle.Stored)) error {
	uploads := make([]remote.File, len(files))
	names := make([]string, len(files))
	for i, f := range files {
		uploads[i] = remote.File{Name: path.Join(uploadFolder, f.Path), Size: f.Size, SHA256: f.SHA256, Mode: 0o644, Open: f.Open}
		names[i] = f.Path
	}
	work, err := s.conn.Upload(ctx, uploads, nil)
	if err != nil {
		return err
	}
	out, err := s.run(ctx, names, "put", path.Join(work, uploadFolder))
	if err != nil {
		return err
	}
	there, err := parseStored(out)
	if err != nil {
		return err
	}
	for _, f := range files {
		stored, ok := there[f.Path]
		if !ok || stored.Size != f.Size {
			return fmt.Errorf("%s did not get to its place", f.Path)
		}
		put(f.Path, stored)
	}
	return nil
}

// uploadFolder is where files arrive in the work directory.
const uploadFolder = "publish"

// Remove removes files and the directories that are empty then.
func (s *hostStore) Remove(ctx context.Context, names []string) error {
	_, err := s.run(ctx, names, "remove")
	return err
}

// run runs the script, with names on its standard input.
func (s *hostStore) run(ctx context.Context, names []string, verb string, args ...string) ([]byte, error) {
	var in io.Reader
	if len(names) > 0 {
		in = bytes.NewReader([]byte(strings.Join(names, "\n") + "\n"))
	}
	result, err := s.conn.Run(ctx, remote.Script{
		Name: "publish", Text: storeScript, Args: append([]string{s.dir, verb}, args...), Root: s.root, Stdin: in,
	})
	if err != nil {
		return nil, err
	}
	if result.Truncated {
		return nil, errors.New("the host's answer is too long")
	}
	return result.Stdout, nil
}
