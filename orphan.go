// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// parentInterval is how often it is looked whether Terraform is still there.
const parentInterval = 2 * time.Second

// An applier is a provider that knows whether it is changing something.
type applier struct {
	tfprotov6.ProviderServer
	atWork *sync.WaitGroup
}

// ApplyResourceChange creates, changes or destroys.
func (a applier) ApplyResourceChange(
	ctx context.Context, req *tfprotov6.ApplyResourceChangeRequest,
) (*tfprotov6.ApplyResourceChangeResponse, error) {
	a.atWork.Add(1)
	defer a.atWork.Done()
	return a.ProviderServer.ApplyResourceChange(ctx, req)
}

// endWithParent ends the process when Terraform has died without ending it
// (killed, out of memory): it would stay for ever. What is at work has been
// interrupted by then, since its calls broke, and comes to its end first.
// Windows never gives a process another parent, so nothing happens there.
func endWithParent(parent int, atWork *sync.WaitGroup) {
	for os.Getppid() == parent {
		time.Sleep(parentInterval)
	}
	atWork.Wait()
	os.Exit(1)
}
