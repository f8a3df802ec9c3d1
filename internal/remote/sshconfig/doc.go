// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package sshconfig says what an OpenSSH client configuration means for a host.
//
// Where there is an ssh, it says so itself: ssh -G -F FILE -- HOST, with the user
// and the port that are given. That has Match of every kind, tokens, quotes,
// environment variables, Include and canonical names right by definition. What
// ssh -G does not tell is found out beside it:
//
//   - Everything is printed, with defaults where nothing is set. What is set is
//     what ssh -G prints otherwise than without a file. Two options that may be set
//     to their defaults, and mean something then, are looked up in the file's words:
//     User and StrictHostKeyChecking.
//   - Quotes are gone: two paths with a blank in one are printed as three words. They
//     are found again among the lines of the file.
//   - Some values have their tokens replaced (UserKnownHostsFile, IdentityAgent), others
//     have not (IdentityFile, ProxyCommand, ProxyJump).
//
// Hosts that nothing in the file tells apart share one call: no pattern of a Host
// or Match line matches one of them and not the other, and nothing that ssh -G
// replaces has the host's name in it.
//
// Where there is no ssh, the words of the file are all there is. They are read as
// ssh reads them: Host, Match with host, originalhost, user, localuser, all, final
// and canonical, Include. Whatever else is in a block that may be about the host
// is a [LineError]; blocks that cannot be do not matter.
package sshconfig
