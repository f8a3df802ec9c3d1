// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package config knows what a parameter of a DC/OS site means: one table
// ([Parameters]) says for each parameter what kind it is, on which lines it
// exists, what its default is, what is allowed, and how it is described to a
// user. [Resolve] turns the values that a site gives into the arguments that
// the templates of a release need, and says everything that is wrong with
// them at once.
//
// The rules are DC/OS's own (gen/calc.py, gen/internals.py and
// gen/build_deploy/bash.py of each line's last tag); the words are ours.
package config
