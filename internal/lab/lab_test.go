// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab_test

import (
	"os"
	"testing"
	"time"
	"bytes"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

func TestTryDemo(t *testing.T) {
	for range 2 {
	s := time.Now()
	var b bytes.Buffer
	l, d, err := lab.RaiseDemo(t.Context(), &b)
	if err != nil { t.Fatal(err) }
	t.Log(time.Since(s), b.String())
	s = time.Now()
	out, err := d.LoadBalancer.Shell(t.Context(), "systemctl --failed; ss -tln; grep -c . /etc/haproxy/haproxy.cfg")
	t.Log(out, err)
	out, err = d.Masters[0].Shell(t.Context(), "ls -la /srv/exhibitor; mount | grep srv; df -h / ; cat /etc/hosts /etc/hostname; cat /proc/sys/kernel/random/boot_id; grep -c . /root/.ssh/authorized_keys; umask")
	t.Log(out, err)
	_ = l
	}
	l, _, err := lab.OpenDemo()
	t.Log(l.Destroy(t.Context()), err)
}
