// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceBoot is the time since this machine was started, which is the same to all
// processes, and which nobody sets (clock_gettime(2), CLOCK_BOOTTIME): processStart
// counts in it.
func sinceBoot() (time.Duration, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0, err
	}
	return time.Duration(t.Nano()), nil
}
