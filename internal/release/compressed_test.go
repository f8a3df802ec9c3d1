// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// However small it is, what is compressed gets no more room than there is.
func TestRoom(t *testing.T) {
	t.Parallel()
	const room = 1 << 20
	for i := range compressions {
		c := &compressions[i]
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var squeezed bytes.Buffer
			var w io.WriteCloser
			var err error
			switch c.name {
			case "gzip":
				w = gzip.NewWriter(&squeezed)
			case "xz":
				w, err = xz.NewWriter(&squeezed)
			case "zstd":
				w, err = zstd.NewWriter(&squeezed)
			}
			if err == nil {
				_, err = w.Write(make([]byte, 4*room))
			}
			if err = errors.Join(err, w.Close()); err != nil {
				t.Fatal(err)
			}
			for _, limit := range []int64{room, 4*room - 1, 4 * room} {
				var out bytes.Buffer
				_, size, err := c.inflateTo(t.Context(), &out, bytes.NewReader(squeezed.Bytes()), limit)
				var re *Error
				switch refused := errors.As(err, &re) && re.Reason == Altered; {
				case limit < 4*room && !refused:
					t.Errorf("with room for %d: %v", limit, err)
				case limit == 4*room && (err != nil || size != limit):
					t.Errorf("with room for all: %d bytes, %v", size, err)
				}
				if int64(out.Len()) > limit+1 {
					t.Errorf("%d bytes were written, there was room for %d", out.Len(), limit)
				}
			}
		})
	}
}

// Layers share the room that there is for an image.
func TestLayersShareRoom(t *testing.T) {
	t.Parallel()
	layer := seedTar("etc/a", string(make([]byte, 100<<10)))
	var squeezed bytes.Buffer
	w := gzip.NewWriter(&squeezed)
	_, err := w.Write(layer)
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	ref := layerRef{member: member{size: int64(squeezed.Len())}}
	for _, n := range []int64{1, 2, 3} {
		for _, room := range []int64{n * int64(len(layer)), n*int64(len(layer)) - 1} {
			x := &index{}
			err := x.addLayersIn(t.Context(), bytes.NewReader(squeezed.Bytes()), slices.Repeat([]layerRef{ref}, int(n)),
				indexStore{t.TempDir()}, room)
			if fits := room >= n*int64(len(layer)); fits != (err == nil) {
				t.Errorf("%d layers with room for %d bytes: %v", n, room, err)
			}
		}
	}
}
