// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/remotetest"
)

// randomFile is a file of size bytes that the host has not seen.
func randomFile(name string, size int) remote.File {
	content := make([]byte, size)
	seeded := rand.NewChaCha8([32]byte{byte(size)})
	_, _ = seeded.Read(content)
	sum := sha256.Sum256(content)
	return remote.File{Name: name, Size: int64(size), SHA256: hex.EncodeToString(sum[:]), Mode: 0o644, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(string(content))), nil
	}}
}

func TestConformanceLab(t *testing.T) {
	h := lab.Require(t).Host(t, "conf")
	for _, user := range []string{lab.UserRoot, lab.UserNoPassword, lab.UserRequireTTY, lab.UserPassword, lab.UserNoSudo} {
		t.Run(user, func(t *testing.T) {
			t.Parallel()
			remotetest.Conformance(t, labHost(t, h, user, nil))
		})
	}
}
