// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package release opens a DC/OS release where it lies and gives what is in
// it: version, ids, the generator's templates, and the artifacts as streams.
//
// A release comes in these forms, all opened by [Open], which sees by the content
// what it has:
//
//   - dcos_generate_config.sh as DC/OS publishes it: a shell script, a line
//     #EOF#, a tar with one file, which is a "docker save" of the installer's
//     image, whose layers are tars. Neither Docker nor a temporary copy is
//     needed: one pass over the tar headers, layer by layer, notes where each
//     file of the image lies, and files are then read at their offsets. The
//     notes are kept in the cache directory, so that a second process does not
//     make the pass again. Memory does not grow with the size of the file.
//   - the image's tar alone, of docker save or an OCI layout, and a directory with
//     what is in it. Both are read likewise. Of several images that for
//     linux/amd64 counts, and attestations are none.
//   - a file of these compressed by gzip, xz or zstd, as layers may be, too. They
//     are unpacked into the cache directory.
//   - a directory that holds the image's root file system (/artifacts,
//     /opt/mesosphere, /gen_extra, /installer_internal_wrapper), or umoci's bundle
//     with that. Symbolic links are followed as if the directory were the root,
//     never out of it.
//   - an http or https address of a file. It is downloaded once into
//     the cache directory, by whoever comes first among all processes that
//     share it, and resumed where it was interrupted.
//
// What a server sends has 32 GiB at most; what is unpacked has the bounds of scan.go,
// tree.go, compressed.go and container.go.
//
// Everything the package says comes from the release. The layout is that of
// gen/build_deploy/bash/Dockerfile.in and installer_internal_wrapper.in of
// DC/OS 1.10 to 2.2; the version is read from gen/calc.py beside the templates.
//
// # Integrity
//
// Options.SHA256 is checked against all bytes of the file that is used, each time
// that it is opened, and nothing that was kept of it before is used then: not the
// index, and unpacked layers only if they have their digests; a compressed file is
// unpacked anew. That reads the file
// once more in each process, at the speed of the disk or of SHA-256, whichever is
// slower: some seconds for 1.5 GB.
//
// Without it, an image still carries the digests of its own layers: the layers
// that facts and templates come from are checked when the file is first opened,
// those with artifacts when an artifact's digest is first asked for. What was
// checked is noted in the cache directory, by the file's size and times, the one
// that nobody can set among them.
//
// The cache directory is this user's alone, or it is refused ([PrivateDirectory]).
package release
