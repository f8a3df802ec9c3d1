// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"time"
)

// parentInterval is how often it is looked whether Terraform is still there.
const parentInterval = 2 * time.Second

// endWithParent ends the process when Terraform has died without ending it
// (killed, out of memory): it would stay for ever. What is at work has been
// interrupted by then, since its calls broke, and comes to its end first.
// Windows never gives a process another parent, so nothing happens there.
func endWithParent(parent int, w *work) {
	for os.Getppid() == parent {
		time.Sleep(parentInterval)
	}
	w.wait()
	os.Exit(1)
}
