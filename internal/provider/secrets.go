// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-framework/diag"
)

// secrets are the values of parameters that the provider block gives.
type secrets struct {
	values  map[string]string
	unknown bool // some name or value is not known yet
}

// secretsKey is the private state of dcos_cluster_config that tells whether
// the provider's secrets are still those that its outputs were made with.
const secretsKey = "secrets"

// secretsFingerprint is what is kept there. A slow hash with a salt of its own
// gives nothing away about a password that can be guessed.
type secretsFingerprint struct {
	Salt []byte `json:"salt,omitempty"`
	Hash []byte `json:"hash,omitempty"`
}

// fingerprintRounds makes one guess cost as much as one plan can bear.
const fingerprintRounds = 100_000

// fingerprint hashes the secrets with the salt; without secrets it is empty.
func (s secrets) fingerprint(salt []byte) (secretsFingerprint, error) {
	if len(s.values) == 0 {
		return secretsFingerprint{}, nil
	}
	text, err := json.Marshal(s.values) // sorted by key
	if err != nil {
		return secretsFingerprint{}, err
	}
	hash, err := pbkdf2.Key(sha256.New, string(text), salt, fingerprintRounds, sha256.Size)
	return secretsFingerprint{Salt: salt, Hash: hash}, err
}

// newFingerprint is a fingerprint with a salt of its own, in JSON.
func (s secrets) newFingerprint() ([]byte, error) {
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return nil, err
	}
	fingerprint, err := s.fingerprint(salt)
	if err != nil {
		return nil, err
	}
	return json.Marshal(fingerprint)
}

// matches says whether a fingerprint in JSON is that of the secrets.
func (s secrets) matches(kept []byte) (bool, error) {
	var before secretsFingerprint
	if len(kept) > 0 {
		if err := json.Unmarshal(kept, &before); err != nil {
			return false, err
		}
	}
	now, err := s.fingerprint(before.Salt)
	if err != nil {
		return false, err
	}
	return !s.unknown && subtle.ConstantTimeCompare(before.Hash, now.Hash) == 1, nil
}

// keptSecrets says whether the secrets are those that the outputs in state
// were made with, and gives the fingerprint to keep.
func (r *clusterConfigResource) keptSecrets(ctx context.Context, private privateReader, diags *diag.Diagnostics) ([]byte, bool) {
	kept, d := private.GetKey(ctx, secretsKey)
	diags.Append(d...)
	if diags.HasError() {
		return nil, false
	}
	same, err := r.shared.secrets.matches(kept)
	if err != nil {
		diags.Append(internalFault("comparing the provider's secrets with those of the last apply", err))
		return nil, false
	}
	if same {
		return kept, true
	}
	fingerprint, err := r.shared.secrets.newFingerprint()
	if err != nil {
		diags.Append(internalFault("noting which secrets the provider has", err))
	}
	return fingerprint, false
}
