// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

func uiRows() []row {
	return []row{
		{
			name: "telemetry_enabled", kind: Bool,
			about:    "Whether the cluster sends usage data to the makers of DC/OS.",
			fallback: same("true"),
			rules:    rules(trueFalse()),
			shows:    []string{"/etc/ui-config.json"},
		},
		{
			name: "intercom_enabled", kind: Bool, on: since("1.12"),
			about:    "Whether the pages offer the makers' chat; it goes into JSON as it is.",
			fallback: same("true"),
			shows:    []string{"/etc/ui-config.json"},
		},
		{
			name: "ui_tracking", kind: Bool,
			about:    "Without effect: no line uses it.",
			fallback: same("true"),
		},
		{
			name: "ui_update_enabled", kind: Bool, on: since("1.13"),
			about:    "Whether the pages may be updated apart from DC/OS; it goes into JSON as it is.",
			fallback: same("true"),
			shows:    []string{"/etc/ui-config.json"},
		},
		{
			name: "ui_banner", kind: Bool,
			about:    "Whether the pages show a banner; it goes into JSON as it is.",
			fallback: same("false"),
			shows:    []string{"/etc/ui-config.json"},
		},
		{
			name: "ui_banner_background_color", kind: Text,
			about:    "Colour behind the banner.",
			fallback: same("#1E232F"),
			shows:    []string{"/etc/ui-config.json"},
		},
		{
			name: "ui_banner_foreground_color", kind: Text,
			about:    "Colour of the banner's text.",
			fallback: same("#FFFFFF"),
			shows:    []string{"/etc/ui-config.json"},
		},
		{
			name: "ui_banner_header_title", kind: Text,
			about:    "Title of the banner at the top, as JSON: a text needs double quotes of its own.",
			fallback: same("null"),
			shows:    []string{"/etc/ui-config.json"},
		},
		{
			name: "ui_banner_header_content", kind: Text,
			about:    "Text of the banner at the top, as JSON: a text needs double quotes of its own.",
			fallback: same("null"),
			shows:    []string{"/etc/ui-config.json"},
		},
		{
			name: "ui_banner_footer_content", kind: Text,
			about:    "Text of the banner at the bottom, as JSON: a text needs double quotes of its own.",
			fallback: same("null"),
			shows:    []string{"/etc/ui-config.json"},
		},
		{
			name: "ui_banner_image_path", kind: Text,
			about:    "Path of the banner's image, as JSON: a text needs double quotes of its own.",
			fallback: same("null"),
			shows:    []string{"/etc/ui-config.json"},
		},
		{
			name: "ui_banner_dismissible", kind: Text,
			about:    "Whether users may close the banner, as JSON.",
			fallback: same("null"),
			shows:    []string{"/etc/ui-config.json"},
		},
		{
			name: "license_key_contents", kind: Text, on: since("1.11"),
			about:    "Licence of DC/OS Enterprise; the open edition does not use it.",
			fallback: same(""),
			hidden:   true,
		},
	}
}
