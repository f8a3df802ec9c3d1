// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import (
	"context"
	"slices"
	"testing"
)

// TestOutagesAtOnce counts masters that are out at the same time, each twice in a
// row; one that gives no answer counts as before.
func TestOutagesAtOnce(t *testing.T) {
	t.Parallel()
	const serves, out, silent = 's', 'o', '?'
	for name, c := range map[string]struct {
		looks []string // what each of three masters says
		most  []string
	}{
		"none":                          {[]string{"sss", "sss"}, nil},
		"one":                           {[]string{"oss", "oss", "sss"}, []string{"a"}},
		"one for a moment":              {[]string{"oss", "sss"}, nil},
		"one after another":             {[]string{"oss", "oss", "sos", "sos", "sso", "sso"}, []string{"a"}},
		"two for a moment":              {[]string{"oss", "oos", "sos", "sos"}, []string{"a"}},
		"two":                           {[]string{"oss", "oos", "oos"}, []string{"a", "b"}},
		"one is silent":                 {[]string{"?ss", "?ss", "?ss"}, nil},
		"one is out, then silent":       {[]string{"oss", "?ss", "?os", "?os"}, []string{"a", "b"}},
		"one is silent, the other goes": {[]string{"?ss", "?os", "?os"}, []string{"b"}},
	} {
		n := 0
		w := outageWatch{serves: func(_ context.Context, address string) (bool, bool) {
			switch c.looks[n][address[0]-'a'] {
			case serves:
				return true, true
			case out:
				return false, true
			case silent:
			}
			return false, false
		}}
		for ; n < len(c.looks); n++ {
			w.look(t.Context(), []string{"a", "b", "c"})
		}
		if !slices.Equal(w.most, c.most) || w.looks != n {
			t.Errorf("%s: %q were out at once, want %q; asked %d times", name, w.most, c.most, w.looks)
		}
	}
}
