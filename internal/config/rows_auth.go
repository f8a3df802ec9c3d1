// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

func authRows() []row {
	return []row{
		{
			name: "oauth_enabled", kind: Bool,
			about:    "Whether users have to log in.",
			fallback: same("true"),
			rules:    rules(trueFalse()),
			shows:    []string{"/etc/adminrouter.env", "/etc/ui-config.json"},
		},
		{
			name: "oauth_available", kind: Bool,
			about:    "Whether the pages offer to log in.",
			fallback: same("true"),
			rules:    rules(trueFalse()),
			shows:    []string{"/etc/ui-config.json"},
		},
		{
			name: "adminrouter_auth_enabled", kind: Text,
			about:    "Whether Admin Router asks for a log-in: `true` or `false`.",
			computed: &computed{"the value of `oauth_enabled`", []string{"oauth_enabled"}, copyOf("oauth_enabled")},
			shows:    []string{"/etc/adminrouter.env"},
		},
		{
			name: "auth_cookie_secure_flag", kind: Bool,
			about:    "Whether the browser may send the log-in cookie over https only.",
			fallback: same("false"),
			rules:    rules(trueFalse().from("1.13")),
			shows:    []string{"/etc/bouncer-config.json"},
		},
		{
			name: "oauth_issuer_url", kind: Text,
			about:    "Issuer of the OpenID Connect tokens that log-ins bring.",
			fallback: same("https://dcos.auth0.com/"),
			shows:    []string{"/etc/dcos-oauth.env"},
		},
		{
			name: "oauth_client_id", kind: Text,
			about:    "Client id under which tokens are issued.",
			fallback: same("3yF5TOSzdlI45Q1xspxzeoGBe9fNxm9m"),
			shows:    []string{"/etc/dcos-oauth.env"},
		},
		{
			name: "oauth_auth_redirector", kind: Text,
			about:    "Page to which a log-in is sent first.",
			fallback: same("https://auth.dcos.io"),
			shows:    []string{"/etc/dcos-oauth.env"},
		},
		{
			name: "oauth_auth_host", kind: Text,
			about:    "Host at which users log in.",
			fallback: same("https://dcos.auth0.com"),
			shows:    []string{"/etc/ui-config.json"},
		},
		{
			name: "superuser_service_account_uid", kind: Text, on: since("1.13"),
			about:    "Name of a service account that is made at the first start; given together with its public key.",
			fallback: same(""),
			shows:    []string{"/etc/bouncer-config.json"},
		},
		{
			name: "superuser_service_account_public_key", kind: Text, on: since("1.13"),
			about:    "RSA public key of that service account, in PEM.",
			fallback: same(""),
			shows:    []string{"/etc/bouncer-config.json"},
		},
		{
			name: "_superuser_service_account_public_key_json", kind: Text, on: since("1.13"),
			about:    "That key as a JSON string, in place of `superuser_service_account_public_key`.",
			computed: &computed{"`superuser_service_account_public_key`", []string{"superuser_service_account_public_key"}, superuserKeyJSON},
			shows:    []string{"/etc/bouncer-config.json"},
		},
		{
			name: "adminrouter_tls_1_0_enabled", kind: Bool,
			about:    "Whether Admin Router offers TLS 1.0.",
			fallback: same("false"),
			rules:    rules(trueFalse()),
			shows:    []string{"/etc/adminrouter-tls-master.conf"},
		},
		{
			name: "adminrouter_tls_1_1_enabled", kind: Bool, on: since("1.11"),
			about:    "Whether Admin Router offers TLS 1.1.",
			fallback: same("false"),
			rules:    rules(trueFalse()),
			shows:    []string{"/etc/adminrouter-tls-master.conf"},
		},
		{
			name: "adminrouter_tls_1_2_enabled", kind: Bool, on: since("1.11"),
			about:    "Whether Admin Router offers TLS 1.2; at least one version must be offered.",
			fallback: same("true"),
			rules:    rules(trueFalse()),
			shows:    []string{"/etc/adminrouter-tls-master.conf"},
		},
		{
			name: "adminrouter_tls_cipher_suite", kind: Text, on: since("1.11"),
			about:    "TLS ciphers of Admin Router in OpenSSL's notation; empty keeps the built-in ones.",
			fallback: same(""),
			shows:    []string{"/etc/adminrouter-tls-master.conf"},
		},
		{
			name: "adminrouter_x_frame_options", kind: Text, on: since("1.12"),
			about:    "Value of the X-Frame-Options header of the pages.",
			fallback: same("SAMEORIGIN").then("1.13", "DENY"),
			rules:    rules(frameOptions()),
			shows:    []string{"/etc_master/adminrouter-ui-security.conf"},
		},
		{
			name: "adminrouter_grpc_proxy_port", kind: Integer, on: since("2.1"),
			about:    "Port on the masters at which gRPC calls are proxied.",
			fallback: same("12379"),
			rules:    rules(between(1, 65535)),
			shows:    []string{"/etc_master/adminrouter-grpc-proxy-port.conf"},
		},
	}
}
