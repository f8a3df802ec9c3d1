// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package render turns a release's templates and a site's arguments into
// text: it knows the template language, YAML as PyYAML reads and writes it,
// JSON as Python's json module reads and writes it, and the structural hash
// that DC/OS derives its ids from. It does not know what a parameter means.
//
// A template is parsed once ([Parse]) and rendered for any number of sites
// ([Template.Render]). What a template mentions is its [Target]; package
// config resolves exactly that.
package render
