// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package exhibitor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/host"
)

// Storage is where the members of an ensemble keep what they share. What is there stays
// when DC/OS goes.
type Storage interface {
	// Load gives what is stored and its version; nothing at all is "".
	Load(ctx context.Context) (text []byte, version string, err error)
	// Store stores text, and gives its version. It is "" where another one has stored
	// something since that version.
	Store(ctx context.Context, text []byte, version string) (string, error)
	// Lock waits for the lock of whoever changes what is stored, settling at least and
	// patience at most. free is nil if it was not had.
	Lock(ctx context.Context, settling, patience time.Duration) (free func() error, err error)
}

// Shared is a directory that all masters see.
type Shared struct{ Dir string }

// Names in a shared directory.
const (
	sharedFile = "exhibitor.properties"
	sharedLock = "exhibitor-lock-"
)

// Load reads the file. Its version is when it was written.
func (s Shared) Load(context.Context) (text []byte, version string, err error) {
	text, err = os.ReadFile(filepath.Join(s.Dir, sharedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	version, err = s.version()
	return text, version, err
}

func (s Shared) version() (string, error) {
	info, err := os.Stat(filepath.Join(s.Dir, sharedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return strconv.FormatInt(info.ModTime().UnixNano(), 10), nil
}

// Store writes the file.
func (s Shared) Store(_ context.Context, text []byte, version string) (string, error) {
	now, err := s.version()
	if err != nil || now != version {
		return "", err
	}
	if err := host.WriteFile(filepath.Join(s.Dir, sharedFile), text, 0o666); err != nil {
		return "", err
	}
	// Each master may know the service's user by another number.
	if err := os.Chmod(filepath.Join(s.Dir, sharedFile), 0o666); err != nil {
		return "", err
	}
	return s.version()
}

// Lock has a file in the directory.
func (s Shared) Lock(ctx context.Context, settling, patience time.Duration) (func() error, error) {
	return pseudoLock{
		prefix: sharedLock,
		put: func(_ context.Context, name string) error {
			return os.WriteFile(filepath.Join(s.Dir, name), nil, 0o666)
		},
		remove: func(_ context.Context, name string) error {
			if err := os.Remove(filepath.Join(s.Dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			return nil
		},
		list: func(context.Context) ([]string, error) {
			entries, err := os.ReadDir(s.Dir)
			var names []string
			for _, e := range entries {
				if strings.HasPrefix(e.Name(), sharedLock) {
					names = append(names, e.Name())
				}
			}
			return names, err
		},
	}.lock(ctx, settling, patience)
}
