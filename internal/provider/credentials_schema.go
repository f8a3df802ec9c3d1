// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
)

// credentialAttributes are what logs in to a host, the same for hosts and
// jump hosts. note is added to each description; environment, if there is one,
// is a format that takes the attribute's part of the variable's name.
func credentialAttributes(note, environment string) map[string]schema.Attribute {
	describe := func(text, variable string) string {
		text += note
		if environment != "" {
			text += fmt.Sprintf(environment, variable)
		}
		return text
	}
	return map[string]schema.Attribute{
		"private_key": schema.StringAttribute{
			Optional:  true,
			Sensitive: true,
			MarkdownDescription: describe("Text of the private key to log in with (RSA, ECDSA or Ed25519; OpenSSH, PEM or PKCS#8 format), "+
				"for example `file(\"~/.ssh/id_ed25519\")` or an ephemeral value. Default: none.", "PRIVATE_KEY"),
		},
		"private_key_passphrase": schema.StringAttribute{
			Optional:            true,
			Sensitive:           true,
			MarkdownDescription: describe("Passphrase of `private_key`, if it is encrypted. Default: none.", "PRIVATE_KEY_PASSPHRASE"),
		},
		"certificate": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: describe("OpenSSH user certificate that belongs to `private_key` (the text of `id_ed25519-cert.pub`). "+
				"Default: none.", "CERTIFICATE"),
		},
		"password": schema.StringAttribute{
			Optional:  true,
			Sensitive: true,
			MarkdownDescription: describe("Password to log in with, also for keyboard-interactive authentication. "+
				"It is tried after the keys. Default: none.", "PASSWORD"),
		},
		"agent": schema.BoolAttribute{
			Optional: true,
			MarkdownDescription: describe("Whether to use the keys of the SSH agent at `SSH_AUTH_SOCK`. "+
				"Default: `true` if no `private_key` and no `password` is given and there is an agent, else `false`.", "AGENT"),
		},
		"agent_identity": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: describe("Limits the agent to one of its keys, so that a full agent does not use up the server's `MaxAuthTries`: "+
				"the public key as in `authorized_keys`, its `SHA256:` fingerprint, or its comment. Default: all of its keys are tried.",
				"AGENT_IDENTITY"),
		},
	}
}
