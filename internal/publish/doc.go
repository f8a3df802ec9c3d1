// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package publish puts a bundle's serve directory, what a web server at
// bootstrap_url has to offer, where nodes fetch it from: into a directory on
// this machine ([Directory]), into one on a host over SSH ([NewHost]), or into
// a bucket of S3 or of a server that is compatible with it ([NewS3]).
//
// A [Place] is brought up to date so that whoever fetches meanwhile finds all of
// what was there before or all of what comes. A manifest in the place says what
// was put there, and what is about to be, so that nothing else is ever written
// over or removed. What others have put there under a name that is needed is
// used if it has the content that is needed, and stays theirs; if it has another,
// nothing is written at all.
//
// # Others in the place
//
// A web root may belong to somebody else, who can put there what they like. What
// is read from there is therefore not trusted: names in a manifest have to be
// names of files in the place, links are not followed out of it, and files get
// their content under names that are made for it. On a host, root works only
// where nobody else may write, and otherwise with the rights of the one user who
// may (scripts/guard.sh).
package publish
