// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestEndsWithItsParent starts the provider as Terraform does, kills what has
// started it, and waits for the provider to end too.
func TestEndsWithItsParent(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the provider")
	}
	t.Parallel()
	binary := built(t)
	ours, theirs, err := os.Pipe() // which the provider holds open
	if err != nil {
		t.Fatal(err)
	}
	// The cookie by which a provider knows that it is started by Terraform.
	parent := exec.Command("/bin/sh", "-c", `"$0"; :`, binary)
	parent.Env = append(os.Environ(), handshake.MagicCookieKey+"="+handshake.MagicCookieValue)
	parent.Stdout = theirs
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(theirs.Close(), ours.SetReadDeadline(time.Now().Add(time.Minute))); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(ours)
	// CORE-VERSION|APP-VERSION|NETWORK|ADDRESS|...: it serves (go-plugin).
	if line, err := said.ReadString('\n'); err != nil || !strings.Contains(line, "|grpc|") {
		t.Fatalf("it said %q, %v", line, err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // it was killed
	if _, err := io.Copy(io.Discard, said); err != nil {
		t.Errorf("the provider outlives its parent: %v", err)
	}
}
