// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"slices"
	"strings"
)

var lines = []string{"1.10", "1.11", "1.12", "1.13", "2.0", "2.1", "2.2"}

// Lines gives the lines that are known, oldest first.
func Lines() []string { return slices.Clone(lines) }

// LineOf gives the line of a version: "2.2" for "2.2.1", "" for one that is
// not known.
func LineOf(version string) string {
	for _, line := range lines {
		if rest, ok := strings.CutPrefix(version, line); ok && (rest == "" || rest[0] < '0' || rest[0] > '9') {
			return line
		}
	}
	return ""
}

// A span is a run of lines. An empty end is open.
type span struct{ since, until string }

var everywhere = span{}

func since(line string) span { return span{since: line} }

func until(line string) span { return span{until: line} }

func only(line string) span { return span{line, line} }

func (s span) has(line string) bool {
	at := slices.Index(lines, line)
	return at >= 0 && (s.since == "" || at >= slices.Index(lines, s.since)) &&
		(s.until == "" || at <= slices.Index(lines, s.until))
}

func (s span) lines() []string {
	return slices.DeleteFunc(Lines(), func(line string) bool { return !s.has(line) })
}

// A perLine is a value that changed with a line: each entry holds from its
// line on, the first one from the oldest line on.
type perLine[T any] []lineValue[T]

type lineValue[T any] struct {
	since string
	value T
}

// same is a value that is the same on every line.
func same[T any](value T) perLine[T] { return perLine[T]{{"", value}} }

// then gives the value that holds from a line on.
func (p perLine[T]) then(line string, value T) perLine[T] {
	return append(slices.Clone(p), lineValue[T]{line, value})
}

func (p perLine[T]) on(line string) (value T) {
	for _, v := range p {
		if (span{since: v.since}).has(line) {
			value = v.value
		}
	}
	return value
}
