// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// securityKey is an agent that holds one key of a FIDO authenticator, in
// software. Everything else of the interface is not called.
type securityKey struct {
	agent.Agent
	key    ed25519.PrivateKey
	public ssh.PublicKey
}

const (
	skAlgorithm   = "sk-ssh-ed25519@openssh.com"
	skApplication = "ssh:"
)

func newSecurityKey(t *testing.T) *securityKey {
	t.Helper()
	_, _, key := keyText(t)
	public, err := ssh.ParsePublicKey(ssh.Marshal(struct {
		Name        string
		Key         []byte
		Application string
	}{skAlgorithm, key[ed25519.PublicKeySize:], skApplication})) // its second half is the public one
	if err != nil {
		t.Fatal(err)
	}
	return &securityKey{key: key, public: public}
}

func (k *securityKey) List() ([]*agent.Key, error) {
	return []*agent.Key{{Format: skAlgorithm, Blob: k.public.Marshal(), Comment: "token"}}, nil
}

// Sign answers as an authenticator that somebody touched (OpenSSH,
// PROTOCOL.u2f, "SSH U2F signatures").
func (k *securityKey) Sign(asked ssh.PublicKey, data []byte) (*ssh.Signature, error) {
	if !slices.Equal(asked.Marshal(), k.public.Marshal()) {
		return nil, errors.New("another key is asked for")
	}
	const flags, counter = 0x01, 7
	application, message := sha256.Sum256([]byte(skApplication)), sha256.Sum256(data)
	status := []byte{flags, 0, 0, 0, counter}
	return &ssh.Signature{
		Format: skAlgorithm,
		Blob:   ed25519.Sign(k.key, slices.Concat(application[:], status, message[:])),
		Rest:   status,
	}, nil
}

// A key of a FIDO authenticator logs in through the agent, which alone can
// speak to the authenticator.
func TestSecurityKey(t *testing.T) {
	key := newSecurityKey(t)
	serveAgent(t, key)
	for name, identity := range map[string]string{"any": "", "by its fingerprint": ssh.FingerprintSHA256(key.public),
		"by its comment": "token"} {
		t.Run(name, func(t *testing.T) {
			if _, err := login(t, allowing(key.public),
				remote.Config{Credentials: remote.Credentials{Agent: true, AgentIdentity: identity}}); err != nil {
				t.Error(err)
			}
		})
	}
	_, err := login(t, allowing(newSecurityKey(t).public), remote.Config{Credentials: remote.Credentials{Agent: true}})
	var refused *remote.AuthError
	if !errors.As(err, &refused) {
		t.Errorf("have %v", err)
	}
}
