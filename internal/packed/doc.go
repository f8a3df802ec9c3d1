// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package packed reads and writes encoded values without decoding the whole of
// them. It knows how Terraform encodes values, and nothing of Terraform's
// schemas or of DC/OS.
//
// # The encoding
//
// Between Terraform and a provider values are MessagePack (see
// docs/plugin-protocol/object-wire-format.md in Terraform's repository):
//
//   - text, numbers and bools are what they are in MessagePack; a number that
//     is too large or too fine is text;
//   - lists, sets and tuples are arrays; maps and objects are maps with keys
//     of text, in the order of the keys;
//   - a value of any type ([Dynamic]) is an array of its type, in JSON, and of
//     itself;
//   - null is nil, and what is not known yet ([Unknown]) is of an extension
//     type, which nothing else is.
//
// # What it is for
//
// A [Value] is such bytes. [Value.Each] goes over the elements of a map, which
// are parts of the same bytes: nothing is copied and nothing below an element
// is looked at more closely than its length. With maps of many thousand
// elements that is a tenth of what decoding costs, and what is handed on as it
// came needs no encoding either.
//
// [Pack] makes of some attributes of an object strings that hold what was
// encoded there, so that who reads the object next takes them for any other
// string; [Unpack] is its inverse. [FromJSON] encodes what is JSON, as values
// are in a state file.
package packed
