// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package bundle puts a release and a site together: the [Bundle] holds every
// file that the cluster's nodes get, under one id that stands for its content.
//
// The same release and the same site give the same bytes on any machine:
// config packages are tar.xz files with sorted names, fixed times and owners.
// What a node fetches ([Bundle.Artifacts]) has the layout of DC/OS's serve
// directory, so a bundle can be pushed over SSH, or put where a web server has it
// ([Bundle.ServeDirectory]) and installed by hand with the dcos_install.sh in it.
//
// A [Recipe] is a bundle's origin in a short text; a [Cache] makes bundles
// from recipes, each once per process.
package bundle
