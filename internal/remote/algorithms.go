// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/cpu"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote/sshconfig"
)

// transportConfig is what is offered in the key exchange: everything of the
// library that has no known weakness (so no SHA-1 in key exchange or host key
// signatures, as OpenSSH's client since 8.2), in the order of what it costs.
// OpenSSH 7.4 has all but the post-quantum exchange.
func transportConfig() ssh.Config {
	ciphers := []string{
		ssh.CipherAES128GCM, ssh.CipherAES256GCM, ssh.CipherChaCha20Poly1305,
		ssh.CipherAES128CTR, ssh.CipherAES192CTR, ssh.CipherAES256CTR,
	}
	if !hasAES() {
		ciphers = []string{
			ssh.CipherChaCha20Poly1305, ssh.CipherAES128GCM, ssh.CipherAES256GCM,
			ssh.CipherAES128CTR, ssh.CipherAES192CTR, ssh.CipherAES256CTR,
		}
	}
	return ssh.Config{
		KeyExchanges: []string{
			// 0.3 ms dearer than the next one, and the only one that a
			// recording of today's traffic cannot be opened with later.
			ssh.KeyExchangeMLKEM768X25519,
			ssh.KeyExchangeCurve25519,
			ssh.KeyExchangeECDHP256, ssh.KeyExchangeECDHP384, ssh.KeyExchangeECDHP521,
			ssh.KeyExchangeDH14SHA256, ssh.KeyExchangeDHGEXSHA256, ssh.KeyExchangeDH16SHA512,
		},
		Ciphers: ciphers,
		MACs: []string{
			ssh.HMACSHA256ETM, ssh.HMACSHA512ETM, ssh.HMACSHA256, ssh.HMACSHA512, ssh.HMACSHA1,
		},
	}
}

// hasAES reports whether AES-GCM runs in the processor: without, it is several
// times slower than ChaCha20 and leaks timing.
func hasAES() bool {
	switch runtime.GOARCH {
	case "amd64", "386":
		return cpu.X86.HasAES && cpu.X86.HasPCLMULQDQ
	case "arm64":
		// x/sys/cpu does not look at Apple's processors, which all have it.
		return cpu.ARM64.HasAES && cpu.ARM64.HasPMULL || runtime.GOOS == "darwin"
	case "s390x":
		return cpu.S390X.HasAES && cpu.S390X.HasAESGCM
	}
	return false
}

// plainHostKeyAlgorithms in the order of preference for a host of which no key
// is known: what is cheapest to make on the host, and what every host of the
// last ten years has, comes first.
func plainHostKeyAlgorithms() []string {
	return []string{
		ssh.KeyAlgoED25519,
		ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
		ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
	}
}

func certHostKeyAlgorithms() []string {
	return []string{
		ssh.CertAlgoED25519v01,
		ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
		ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01,
	}
}

// hostKeyAlgorithms puts the algorithms of the known keys first, so that the
// host shows a key that can be compared, and leaves the others in, so that a
// host that has lost its known key shows another one instead of failing to
// negotiate. Certificates are asked for only where an authority is known.
func hostKeyAlgorithms(known []knownKey) []string {
	var algos []string
	add := func(names ...string) {
		for _, n := range names {
			if !slices.Contains(algos, n) {
				algos = append(algos, n)
			}
		}
	}
	for _, k := range known {
		if k.authority {
			add(certHostKeyAlgorithms()...)
		}
	}
	for _, k := range known {
		switch t := k.key.Type(); {
		case k.authority || k.revoked:
		case t == ssh.KeyAlgoRSA:
			add(ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		case slices.Contains(plainHostKeyAlgorithms(), t):
			add(t)
		}
	}
	add(plainHostKeyAlgorithms()...)
	return algos
}

// supportedHostKeys are all that the library can verify. What is old among them has
// to be asked for by name.
func supportedHostKeys() []string {
	return slices.Concat(ssh.SupportedAlgorithms().HostKeys, ssh.InsecureAlgorithms().HostKeys)
}

// limit applies the lists of a client configuration to what is offered. A list that
// leaves nothing is an error.
func limit(cfg ssh.Config, s *sshconfig.Settings) (ssh.Config, error) {
	good, old := ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()
	hostKeys := plainHostKeyAlgorithms()
	for _, l := range []struct {
		name      string
		list      sshconfig.Algorithms
		offered   *[]string
		supported []string
	}{
		{"KexAlgorithms", s.KexAlgorithms, &cfg.KeyExchanges, slices.Concat(good.KeyExchanges, old.KeyExchanges)},
		{"Ciphers", s.Ciphers, &cfg.Ciphers, slices.Concat(good.Ciphers, old.Ciphers)},
		{"MACs", s.MACs, &cfg.MACs, slices.Concat(good.MACs, old.MACs)},
		{"HostKeyAlgorithms", s.HostKeyAlgorithms, &hostKeys, supportedHostKeys()},
	} {
		if *l.offered = l.list.Apply(*l.offered, l.supported); len(*l.offered) == 0 {
			return cfg, fmt.Errorf("%s: none of %s is supported; those that are: %s", l.name, strings.Join(l.list.Names, ","),
				strings.Join(l.supported, ","))
		}
	}
	return cfg, nil
}
