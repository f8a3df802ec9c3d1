// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/remotetest"
)

// The key that a jump host has shown is kept with what was reached through it:
// in the next run another one is refused, until the user names it.
func TestJumpKeys(t *testing.T) {
	t.Parallel()
	jump := remotetest.StartSSHD(t)
	s := newSimSite(t, simhosts.Options{})
	if err := os.WriteFile(filepath.Join(s.tf.Path, "jump"), []byte(jump.Key), 0o600); err != nil {
		t.Fatal(err)
	}
	through := func(more string) {
		s.ssh = fmt.Sprintf("jump_hosts = [{ address = %q, port = %d, user = %q, private_key = file(%q), %s }]",
			jump.Host, jump.Port, jump.User, filepath.Join(s.tf.Path, "jump"), more)
		node := fmt.Sprintf("resource \"dcos_node\" \"b\" {\n  address = %q\n  role = \"agent\"\n"+
			"  bundle = dcos_cluster_config.test.bundle\n}\n", simhosts.Address(2))
		s.configure("", pool("a", s.hosts(0, 2), "")+node)
	}
	through("")
	s.tf.Apply()
	s.tf.NoChanges()
	jump.ChangeHostKey()
	out, err := s.tf.Try("plan", "-no-color")
	if err != nil {
		t.Errorf("a refresh that cannot be is no error: %v", err)
	}
	mentions(t, out, "Host Key Refused", "host key of jump host", "accepted when it was first used", "2 of 2 Hosts Not Looked At",
		"host_key in jump_hosts")
	if out, err := s.tf.Try("destroy", "-auto-approve", "-no-color"); err == nil {
		t.Errorf("it was destroyed through another machine:\n%s", out)
	}
	through(fmt.Sprintf("host_key = %q", jump.HostKey))
	s.tf.Apply() // and notes it
	through("")
	s.tf.NoChanges()
	s.tf.Destroy()
}
