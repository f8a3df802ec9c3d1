// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import "github.com/hashicorp/terraform-plugin-framework/types"

// providerModel is the provider block. Any value in it may be unknown at plan.
type providerModel struct {
	SSH                  types.Object `tfsdk:"ssh"`
	Sudo                 types.Object `tfsdk:"sudo"`
	Limits               types.Object `tfsdk:"limits"`
	Secrets              types.Map    `tfsdk:"secrets"`
	APIToken             types.String `tfsdk:"api_token"`
	CacheDirectory       types.String `tfsdk:"cache_directory"`
	RunLog               types.String `tfsdk:"run_log"`
	AllowEnsembleLoss    types.Bool   `tfsdk:"allow_ensemble_loss"`
	UninstallIfReachable types.Bool   `tfsdk:"uninstall_if_reachable"`
}

// credentialsModel is what logs in, for hosts and for jump hosts.
type credentialsModel struct {
	PrivateKey           types.String `tfsdk:"private_key"`
	PrivateKeyPassphrase types.String `tfsdk:"private_key_passphrase"`
	Certificate          types.String `tfsdk:"certificate"`
	Password             types.String `tfsdk:"password"`
	Agent                types.Bool   `tfsdk:"agent"`
	AgentIdentity        types.String `tfsdk:"agent_identity"`
}

// sshModel is the ssh object.
type sshModel struct {
	credentialsModel
	User                       types.String `tfsdk:"user"`
	Port                       types.Int64  `tfsdk:"port"`
	JumpHosts                  types.List   `tfsdk:"jump_hosts"`
	ProxyURL                   types.String `tfsdk:"proxy_url"`
	ProxyCommand               types.String `tfsdk:"proxy_command"`
	HostKeyPolicy              types.String `tfsdk:"host_key_policy"`
	KnownHosts                 types.List   `tfsdk:"known_hosts"`
	KnownHostsFiles            types.List   `tfsdk:"known_hosts_files"`
	HostCertificateAuthorities types.List   `tfsdk:"host_certificate_authorities"`
	ConfigFile                 types.String `tfsdk:"config_file"`
	ConnectTimeout             types.String `tfsdk:"connect_timeout"`
	KeepaliveInterval          types.String `tfsdk:"keepalive_interval"`
}

// jumpHostModel is one jump host of the provider block.
type jumpHostModel struct {
	credentialsModel
	Address types.String `tfsdk:"address"`
	Port    types.Int64  `tfsdk:"port"`
	User    types.String `tfsdk:"user"`
	HostKey types.String `tfsdk:"host_key"`
}

// sudoModel is the sudo object.
type sudoModel struct {
	Command  types.String `tfsdk:"command"`
	Password types.String `tfsdk:"password"`
}

// limitsModel is the limits object.
type limitsModel struct {
	Connections            types.Int64 `tfsdk:"connections"`
	ConnectionsPerJumpHost types.Int64 `tfsdk:"connections_per_jump_host"`
	Transfers              types.Int64 `tfsdk:"transfers"`
	Bandwidth              types.Int64 `tfsdk:"bandwidth"`
}
