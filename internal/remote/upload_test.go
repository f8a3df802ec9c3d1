// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/remotetest"
)

func contentFile(name string, content []byte) remote.File {
	sum := sha256.Sum256(content)
	return remote.File{Name: name, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:]), Mode: 0o755,
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }}
}

func TestUploadFirst(t *testing.T) {
	s := remotetest.StartSSHD(t)
	conn := dialSSHD(t, s)
	big := make([]byte, 20<<20)
	if _, err := rand.Read(big); err != nil {
		t.Fatal(err)
	}
	files := []remote.File{contentFile("big", big), contentFile("dir/a b", []byte("small")), contentFile("empty", nil)}
	var last int64
	dir, err := conn.Upload(t.Context(), files, func(n int64) { last = n })
	if err != nil {
		t.Fatal(err)
	}
	t.Log(dir, last)
	got, err := os.ReadFile(filepath.Join(dir, "big"))
	if err != nil || !bytes.Equal(got, big) {
		t.Error(err)
	}
	if err := conn.Lock(t.Context(), "me myself"); err != nil {
		t.Error(err)
	}
	t.Log(conn.Lock(t.Context(), "me myself"))
	b, _ := os.ReadFile("/run/dcos-operator.lock")
	t.Logf("%s", b)
	conn2 := dialSSHD(t, s)
	t.Log(conn2.Lock(t.Context(), "other"))
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("still there")
	}
	t.Log(conn2.Lock(t.Context(), "other"))
	b, _ = os.ReadFile("/run/dcos-operator.lock")
	t.Logf("%s", b)
}
