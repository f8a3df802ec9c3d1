// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package health

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// Bits and limits of the kernel's clock, as adjtimex(2) has them.
const (
	unsynchronised = 0x40
	maxError       = 100 * time.Millisecond
)

// clock tells whether the kernel says that its clock is right. A container's
// clock is its machine's, which the container can neither set nor judge.
func clock() error {
	if _, err := os.Stat("/run/systemd/container"); err == nil {
		return nil
	}
	var t syscall.Timex
	if _, err := syscall.Adjtimex(&t); err != nil {
		return fmt.Errorf("adjtimex: %w", err)
	}
	if t.Status&unsynchronised != 0 {
		return errors.New("the clock is not synchronised")
	}
	if off := time.Duration(t.Esterror) * time.Microsecond; off > maxError {
		return fmt.Errorf("the clock may be wrong by %v", off)
	}
	return nil
}
