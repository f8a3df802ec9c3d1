// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package outage

import "time"

// SetSteady has the lock be content with less than Steady.
func (l *Lock) SetSteady(d time.Duration) { l.steady = d }

// Holder is the id under which the lock is taken.
func (l *Lock) Holder() string { return l.own.Holder }
