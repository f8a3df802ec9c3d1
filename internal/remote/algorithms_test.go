// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"slices"
	"testing"

	"golang.org/x/crypto/ssh"
)

// TestAlgorithms holds that servers whose administrators allow little find something in what is offered, and that nothing
// that is broken is. On hosts, old and oldest of TestConformanceServers are such servers.
func TestAlgorithms(t *testing.T) {
	t.Parallel()
	offered := transportConfig()
	for name, c := range map[string]struct{ offered, allowed []string }{
		"exchange, as OpenSSH 6.6 is hardened": {offered.KeyExchanges, []string{"diffie-hellman-group-exchange-sha256"}},
		"exchange, of NIST's curves alone":     {offered.KeyExchanges, []string{"ecdh-sha2-nistp521"}},
		"exchange, of large groups alone":      {offered.KeyExchanges, []string{"diffie-hellman-group16-sha512"}},
		"cipher, of the oldest":                {offered.Ciphers, []string{"chacha20-poly1305@openssh.com"}},
		"cipher, in counter mode alone":        {offered.Ciphers, []string{"aes192-ctr"}},
		"cipher, GCM alone":                    {offered.Ciphers, []string{"aes256-gcm@openssh.com"}},
		"MAC, SHA-1 alone":                     {offered.MACs, []string{"hmac-sha1"}},
		"MAC, SHA-512 alone":                   {offered.MACs, []string{"hmac-sha2-512"}},
	} {
		if !slices.ContainsFunc(c.allowed, func(a string) bool { return slices.Contains(c.offered, a) }) {
			t.Errorf("%s: none of %q is among %q", name, c.allowed, c.offered)
		}
	}
	for _, broken := range []string{ssh.InsecureKeyExchangeDH1SHA1, ssh.InsecureKeyExchangeDH14SHA1, ssh.InsecureKeyExchangeDHGEXSHA1,
		ssh.InsecureCipherAES128CBC, ssh.InsecureCipherTripleDESCBC, ssh.InsecureCipherRC4, ssh.InsecureHMACSHA196} {
		if slices.Contains(slices.Concat(offered.KeyExchanges, offered.Ciphers, offered.MACs), broken) {
			t.Errorf("%s is offered", broken)
		}
	}
}
