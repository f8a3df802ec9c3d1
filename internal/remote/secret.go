// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"encoding"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// Secret is text that must not be shown. However it is printed, marshalled or
// logged, it comes out as "redacted"; [Secret.Reveal] alone gives the text.
type Secret string

const redacted = "redacted"

var (
	_ fmt.Formatter          = Secret("")
	_ fmt.Stringer           = Secret("")
	_ fmt.GoStringer         = Secret("")
	_ json.Marshaler         = Secret("")
	_ encoding.TextMarshaler = Secret("")
	_ slog.LogValuer         = Secret("")
)

// Reveal is the text itself.
func (s Secret) Reveal() string { return string(s) }

// Format writes "redacted" for every verb.
func (s Secret) Format(f fmt.State, _ rune) {
	// The state of a fmt.Formatter has no error to give.
	_, _ = io.WriteString(f, s.String())
}

// String is "redacted", or nothing if there is no secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString is String.
func (s Secret) GoString() string { return s.String() }

// MarshalText is String.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON is String, quoted.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// LogValue is String.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
