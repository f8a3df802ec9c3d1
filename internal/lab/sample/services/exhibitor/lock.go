// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package exhibitor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/host"
)

const (
	lockPoll = 250 * time.Millisecond
	lockLife = 15 * time.Minute // a key that is older is removed by whoever sees it
)

// A pseudoLock is that of a storage that has no locks: each who wants it puts a key with
// the time in its name, and the oldest has it, after a time in which others' keys become
// visible.
type pseudoLock struct {
	prefix      string
	put, remove func(ctx context.Context, name string) error
	list        func(ctx context.Context) ([]string, error)
}

func (l pseudoLock) lock(ctx context.Context, settling, patience time.Duration) (func() error, error) {
	begun := time.Now()
	key := fmt.Sprintf("%s_%d_%s", l.prefix, begun.UnixMilli(), rand.Text())
	free := func() error { return l.remove(context.WithoutCancel(ctx), key) }
	if err := l.put(ctx, key); err != nil {
		return nil, err
	}
	for {
		names, err := l.list(ctx)
		if err == nil {
			names, err = l.fresh(ctx, names, key)
		}
		if err != nil {
			return nil, errors.Join(err, free())
		}
		if len(names) > 0 && slices.Min(names) == key && time.Since(begun) >= settling {
			return free, nil
		}
		if time.Since(begun) > patience || !host.Wait(ctx, min(lockPoll, settling)) {
			return nil, free()
		}
	}
}

// fresh are the names without those that are too old, which it removes.
func (l pseudoLock) fresh(ctx context.Context, names []string, own string) ([]string, error) {
	var fresh []string
	for _, name := range names {
		parts := strings.Split(strings.TrimPrefix(name, l.prefix), "_")
		var at int64
		if len(parts) > 1 {
			at, _ = strconv.ParseInt(parts[1], 10, 64) // what is no time is long ago
		}
		if name != own && time.Since(time.UnixMilli(at)) > lockLife {
			if err := l.remove(ctx, name); err != nil {
				return nil, err
			}
			continue
		}
		fresh = append(fresh, name)
	}
	return fresh, nil
}
