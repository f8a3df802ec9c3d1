// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package sshconfig_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote/remotetest"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/sshconfig"
)

// BenchmarkSettings is a pool of 200 hosts, all at once: by themselves, as bare calls
// of ssh -G would be (bare, which is what the others are to be compared with), and
// where nothing tells them apart.
func BenchmarkSettings(b *testing.B) {
	client := remotetest.OpenSSH(b)
	const hosts = 200
	all := func(do func(host string)) {
		var all sync.WaitGroup
		turns := make(chan struct{}, 16)
		for i := range hosts {
			turns <- struct{}{}
			all.Go(func() {
				defer func() { <-turns }()
				do(fmt.Sprintf("node-%d.example.com", i))
			})
		}
		all.Wait()
	}
	const apart = "Host node-*\n HostName %h\n User core\n IdentityFile ~/.ssh/id_%h\n UserKnownHostsFile ~/.ssh/known_%h\n"
	b.Run("bare", func(b *testing.B) {
		path := cell{config: apart}.write(b)
		for b.Loop() {
			all(func(host string) { ask(b, client, path, sshconfig.Question{Host: host}) })
		}
	})
	for name, config := range map[string]string{"apart": apart, "alike": "Host node-*\n User core\n IdentityFile ~/.ssh/id_%h\n"} {
		b.Run(name, func(b *testing.B) {
			path := cell{config: config}.write(b)
			for b.Loop() {
				f, err := sshconfig.Open(path, client, nil)
				if err != nil {
					b.Fatal(err)
				}
				all(func(host string) {
					if _, err := f.Settings(b.Context(), sshconfig.Question{Host: host}); err != nil {
						b.Error(err)
					}
				})
				b.ReportMetric(float64(f.Calls()), "calls")
				f.Close()
			}
		})
	}
}
