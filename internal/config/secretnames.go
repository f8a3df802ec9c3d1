// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"regexp"
	"strings"
)

// secretNames are parts of names of parameters that hold secrets, those of DC/OS Enterprise among them.
var secretNames = regexp.MustCompile(`password|passwd|_pass$|secret|credential|token|(private|license|access|account|api)_key`)

// LooksSecret reports whether a parameter that is not in the table seems to hold a
// secret. A number, a switch, a path and an id say nothing that must be kept.
func LooksSecret(name, text string) bool {
	says := func(end string) bool { return strings.HasSuffix(name, end) }
	if !secretNames.MatchString(strings.ToLower(name)) || says("_path") || says("_file") || says("_id") {
		return false
	}
	return text != "" && text != "true" && text != "false" && strings.Trim(text, "0123456789.") != ""
}
