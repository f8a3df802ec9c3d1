// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package pkgpanda is the sample's package manager. It obeys the contract of
// DC/OS's pkgpanda on disk and on the command line, as far as an installer,
// an upgrade and an uninstall can see it.
//
// On disk, below the install root (/opt/mesosphere):
//
//   - packages/ID: the unpacked packages. A package being fetched is at ID_tmp.
//   - active/NAME: a link to the active package of that name.
//   - bin, etc, include, lib: real directories of links into the active
//     packages. A package's etc_ROLE is linked into etc on hosts of that role.
//   - environment, environment.export: the packages' variables, for systemd
//     and for shells.
//   - active.buildinfo.full.json: how the active packages were built.
//   - NAME.new and NAME.old of each of these: the set that is being made, and
//     the one before.
//   - install_progress: how far a swap has come; setup resumes it.
//   - bootstrap: there until setup has been done.
//
// The units of the active packages are copied to /etc/systemd/system and
// linked in dcos.target.wants there.
//
// Left out: late-bound packages, the HTTP interface, Windows.
package pkgpanda
