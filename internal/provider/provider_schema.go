// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"maps"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// providerAttributes is the provider block. The names of the environment
// variables are in the table of provider_environment.go.
func providerAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"ssh": schema.SingleNestedAttribute{
			Optional: true,
			MarkdownDescription: "How hosts are reached over SSH. Resources read their credentials from here alone, so that refresh, " +
				"destroy and import have them too, and none of them is in a resource's state.",
			Attributes: sshAttributes(),
		},
		"sudo": schema.SingleNestedAttribute{
			Optional:            true,
			MarkdownDescription: "How commands become root on a host. Not needed where the SSH user is `root` or may use `sudo` without a password.",
			Attributes: map[string]schema.Attribute{
				"command": schema.StringAttribute{
					Optional: true,
					MarkdownDescription: "The command that makes root: `sudo`, `doas`, or `none` where the SSH user is root. " +
						"Default: `sudo`; a user who is root already needs nothing. " +
						"Environment variable: `DCOS_SUDO_COMMAND`.",
					Validators: []validator.String{stringvalidator.OneOf("sudo", "doas", "none")},
				},
				"password": schema.StringAttribute{
					Optional:  true,
					Sensitive: true,
					MarkdownDescription: "The password that `sudo` asks for. It travels over the connection's standard input only, never on a command " +
						"line, in an environment or in a file. Default: none. " +
						"Environment variable: `DCOS_SUDO_PASSWORD`.",
				},
			},
		},
		"limits": schema.SingleNestedAttribute{
			Optional:            true,
			MarkdownDescription: "Limits that hold across all resources of one run.",
			Attributes: map[string]schema.Attribute{
				"connections": schema.Int64Attribute{
					Optional:            true,
					MarkdownDescription: "How many SSH connections may be open at once. Default: as many as the system's limit on open files allows.",
					Validators:          []validator.Int64{int64validator.AtLeast(1)},
				},
				"connections_per_jump_host": schema.Int64Attribute{
					Optional: true,
					MarkdownDescription: "How many connections may pass through one connection to a jump host at once; more wait. Default: `64`; " +
						"each takes a channel of it, of which OpenSSH allows 10 for sessions and any number for forwarding.",
					Validators: []validator.Int64{int64validator.AtLeast(1)},
				},
				"transfers": schema.Int64Attribute{
					Optional:            true,
					MarkdownDescription: "How many hosts may be sent files at once; more wait. Default: `16`.",
					Validators:          []validator.Int64{int64validator.AtLeast(1)},
				},
				"bandwidth": schema.Int64Attribute{
					Optional:            true,
					MarkdownDescription: "How many bytes a second all transfers together may take, for narrow lines. Default: no limit.",
					Validators:          []validator.Int64{int64validator.AtLeast(1024)},
				},
			},
		},
		"secrets": schema.MapAttribute{
			Optional:    true,
			Sensitive:   true,
			ElementType: types.StringType,
			MarkdownDescription: "Values of DC/OS parameters that must not be in state, by parameter name, for example " +
				"`{ exhibitor_admin_password = var.password }`. They take part in rendering as if given to `dcos_cluster_config`, " +
				"and are kept out of its state and of `config_yaml`. JSON values are given as text. Default: none. " +
				"Environment variable: `DCOS_SECRETS`, a JSON object.",
		},
		"api_token": schema.StringAttribute{
			Optional:  true,
			Sensitive: true,
			MarkdownDescription: "DC/OS authentication token with which the data source `dcos_cluster` asks Admin Router of a cluster that has " +
				"`oauth_enabled`. It goes to the scheme, host and port of `url` only. Nothing else needs one. Default: none. " +
				"Environment variable: `DCOS_API_TOKEN`.",
		},
		"cache_directory": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Directory for what can be made again: downloaded releases and their indexes, and which machines the nodes of " +
				"clusters ran on in the last hour. One that another user could write to, or put another in the place of, is refused. " +
				"Default: `terraform-provider-dcos` in the user's cache directory; where there is no home directory nothing is kept, " +
				"and a release at a URL needs this. Environment variable: `DCOS_CACHE_DIRECTORY`.",
		},
		"allow_ensemble_loss": schema.BoolAttribute{
			Optional: true,
			MarkdownDescription: "Whether masters may be removed whatever becomes of their ensemble. Without it a plan is refused that removes " +
				"more masters than the ensemble can spare while other nodes of the cluster stay, and apply removes a master only when the others " +
				"can do without it. For one apply, when the cluster's ZooKeeper and all that is in it are to be given up. Default: `false`. " +
				"Environment variable: `DCOS_ALLOW_ENSEMBLE_LOSS`.",
		},
		"uninstall_if_reachable": schema.BoolAttribute{
			Optional: true,
			MarkdownDescription: "Whether every node with `on_destroy = \"uninstall\"` is treated as one with `\"uninstall_if_reachable\"`, also " +
				"in the apply in which its machine is found dead. Default: `false`. Environment variable: `DCOS_UNINSTALL_IF_REACHABLE`.",
		},
		"run_log": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "File to which everything done to every host is appended while it happens, one JSON object a line: " +
				"time, run, cluster, host, role, stage, event, duration in seconds, " +
				"bytes, exit code, the end of the output. Secrets are redacted. Default: none is written. Environment variable: `DCOS_RUN_LOG`.",
		},
	}
}

// sshAttributes are those of the ssh object.
func sshAttributes() map[string]schema.Attribute {
	attributes := credentialAttributes("", " Environment variable: `DCOS_SSH_%s`.")
	maps.Copy(attributes, map[string]schema.Attribute{
		"user": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "User to log in as. Default: what `config_file` says, else `root`. Environment variable: `DCOS_SSH_USER`.",
			Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
		},
		"port": schema.Int64Attribute{
			Optional:            true,
			MarkdownDescription: "TCP port of the SSH server. Default: `22`. Environment variable: `DCOS_SSH_PORT`.",
			Validators:          []validator.Int64{int64validator.Between(1, 65535)},
		},
		"jump_hosts": schema.ListNestedAttribute{
			Optional: true,
			MarkdownDescription: "SSH hosts to pass through, in order, the one nearest to Terraform first. Connections to them are shared. " +
				"Environment variable: `DCOS_SSH_JUMP_HOSTS`, a JSON list of objects with the same names.",
			NestedObject: schema.NestedAttributeObject{Attributes: jumpHostAttributes()},
		},
		"proxy_url": schema.StringAttribute{
			Optional:  true,
			Sensitive: true,
			MarkdownDescription: "Proxy to reach the first host through: `socks5://[user:password@]host:port` or " +
				"`http://[user:password@]host:port` (CONNECT), for example `socks5://127.0.0.1:1080`. Default: none. " +
				"Environment variable: `DCOS_SSH_PROXY_URL`.",
		},
		"proxy_command": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Command whose standard input and output are the connection to the host or, with `jump_hosts`, to the first of " +
				"them: for AWS's Session Manager, Google's Identity-Aware Proxy, Cloudflare's tunnels, Teleport. In it `%h` is the host, `%p` the " +
				"port, `%r` the user, `%n` the host as it is called in Terraform, `%%` a percent sign; for example `aws ssm start-session --target " +
				"%h --document-name AWS-StartSSHSession --parameters portNumber=%p`. The user's shell runs it, without a terminal and without the " +
				"variables of Terraform and the provider (`TF_...`, `DCOS_...`); what it says of a failure is in the error. It ends with the " +
				"connection, and what it started does too. It is shown in plans, so there must be no secret in it. `none`: no `ProxyCommand` or " +
				"`ProxyJump` of `config_file` counts. Default: what `config_file` says, else none. Environment variable: `DCOS_SSH_PROXY_COMMAND`.",
			Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
		},
		"host_key_policy": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "What to do with a host key that is not known. `strict`: refuse it. `accept_new`: accept it the first time and " +
				"pin it in the node's state (`host_key`); that of a jump host in the private part of the state of the node or pool behind it. Data " +
				"sources and `publish` have no such memory. `ignore`: accept any key at any time, which gives up protection against an impostor. A " +
				"key that differs from a known or pinned one is refused under `strict` and `accept_new`. Of it and `StrictHostKeyChecking` in " +
				"`config_file` the stricter one counts. Default: `accept_new`. Environment variable: `DCOS_SSH_HOST_KEY_POLICY`.",
			Validators: []validator.String{stringvalidator.OneOf("strict", "accept_new", "ignore")},
		},
		"known_hosts": schema.ListAttribute{
			Optional:    true,
			ElementType: types.StringType,
			MarkdownDescription: "Lines in the format of OpenSSH's `known_hosts` (hashed names, `[host]:port`, `@cert-authority` and `@revoked` " +
				"included); an element may hold several lines, for example `[\"10.0.0.11 ssh-ed25519 AAAA...\"]`. Default: none. " +
				"Environment variable: `DCOS_SSH_KNOWN_HOSTS`.",
		},
		"known_hosts_files": schema.ListAttribute{
			Optional:    true,
			ElementType: types.StringType,
			MarkdownDescription: "Paths of `known_hosts` files. They are read and never written. Default: none is read. " +
				"Environment variable: `DCOS_SSH_KNOWN_HOSTS_FILES`, separated as in `PATH`.",
		},
		"host_certificate_authorities": schema.ListAttribute{
			Optional:    true,
			ElementType: types.StringType,
			MarkdownDescription: "Public keys, in the format of `authorized_keys`, of authorities whose host certificates are trusted for any " +
				"host, for example `[\"ssh-ed25519 AAAA...\"]`. Default: none. " +
				"Environment variable: `DCOS_SSH_HOST_CERTIFICATE_AUTHORITIES`, one key a line.",
		},
		"config_file": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Path of an OpenSSH client configuration to honour, for example `~/.ssh/config`. A node's `address` is looked " +
				"up as a host name there. What it means for each host and jump host is what the machine's own `ssh -G` says, so `Match`, " +
				"`Include`, tokens, quotes, environment variables and canonical names mean what they mean to `ssh`, and **`Match exec` runs its " +
				"commands, at plan too**. Where there is no `ssh`, `Host`, `Include` and `Match` with `host`, `originalhost`, `user`, `localuser`, " +
				"`all`, `final` and `canonical` are understood, and anything else in a block that may be about a host is an error with its line. " +
				"These count: `HostName`, `User`, `Port`, `AddressFamily`, `BindAddress`, `ConnectTimeout` (of one attempt), " +
				"`ServerAliveInterval`, `ServerAliveCountMax`, `ProxyJump`, `ProxyCommand`, `IdentityFile`, `IdentitiesOnly`, `IdentityAgent`, " +
				"`CertificateFile`, `PubkeyAcceptedAlgorithms`, `Ciphers`, `MACs`, `KexAlgorithms`, `HostKeyAlgorithms`, `CASignatureAlgorithms`, " +
				"`HostKeyAlias`, `StrictHostKeyChecking` (`ask` refuses, since there is nobody to ask), `UserKnownHostsFile` and " +
				"`GlobalKnownHostsFile` with their defaults, `RevokedHostKeys`, `KnownHostsCommand`. A warning at plan names what else would " +
				"change something. `/etc/ssh/ssh_config` is not read. What is given on a node comes first, then what is given here, then the file; " +
				"`private_key` here stands in for its keys. Default: none is read. Environment variable: `DCOS_SSH_CONFIG_FILE`.",
		},
		"connect_timeout": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "How long to keep trying to connect and log in while a node is installed, changed or removed; " +
				"it covers the time that a host needs to boot. A login that is refused is tried eight times on a host that is not a node yet, within " +
				"some four minutes, and twice on one that is. " +
				"A duration such as `90s` or `10m`. Default: `5m`. Environment variable: `DCOS_SSH_CONNECT_TIMEOUT`.",
			Validators: []validator.String{durationValidator{}},
		},
		"keepalive_interval": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "How often a quiet connection is asked whether it is still there; four unanswered questions end it. " +
				"A duration such as `15s`. Default: `15s`. Environment variable: `DCOS_SSH_KEEPALIVE_INTERVAL`.",
			Validators: []validator.String{durationValidator{}},
		},
	})
	return attributes
}

// jumpHostAttributes are those of one jump host.
func jumpHostAttributes() map[string]schema.Attribute {
	attributes := credentialAttributes(" If no credential is given for the jump host, those of `ssh` are used.", "")
	maps.Copy(attributes, jumpHostFields().ofProvider())
	return attributes
}
