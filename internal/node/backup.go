// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// A Backup is what a master's ZooKeeper has on its disk at one time, verified: the newest
// snapshot that is whole, and each transaction behind it that is.
//
// It is made while ZooKeeper works. A snapshot of ZooKeeper's is taken while it goes on, and
// stands for nothing but together with the transactions that came meanwhile and since: these are
// in the logs, which are read after the snapshot. What a client was told is written is in the
// log of more than half of the masters before that; so what this master had at the time of the
// backup is what the ensemble had, but for what it was about to be sent.
type Backup struct {
	Snapshot     string    // its file's name
	Logs         []LogFile // by name
	Transactions int       // behind the snapshot
	Last         uint64    // zxid of the last one, or of the snapshot
	State        string    // what exhibitor says of the ensemble, JSON
	Config       string    // what it says of its configuration, JSON; "" if it does not
	ClusterID    string    // of DC/OS
}

// A LogFile is a log of a backup.
type LogFile struct {
	Name string `json:"name"`
	Size int64  `json:"size"` // of what is whole in it
}

// maxBackup bounds what a backup's files are, in bytes, as they come: compressed.
const maxBackup = 16 << 30

// MakeBackup copies a master's ZooKeeper's files into directory, which has to be empty and for
// nobody else's eyes, and verifies them. What is not whole there is cut off or left out; a
// backup without a whole snapshot, and without the logs that go on from it, is an error.
func MakeBackup(ctx context.Context, conn Conn, opts Options, directory string) (b *Backup, err error) {
	s, _, err := act(ctx, conn, opts, false)
	defer func() { s.close(err) }()
	if err != nil {
		return nil, err
	}
	f, err := s.do(ctx, stageBackup, call{scripts: []string{"backup"}, doing: "looking for ZooKeeper's files", timeout: 2 * time.Minute})
	if err != nil {
		return nil, err
	}
	fail := func(doing string, err error) error {
		return &StageError{Host: s.host, Stage: stageBackup, Doing: doing, Err: err, Hint: hint(err)}
	}
	files := f.all("file")
	if !slices.ContainsFunc(files, func(f string) bool { return strings.HasPrefix(path.Base(f), "snapshot.") }) {
		return nil, fail("looking for ZooKeeper's files", errors.New("ZooKeeper has no snapshot on this master"))
	}
	for _, name := range files {
		if !harmlessPath.MatchString("/"+name) || strings.Contains(name, "..") {
			return nil, fail("looking for ZooKeeper's files", fmt.Errorf("a file is called %q", name))
		}
	}
	s.tell(stageBackup, fmt.Sprintf("copying %d files", len(files)))
	if err := s.copy(ctx, files, directory); err != nil {
		return nil, fail("copying ZooKeeper's files", err)
	}
	s.tell(stageBackup, "verifying")
	if b, err = verifyBackup(directory, files); err != nil {
		return nil, fail("verifying what was copied", err)
	}
	b.State, b.Config, b.ClusterID = f.trimmed("ensemble"), f.trimmed("config"), f.trimmed("cluster_id")
	if !json.Valid([]byte(b.State)) {
		return nil, fail("asking exhibitor", errors.New("exhibitor does not say how the ensemble is, so nobody knows whether this master serves"))
	}
	if m, listed := parseHealth(f).Find(f.get("ip")); listed && !m.Serving() {
		return nil, fail("asking exhibitor", errors.New("ZooKeeper on this master does not serve, so what it has may be old"))
	}
	return b, nil
}

// copy copies files of exhibitor's state directory. Files of ZooKeeper's grow and go meanwhile, which
// tar tells by its exit code and the verification sees.
func (s *session) copy(ctx context.Context, files []string, directory string) error {
	spool, err := os.CreateTemp(directory, "spool")
	if err != nil {
		return err
	}
	defer func() { _ = errors.Join(spool.Close(), os.Remove(spool.Name())) }() // nothing is read from it any more
	_, err = s.conn.Run(ctx, remote.Script{
		Name: "backup-copy", Root: true, Args: files, Stdout: spool, MaxOutput: 64 << 10, Most: maxBackup, Timeout: time.Hour,
		Text: "cd /var/lib/dcos/exhibitor || exit\ntar -cf - \"$@\" 2>/dev/null </dev/null | gzip -1\n",
	})
	if err != nil {
		return err
	}
	if _, err := spool.Seek(0, io.SeekStart); err != nil {
		return err
	}
	gz, err := gzip.NewReader(spool)
	if err != nil {
		return err
	}
	for r := tar.NewReader(gz); ; {
		h, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case h.Typeflag != tar.TypeReg || !slices.Contains(files, h.Name):
			continue
		}
		if err := save(r, directory, h.Name); err != nil {
			return err
		}
	}
}
