// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package runlog writes and reads the run log: a JSON Lines file of everything
// that was done to every host in one run.
//
// One line is one [Event]. A run is opened once with [Open]; work on a host is
// reported through a [Scope], a named part of it through a [Stage]:
//
//	log, err := runlog.Open(path, redactor)
//	scope := log.Scope("prod", "10.0.0.1", "master")
//	stage := scope.Stage("transfer") // writes "started"
//	stage.Progress("bootstrap tarball", 20<<20)
//	stage.Finish() // writes "finished" with the duration and the bytes
//
// A nil [Log], [Scope], [Stage] and [Redactor] are valid and do nothing, so
// callers need no tests for "is there a log".
//
// Every line goes out in one write(2) on a descriptor opened with O_APPEND, so
// any number of goroutines and processes can share one file. Free text is
// redacted by value and bounded before it is written: see [Redactor],
// [MaxMessage] and [MaxTail]. A log that cannot be written any more never
// fails the work that it reports: the first error is kept and returned by
// [Log.Close].
//
// A file that has reached [MaxFile] is put aside (see [Old]) by whichever
// writer sees it first; the others go on in the new one as soon as they look,
// which they do every so many lines, and every second if there is something to
// write. [MaxOld] files are kept. What a [Log] writes first into a file that
// it goes on in is a [Continued], so that a reader knows what the run is about
// when its beginning is gone.
//
// A [Command] is "terraform-provider-dcos runlog": it shows a [Board] of the
// last run, once, as a summary, or live. The last run is the one with the
// greatest id; when several processes write to one log, the others are left
// out, and the board says so.
package runlog
