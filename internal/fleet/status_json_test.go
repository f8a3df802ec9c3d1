// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// An answer has an end also where no part of it is too long, and none is kept.
func TestAnswerBound(t *testing.T) {
	t.Parallel()
	b := newBoundedJSON(io.MultiReader(strings.NewReader(`{"recovered_slaves":[`), &again{piece: []byte(`"` + strings.Repeat("x", 1<<20) + `",`),
		left: answerLimit}, strings.NewReader(`""]}`)))
	if err := b.agents(&Status{}); err == nil || !strings.Contains(err.Error(), "the answer is longer than 256 MiB") {
		t.Errorf("have %v", err)
	}
}

// An again reads as one piece after the other, so many bytes at least.
type again struct {
	piece []byte
	left  int
	now   bytes.Reader
}

func (a *again) Read(p []byte) (int, error) {
	if a.now.Len() == 0 {
		if a.left <= 0 {
			return 0, io.EOF
		}
		a.left -= len(a.piece)
		a.now.Reset(a.piece)
	}
	return a.now.Read(p)
}
