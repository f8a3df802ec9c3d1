// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

// A unit's processes are seen before each of their effects, also those of children and those that name their files by a
// directory that is open, from the first one on, and end right before one if it is so wished.
func TestShadow(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	h := l.Host(t, "shadow")
	const work = `cd /root; mkdir made; touch made/a; mv made/a made/b; ln -s b made/link; mv made/b made/c; rm -r made`
	follow := func(judge func(lab.Effect) lab.Sentence) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- h.Shadow(ctx, "shadowed.service", judge) }()
		if _, err := h.Exec(ctx, "systemd-run", "-q", "--unit=shadowed", "--collect", "sh", "-c", work); err != nil {
			t.Fatal(err)
		}
		if err := <-done; errors.Is(err, errors.ErrUnsupported) {
			t.Skip("no process can be followed on this kind of machine")
		} else if err != nil {
			t.Fatal(err)
		}
	}
	var seen []string
	note := func(e lab.Effect) {
		if strings.Contains(e.String(), "made") && e.Call != "exec" {
			seen = append(seen, e.String())
		}
	}
	follow(func(e lab.Effect) lab.Sentence {
		note(e)
		return lab.Let
	})
	want := []string{"mkdir /root/made", "open /root/made/a", "rename /root/made/a to /root/made/b", "symlink /root/made/link",
		"rename /root/made/b to /root/made/c"}
	if len(seen) < len(want) || !slices.Equal(seen[:len(want)], want) || seen[len(seen)-1] != "rmdir /root/made" {
		t.Errorf("its effects were %q", seen)
	}
	for _, name := range []string{"unlink /root/made/c", "unlink /root/made/link"} {
		if !slices.Contains(seen, name) {
			t.Errorf("not seen: %s in %q", name, seen)
		}
	}

	follow(func(e lab.Effect) lab.Sentence {
		if e.To == "/root/made/c" {
			return lab.Kill
		}
		return lab.Let
	})
	out, err := h.Shell(t.Context(), "ls -1 /root/made")
	if err != nil || out != "b\nlink\n" {
		t.Errorf("it left %q, %v", out, err)
	}
}
