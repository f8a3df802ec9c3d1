// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

// A Value is the value that a site gives to a parameter: its text, as DC/OS's
// generator holds it after reading config.yaml, or nothing yet.
type Value struct {
	Text    string
	Unknown bool // not known before apply; Text is empty
}

// A Site is everything a user says about a cluster.
type Site struct {
	// Given holds the given parameters by their DC/OS names.
	Given map[string]Value
	// Files holds the files that the generator reads beside config.yaml, by
	// path ("genconf/ip-detect", "genconf/check_bins/NAME").
	Files map[string]File
}

// A File is a file that lies beside config.yaml.
type File struct {
	Content []byte
	Unknown bool // not known before apply
}

// Facts is what resolving needs to know about a release.
type Facts struct {
	Version     string
	Commit      string
	BootstrapID string
	Variant     string   // empty for the open variant
	Packages    []string // ids of complete.latest.json, in its order
	// Extra is the text of gen_extra/calc.py of a rebuilt release, if it has one.
	Extra []byte
}

// A Problem is something wrong with one parameter.
type Problem struct {
	Parameter string // a parameter that can be set, by its DC/OS name
	Message   string // lower-case, says what was given, what is allowed, on which line
	Missing   bool   // nothing is wrong with what is there: something lacks
}

// A Resolution is the outcome of resolving a site.
type Resolution struct {
	Version, Line string
	// Arguments holds every parameter that was reached and is known.
	Arguments map[string]string
	// UserArguments holds the given parameters, reached or not, that are known.
	UserArguments map[string]string
	// Secret names the parameters whose values are kept out of what is readable.
	Secret map[string]bool
	// Errors are the complaints, sorted by parameter.
	Errors []Problem
	// Unset names the parameters that must be given and are not, sorted.
	Unset []string
	// Warnings are faults that DC/OS does not see, and parameters without effect, sorted.
	Warnings []Problem
	// Unknown names the arguments that wait for a value, sorted. While there
	// is one, the site cannot be rendered.
	Unknown []string
}

// A ValidationError says that a site was refused.
type ValidationError struct {
	Line   string
	Errors []Problem
	Unset  []string
}
