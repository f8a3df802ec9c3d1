// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package publish

import (
	"context"
	_ "embed" // for the scripts
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// guardScript decides with whose rights storeScript does everything that a
// Store does on a host, in one round trip each.
//
//go:embed scripts/guard.sh
var guardScript string

//go:embed scripts/store.sh
var storeScript string

// A Conn is a connection to a host. [remote.Conn] is one.
type Conn interface {
	Run(ctx context.Context, s remote.Script) (*remote.Result, error)
	Upload(ctx context.Context, files []remote.File, progress func(sent int64)) (dir string, err error)
}

var _ Conn = (*remote.Conn)(nil)

// A hostStore is a Store in a directory on a host.
type hostStore struct {
	conn Conn
	dir  string
	root bool // it is worked in as root, as far as that is safe
}

var _ Store = (*hostStore)(nil)

// NewHost makes a Store in a directory on a host; asRoot is whether it is written
// to as root. Where one other user may write there too, root works with that
// user's rights; where several may, with none.
func NewHost(conn Conn, dir string, asRoot bool) Store {
	return &hostStore{conn, path.Clean(dir), asRoot}
}

// Read gives a file.
func (s *hostStore) Read(ctx context.Context, name string) ([]byte, error) {
	return s.run(ctx, nil, "read", name)
}

// The scripts' exit codes: what is asked for is refused, for a reason that the
// last line of standard error gives; there is no such file.
const (
	exitRefused  = 65
	exitNotThere = 66
)

// Stat has the host look at files.
func (s *hostStore) Stat(ctx context.Context, names []string) (map[string]Stored, error) {
	out, err := s.run(ctx, names, "stat")
	if err != nil {
		return nil, err
	}
	return parseStored(out)
}

// parseStored reads lines of size, tag and name.
func parseStored(out []byte) (map[string]Stored, error) {
	there := map[string]Stored{}
	for line := range strings.Lines(string(out)) {
		size, rest, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		tag, name, named := strings.Cut(rest, " ")
		n, err := strconv.ParseInt(size, 10, 64)
		if !ok || !named || err != nil {
			return nil, fmt.Errorf("the host's answer is not understood: %q", line)
		}
		there[name] = Stored{Size: n, Tag: tag}
	}
	return there, nil
}

// Sums has the host read files.
func (s *hostStore) Sums(ctx context.Context, names []string) (map[string]string, error) {
	out, err := s.run(ctx, names, "sums")
	if err != nil {
		return nil, err
	}
	sums := map[string]string{}
	for line := range strings.Lines(string(out)) {
		sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !ok {
			return nil, fmt.Errorf("the host's answer is not understood: %q", line)
		}
		sums[name] = sum
	}
	return sums, nil
}

// Put uploads files into the connection's work directory, where they are
// verified, and moves them from there, each in one step.
func (s *hostStore) Put(ctx context.Context, files []bundle.Artifact, put func(string, Stored)) error {
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

// run runs the scripts, with names on their standard input.
func (s *hostStore) run(ctx context.Context, names []string, verb string, args ...string) ([]byte, error) {
	var in io.Reader
	if len(names) > 0 {
		for _, name := range names {
			if !validName(name) && name != manifestName {
				return nil, fmt.Errorf("%q cannot be the name of a file here", name)
			}
		}
		in = strings.NewReader(strings.Join(names, "\n") + "\n")
	}
	result, err := s.conn.Run(ctx, remote.Script{
		Name: "publish", Text: guardScript, Args: append([]string{storeScript, s.dir, verb}, args...), Root: s.root, Stdin: in,
	})
	var exit *remote.ExitError
	switch {
	case errors.As(err, &exit) && exit.Code == exitRefused:
		lines := strings.Split(strings.TrimSpace(exit.Stderr), "\n")
		return nil, errors.New(lines[len(lines)-1])
	case errors.As(err, &exit) && exit.Code == exitNotThere:
		return nil, fmt.Errorf("%s on %s: %w", s.dir, exit.Host, fs.ErrNotExist)
	case err != nil:
		return nil, err
	case result.Truncated:
		return nil, errors.New("the host's answer is too long")
	}
	return result.Stdout, nil
}
