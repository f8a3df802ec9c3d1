// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// maxBatch is how much is uploaded before it is moved to where it stays: what
// a run loses when it is killed, and what /var/tmp has to take.
const maxBatch = 256 << 20

// transfer brings what the node lacks into the staging directory. Each file
// is verified on the host before it gets its name there.
func (s *session) transfer(ctx context.Context, h *hostFacts) error {
	if len(h.missing) == 0 {
		return nil
	}
	st, err := s.enter(stageTransfer)
	if err != nil {
		return err
	}
	var total, done int64
	for _, a := range h.missing {
		total += a.Size
	}
	st.Progress(fmt.Sprintf("%d files, %s", len(h.missing), size(total)), 0)
	for batch := range batches(h.missing) {
		if err := s.transferBatch(ctx, h.State, batch, func(sent int64) { st.Progress("", done+sent) }); err != nil {
			return err
		}
		for _, a := range batch {
			done += a.Size
		}
		st.Progress("", done)
	}
	return nil
}

// batches cuts artifacts into groups of about maxBatch.
func batches(artifacts []bundle.Artifact) func(yield func([]bundle.Artifact) bool) {
	return func(yield func([]bundle.Artifact) bool) {
		var from int
		var size int64
		for i, a := range artifacts {
			if i > from && size+a.Size > maxBatch {
				if !yield(artifacts[from:i]) {
					return
				}
				from, size = i, 0
			}
			size += a.Size
		}
		if from < len(artifacts) {
			yield(artifacts[from:])
		}
	}
}

func (s *session) transferBatch(ctx context.Context, state State, batch []bundle.Artifact, progress func(sent int64)) error {
	files := make([]remote.File, 0, len(batch))
	for _, a := range batch {
		files = append(files, remote.File{Name: uploadName(a.Path), Size: a.Size, SHA256: a.SHA256, Mode: 0o600, Open: a.Open})
	}
	for n := 0; ; n++ {
		err := s.transferOnce(ctx, state, batch, files, progress)
		var lost *remote.LostError
		if err == nil || s.opts.Redial == nil || n >= maxRedials || ctx.Err() != nil || !errors.As(err, &lost) {
			return err
		}
		// What was uploaded went with the connection's work directory.
		if rerr := s.redial(ctx); rerr != nil {
			return s.explain(stageTransfer, "connecting again", &frame{}, fmt.Errorf("%w; connecting again: %w", err, rerr))
		}
	}
}

func (s *session) transferOnce(
	ctx context.Context, state State, batch []bundle.Artifact, files []remote.File, progress func(sent int64),
) error {
	dir, err := s.conn.Upload(ctx, files, throttled(progress))
	if err != nil {
		return s.explain(stageTransfer, fmt.Sprintf("uploading %d files", len(files)), &frame{}, err)
	}
	var in strings.Builder
	in.WriteString(s.watches())
	fmt.Fprintf(&in, "marker %s %s\n", encode(s.marker("transfer")), s.claimed())
	fmt.Fprintf(&in, "staging %s\n", s.staging)
	for _, a := range batch {
		fmt.Fprintf(&in, "file %s %s/%s\n", a.Path, dir, uploadName(a.Path))
	}
	if err := s.change(stageTransfer, state); err != nil {
		return err
	}
	c := call{scripts: []string{"place"}, doing: "moving what was uploaded to " + s.staging, input: &in, timeout: 30 * time.Minute}
	f, err := run(ctx, s.conn, c)
	if err != nil {
		return s.explain(stageTransfer, c.doing, f, err)
	}
	return nil
}

// uploadName gives the name of an artifact in the work directory, which is
// flat so that it needs no directories.
func uploadName(path string) string { return strings.ReplaceAll(path, "/", "~") }

// throttled passes progress on at most once a second, and always its end.
func throttled(progress func(sent int64)) func(sent int64) {
	var mu sync.Mutex
	var last time.Time
	return func(sent int64) {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now(); now.Sub(last) >= time.Second {
			last = now
			progress(sent)
		}
	}
}

// marker gives the marker's content at a step of the work.
func (s *session) marker(step string) []byte {
	b := s.opts.Bundle
	return Owner{Cluster: b.ClusterName, BundleID: b.ID, Version: b.Version, Run: s.opts.Run, Role: s.opts.Role, Step: step}.text()
}
