// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package sample builds a sample DC/OS release.
//
// It is a sample, not DC/OS. It exists so that the provider can be tried
// against real hosts with systemd without a real release, which is more than a
// gigabyte and needs hosts to match.
//
// It is a module of its own, which uses nothing of the provider's: a second
// DC/OS that cannot share the first one's mistakes, and that the provider's
// build and tests do not wait for. They have it by internal/lab/samplerelease,
// which runs cmd/release when there is no release of these sources yet.
//
// What is true of it: the format of the release in both its forms (see
// Build); the layout of packages, bootstrap tarball and serve directory; the
// template language, the names of parameters and rendered files, and which
// file a parameter touches; the package manager's contract on disk and on the
// command line; unit names and what the units leave on a host; ports,
// endpoints and the answers an operator or a load balancer asks for. The
// services use the rendered configuration for real: an ensemble forms from the
// configured storage backend, a leader is elected, agents find the masters by
// the configured discovery, tasks are processes.
//
// Left out: everything else. There is no ZooKeeper but where the host has Debian's, no Mesos, no
// Docker, no isolation, no resources, no authentication but the refusal of who
// is not logged in, no overlay network, no metrics, no logs but the journal's,
// and no promise that its small registry survives what Mesos's replicated log
// does. Packages that only serve others (Java, Python, OpenSSL, ...) have one
// stand-in, sample-runtime. The content of rendered files is ours and smaller
// than DC/OS's. Exhibitor knows all storage backends but azure; its AWS and REX-Ray's
// are as old as the real ones' (services/ec2). Checks of the
// clock pass in containers.
//
// Compared: each service as its package says; the release as a whole never with a
// real one side by side. Whoever has one does so by make test-release.
//
// There are two versions, so that upgrades can be tried. They differ in
// packages (2.1 has dcos-signal with its units, 2.2 has csi-driver-nfs), in
// the versions of services, and in a rendered file.
//
//   - cmd/release: builds a release, the command that others run.
//   - cmd/dcos-sample: the one program on hosts; its package says what it does.
//   - services: what the program consists of, a package for each service.
//   - release: packages, units and templates, as files.
package sample
