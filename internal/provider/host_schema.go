// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	action "github.com/hashicorp/terraform-plugin-framework/action/schema"
	data "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	ephemeral "github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	listschema "github.com/hashicorp/terraform-plugin-framework/list/schema"
	provider "github.com/hashicorp/terraform-plugin-framework/provider/schema"
	resource "github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// A field is a text or a number that the schemas of resources, of data sources
// and of the provider have alike; the framework has types of its own for each.
type field struct {
	about    string
	required bool
	filled   bool // an empty text is refused
	isPort   bool // a number; all others are texts
}

// fields are attributes by name.
type fields map[string]field

// attributesOf makes attributes of one kind of schema of them.
func attributesOf[A any](fs fields, text, port func(field) A) map[string]A {
	attributes := make(map[string]A, len(fs))
	for name, f := range fs {
		if f.isPort {
			attributes[name] = port(f)
		} else {
			attributes[name] = text(f)
		}
	}
	return attributes
}

// validators are those of a text.
func (f field) validators() []validator.String {
	if f.required { // an address
		return hostNames()
	}
	if f.filled {
		return []validator.String{stringvalidator.LengthAtLeast(1)}
	}
	return nil
}

func portNumbers() []validator.Int64 { return []validator.Int64{int64validator.Between(1, 65535)} }

// ofResource gives them as attributes of a resource.
func (fs fields) ofResource() map[string]resource.Attribute {
	return attributesOf(fs, func(f field) resource.Attribute {
		return resource.StringAttribute{Required: f.required, Optional: !f.required, MarkdownDescription: f.about, Validators: f.validators()}
	}, func(f field) resource.Attribute {
		return resource.Int64Attribute{Optional: true, MarkdownDescription: f.about, Validators: portNumbers()}
	})
}

// ofDataSource gives them as attributes of a data source.
func (fs fields) ofDataSource() map[string]data.Attribute {
	return attributesOf(fs, func(f field) data.Attribute {
		return data.StringAttribute{Required: f.required, Optional: !f.required, MarkdownDescription: f.about, Validators: f.validators()}
	}, func(f field) data.Attribute {
		return data.Int64Attribute{Optional: true, MarkdownDescription: f.about, Validators: portNumbers()}
	})
}

// ofAction gives them as attributes of an action.
func (fs fields) ofAction() map[string]action.Attribute {
	return attributesOf(fs, func(f field) action.Attribute {
		return action.StringAttribute{Required: f.required, Optional: !f.required, MarkdownDescription: f.about, Validators: f.validators()}
	}, func(f field) action.Attribute {
		return action.Int64Attribute{Optional: true, MarkdownDescription: f.about, Validators: portNumbers()}
	})
}

// ofEphemeral gives them as attributes of an ephemeral resource.
func (fs fields) ofEphemeral() map[string]ephemeral.Attribute {
	return attributesOf(fs, func(f field) ephemeral.Attribute {
		return ephemeral.StringAttribute{Required: f.required, Optional: !f.required, MarkdownDescription: f.about, Validators: f.validators()}
	}, func(f field) ephemeral.Attribute {
		return ephemeral.Int64Attribute{Optional: true, MarkdownDescription: f.about, Validators: portNumbers()}
	})
}

// ofList gives them as attributes of a list.
func (fs fields) ofList() map[string]listschema.Attribute {
	return attributesOf(fs, func(f field) listschema.Attribute {
		return listschema.StringAttribute{Required: f.required, Optional: !f.required, MarkdownDescription: f.about, Validators: f.validators()}
	}, func(f field) listschema.Attribute {
		return listschema.Int64Attribute{Optional: true, MarkdownDescription: f.about, Validators: portNumbers()}
	})
}

// ofProvider gives them as attributes of the provider block.
func (fs fields) ofProvider() map[string]provider.Attribute {
	return attributesOf(fs, func(f field) provider.Attribute {
		return provider.StringAttribute{Required: f.required, Optional: !f.required, MarkdownDescription: f.about, Validators: f.validators()}
	}, func(f field) provider.Attribute {
		return provider.Int64Attribute{Optional: true, MarkdownDescription: f.about, Validators: portNumbers()}
	})
}

// What a jump host has wherever one is named, apart from credentials.
func jumpHostFields() fields {
	return fields{
		"address": {required: true, about: "Host name or IP address of the jump host."},
		"port":    {isPort: true, about: "TCP port of its SSH server. Default: `22`."},
		"user":    {about: "User to log in as on the jump host. Default: the user of the provider's `ssh`."},
		"host_key": {about: "The jump host's public key as in `authorized_keys` (`ssh-ed25519 AAAA...`). Any other key is refused. " +
			"A jump host is given no password unless something vouches for its key, such as this. " +
			"Default: the provider's `host_key_policy` decides."},
	}
}

// What may differ for a host from the provider's ssh, apart from jump hosts.
func sshFields(hostKey string) fields {
	return fields{
		"port": {isPort: true, about: "TCP port of the SSH server. Default: the provider's."},
		"user": {filled: true, about: "User to log in as. Default: the provider's."},
		"host_key": {about: "The host's public key as in `authorized_keys` (`ssh-ed25519 AAAA...`), if it is known beforehand. " +
			"Any other key is refused" + hostKey},
		"proxy_command": {filled: true, about: "Command whose standard input and output are the connection to the host, instead of the " +
			"provider's ways to it; with `jump_hosts` beside it, to the first of them. `none`: not the provider's `proxy_command`. " +
			"See there for what may be in it. Default: the provider's."},
	}
}

// jumpHostsAbout describes the jump hosts of one host.
const jumpHostsAbout = "SSH hosts to pass through, in order, instead of the provider's `jump_hosts`; " +
	"an empty list goes straight to the host. They are logged in to with the provider's credentials. Default: the provider's."

// nodeSSHAttributes are a node's overrides of the provider's ssh.
func nodeSSHAttributes() map[string]resource.Attribute {
	attributes := sshFields("; it comes before the key that was accepted earlier, so it is also the way to accept the new key of a rebuilt " +
		"machine. Default: the key that was accepted, and before that, what the provider's `host_key_policy` says.").ofResource()
	attributes["jump_hosts"] = resource.ListNestedAttribute{
		Optional:            true,
		MarkdownDescription: jumpHostsAbout,
		NestedObject:        resource.NestedAttributeObject{Attributes: jumpHostFields().ofResource()},
	}
	return attributes
}

// dataSSHAttributes are the same for a host of a data source.
func dataSSHAttributes() map[string]data.Attribute {
	attributes := sshFields(", for example with a `dcos_node`'s `host_key`. Default: the provider's `host_key_policy` decides.").ofDataSource()
	attributes["jump_hosts"] = data.ListNestedAttribute{
		Optional:            true,
		MarkdownDescription: jumpHostsAbout,
		NestedObject:        data.NestedAttributeObject{Attributes: jumpHostFields().ofDataSource()},
	}
	return attributes
}

// actionSSHAttributes are the same for a node of an action.
func actionSSHAttributes() map[string]action.Attribute {
	attributes := sshFields(". Default: the node's `host_key` beside it, and without one, what the provider's `host_key_policy` " +
		"says.").ofAction()
	attributes["jump_hosts"] = action.ListNestedAttribute{
		Optional:            true,
		MarkdownDescription: jumpHostsAbout,
		NestedObject:        action.NestedAttributeObject{Attributes: jumpHostFields().ofAction()},
	}
	return attributes
}
