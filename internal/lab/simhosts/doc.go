// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package simhosts simulates hosts by the ten thousand, for measuring what the
// provider costs and for trying what it does when many fail.
//
// One [Fleet] is one listener on all of 127.0.0.0/8: each address of it is a
// host of its own, with its own host key, machine id and state. SSH is real:
// handshakes, keys, channels, SFTP. What is behind it is not: no shell runs.
// The simulation reads the scripts that internal/remote and internal/node send,
// knows them by the line with which each begins its result, and answers with a
// result that says what a host would: nothing is installed, then it is, with
// the packages, files and units that the installer was given.
//
// Left out: anything that is not in a result. No time passes but
// Options.Delay, and uploads go nowhere (Options.Transfer) or are said to be there
// already. All masters are of one ensemble and serve as soon as they are
// installed. Hosts of a share fail at a stage that
// is drawn for each ([Options.Failures]) until they are mended.
//
// Compared: never with hosts of the lab side by side.
package simhosts
