// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release

import (
	"errors"
	"fmt"
)

// A Reason says what is wrong with a release.
type Reason string

// The reasons for which a release is refused.
const (
	NotFound     Reason = "not found"
	NotARelease  Reason = "not a release"
	CutShort     Reason = "cut short"
	Altered      Reason = "altered"
	UnknownLine  Reason = "unknown line"
	Enterprise   Reason = "Enterprise edition"
	Incomplete   Reason = "incomplete"
	Unsupported  Reason = "unsupported form"
	NotAvailable Reason = "not available"
	UnsafeCache  Reason = "cache directory not safe"
)

// An Error says why a release, or a file of it, cannot be used.
type Error struct {
	Source string // as the user gave it, without credentials
	Reason Reason
	Detail string // a whole sentence part: what was found, what was expected
	Err    error
}

// Error implements error.
func (e *Error) Error() string {
	s := fmt.Sprintf("release %s: %s", e.Source, e.Reason)
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// sourced makes an *Error with its source of any error.
func sourced(err error, source, detail string) error {
	var re *Error
	if errors.As(err, &re) {
		with := *re
		with.Source = source
		return &with
	}
	return &Error{Source: source, Reason: NotAvailable, Detail: detail, Err: err}
}
