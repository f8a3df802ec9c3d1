// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// TestOfKind finds faults in trees of errors, the outermost of a kind first.
func TestOfKind(t *testing.T) {
	t.Parallel()
	auth := &remote.AuthError{Host: "h", User: "u", Err: errors.New("no")}
	login := &remote.ConnectError{Host: "h", Err: fmt.Errorf("attempt 2: %w", auth)}
	down := &remote.ConnectError{Host: "h", Err: errors.New("refused")}
	lost := &remote.LostError{Host: "h", Err: errors.New("EOF")}
	both := fmt.Errorf("%w; connecting again: %w", lost, down)
	for name, c := range map[string]struct {
		err  error
		kind remote.Kind
		want error
	}{
		"nothing":                  {nil, remote.KindLost, nil},
		"no fault":                 {errors.New("it broke"), remote.KindLost, nil},
		"itself":                   {lost, remote.KindLost, lost},
		"another kind":             {lost, remote.KindUnreachable, nil},
		"what says so first":       {login, remote.KindLogin, login},
		"what it wraps":            {auth, remote.KindLogin, auth},
		"a login is no route":      {login, remote.KindUnreachable, nil},
		"one of two":               {both, remote.KindLost, lost},
		"the other one":            {both, remote.KindUnreachable, down},
		"neither of two":           {both, remote.KindSudo, nil},
		"joined, deep down":        {fmt.Errorf("x: %w", errors.Join(errors.New("a"), both)), remote.KindUnreachable, down},
		"a host key under connect": {&remote.ConnectError{Err: &remote.HostKeyError{}}, remote.KindHostKey, &remote.HostKeyError{}},
	} {
		got := remote.OfKind(c.err, c.kind)
		if (got == nil) != (c.want == nil) || got != nil && got.Error() != c.want.Error() {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
