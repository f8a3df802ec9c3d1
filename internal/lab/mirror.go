// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Mirror serves Debian packages to the lab's hosts until the test ends: those named, and what they need beyond the base
// image. It gives the line for a host's apt sources. The packages are fetched once, and kept with the images.
func (l *Lab) Mirror(t testing.TB, packages ...string) (source string) {
	t.Helper()
	dir, err := l.images.mirror(t.Context(), packages)
	if err != nil {
		t.Fatalf("lab: %v", err)
	}
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort(gateway, "0"))
	if err != nil {
		t.Fatalf("lab: %v", err)
	}
	server := &http.Server{Handler: http.FileServer(http.Dir(dir)), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(ln) // until it is closed
	}()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("lab: %v", err)
		}
		<-served
	})
	return "deb [trusted=yes] http://" + ln.Addr().String() + " ./\n" // hosts trust the lab: there is no key to sign with
}

// mirrorScript fetches packages, those that are installed too, and makes a flat repository of them.
const mirrorScript = `set -e
apt-get update -q
apt-get install -y -q --no-install-recommends --download-only --reinstall "$@"
mkdir /mirror
cd /var/cache/apt/archives
for f in *.deb; do
	name=$(printf %s "$f" | tr -c A-Za-z0-9._- _)
	mv "$f" "/mirror/$name"
	f=/mirror/$name
	dpkg-deb --field "$f"
	printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$name" "$(stat -c %s "$f")" "$(sha256sum <"$f" | cut -d ' ' -f 1)"
done >/mirror/Packages
cd /mirror
sum=$(sha256sum <Packages | cut -d ' ' -f 1)
printf 'Suite: lab\nDate: %s\nSHA256:\n %s %s Packages\n' "$(date -u -R)" "$sum" "$(stat -c %s Packages)" >Release
`

// mirror gives the directory of a repository with those packages, made if it is not there.
func (im images) mirror(ctx context.Context, packages []string) (string, error) {
	base, err := im.made(ctx)
	if err != nil {
		return "", err
	}
	id, err := layerID(packages)
	if err != nil {
		return "", err
	}
	return im.once(ctx, "mirror-"+strings.TrimPrefix(id, "layer-"), "a mirror with "+strings.Join(packages, ", "), func(dir string) error {
		upper, root := filepath.Join(dir, "upper"), filepath.Join(dir, "root")
		if err := os.Mkdir(upper, 0o755); err != nil {
			return err
		}
		if err := im.alter(ctx, base, dir, upper, mirrorScript, packages...); err != nil {
			return err
		}
		if err := os.Remove(root); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(upper, "mirror"), root); err != nil {
			return err
		}
		return os.RemoveAll(upper)
	})
}
