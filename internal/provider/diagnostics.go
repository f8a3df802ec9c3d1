// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
	"github.com/dcos-install/terraform-provider-dcos/internal/release"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// Every message that a user sees is worded here or in diagnostics_host.go: a
// title-case summary, then what happened and where, then what to do.

// internalFault words what should not happen whatever the user does.
func internalFault(doing string, err error) diag.Diagnostic {
	return diag.NewErrorDiagnostic("Fault In The Provider",
		fmt.Sprintf("This is a fault of the provider, not of the configuration; please report it. While %s: %s.", doing, err))
}

// notConfigured words work that needs the provider block where there is none.
func notConfigured() diag.Diagnostic {
	return diag.NewErrorDiagnostic("Provider Not Configured",
		"The provider has to be configured before it can reach a host. This is a fault of the provider or of what calls it; please report it.")
}

// configurationError words what is wrong with the provider block.
func configurationError(err error) diag.Diagnostic {
	var bad *remote.ConfigError
	if !errors.As(err, &bad) {
		return diag.NewErrorDiagnostic("Invalid Provider Configuration", sentence(err.Error()))
	}
	detail := sentence(fmt.Sprintf("%s cannot be used: %s", bad.Field, bad.Err)) + "\n\n" + bad.Hint()
	return diag.NewAttributeErrorDiagnostic(fieldPath(bad.Field), "Invalid SSH Configuration", detail)
}

// badEnvironment words a variable that cannot be read.
func badEnvironment(at tfpath.Path, variable, want string) diag.Diagnostic {
	return diag.NewAttributeErrorDiagnostic(at, "Invalid Environment Variable",
		fmt.Sprintf("The environment variable %s must be %s.", variable, want))
}

// unknownConfiguration words work that waits for a value of the provider block.
func unknownConfiguration(attribute string) diag.Diagnostic {
	return diag.NewAttributeErrorDiagnostic(fieldPath(attribute), "Provider Configuration Not Known",
		fmt.Sprintf("The provider's %s is not known yet, and a host has to be reached now. It probably comes from a resource that does not "+
			"exist yet: "+
			"apply that one first (terraform apply -target=...), or take the value from a variable.", attribute))
}

// unsafeCache words a cache directory that others can write to.
func unsafeCache(dir string, err error) diag.Diagnostic {
	return diag.NewAttributeErrorDiagnostic(tfpath.Root("cache_directory"), "Cache Directory Not Safe",
		fmt.Sprintf("What is kept in %s is used again, so nobody else may be able to write there: %s\n\nTake the right from others "+
			"(chmod go-w), or give another place, of your own, as cache_directory or in the environment variable DCOS_CACHE_DIRECTORY. "+
			"If somebody else may have written there, remove it first: what is in it can be made again.", dir, sentence(err.Error())))
}

// releaseError words a release that cannot be used. under is the object with
// its source and sha256, empty for the top.
func releaseError(under tfpath.Path, err error) diag.Diagnostic {
	at := partOf(under, "source")
	var bad *release.Error
	if !errors.As(err, &bad) {
		return diag.NewAttributeErrorDiagnostic(at, "Release Not Usable", sentence(err.Error()))
	}
	hints := map[release.Reason]string{
		release.NotFound: "Check the path; a relative one starts at the directory in which Terraform runs.",
		release.NotARelease: "Give the dcos_generate_config.sh of a DC/OS release, the image in it as docker save or skopeo " +
			"write it, or a directory " +
			"with the unpacked root file system of the image.",
		release.CutShort:     "The file is incomplete, probably from an interrupted download. Fetch it again.",
		release.Altered:      "Fetch the release again, or correct sha256.",
		release.Enterprise:   "Only the open edition can be rendered: the Enterprise edition's generator has calculations of its own inside.",
		release.NotAvailable: "Check the address and the way to it from this machine. A download that broke off continues where it ended.",
	}
	if bad.Reason == release.Altered {
		at = partOf(under, "sha256")
	}
	detail := sentence(bad.Error())
	if hint := hints[bad.Reason]; hint != "" {
		detail += "\n\n" + hint
	}
	return diag.NewAttributeErrorDiagnostic(at, "Release Not Usable", detail)
}

// partOf is an attribute of an object, of the top if that is empty.
func partOf(under tfpath.Path, name string) tfpath.Path {
	if under.Equal(tfpath.Empty()) {
		return tfpath.Root(name)
	}
	return under.AtName(name)
}

// releaseWarning words a release that nobody vouches for: it comes over a network
// without TLS, and no sum of it is given.
func releaseWarning(under tfpath.Path, source, sum types.String) diag.Diagnostics {
	if !sum.IsNull() || !strings.HasPrefix(strings.ToLower(source.ValueString()), "http://") {
		return nil
	}
	return diag.Diagnostics{diag.NewAttributeWarningDiagnostic(partOf(under, "source"), "Release Not Verified",
		"The release comes over http:// and no sha256 is given, so anybody on the way can put another one in its place, and what is in it "+
			"runs as root on every node.\n\nGive sha256, or an https:// address.")}
}

// renderError words a site that passed its rules and still cannot be rendered.
func renderError(err error) diag.Diagnostic {
	return diag.NewErrorDiagnostic("Configuration Not Rendered",
		sentence("the release's templates could not be rendered with these parameters: "+err.Error()))
}

// parameterError words a broken rule.
func parameterError(at tfpath.Path, p config.Problem, fromSecrets bool) diag.Diagnostic {
	detail := sentence(p.Message)
	if fromSecrets {
		detail += " The value comes from the provider's secrets."
	}
	summary := "Invalid Parameter Value"
	if p.Missing {
		summary = "Missing Parameter"
	}
	return withParameter(at, summary, p.Parameter, detail)
}

// parameterMissing words a parameter that must be given.
func parameterMissing(at tfpath.Path, name, line string) diag.Diagnostic {
	detail := fmt.Sprintf("%s must be given on DC/OS %s with these parameters.", name, line)
	if p, ok := config.Lookup(name); ok && p.Description != "" {
		detail += " " + p.Description
	}
	return withParameter(at, "Missing Parameter", name, detail)
}

// parameterWarnings words what DC/OS does not see, in one: of warnings with one
// summary clients show the first alone.
func parameterWarnings(at func(parameter string) tfpath.Path, problems []config.Problem) diag.Diagnostics {
	const summary = "Doubtful Parameter"
	switch len(problems) {
	case 0:
		return nil
	case 1:
		return diag.Diagnostics{diag.NewAttributeWarningDiagnostic(at(problems[0].Parameter), summary, sentence(problems[0].Message))}
	}
	text := fmt.Sprintf("There are %d:\n", len(problems))
	attributes := map[string]bool{}
	for _, p := range problems {
		text += "\n- " + sentence(p.Message)
		attributes[attributeOf(at(p.Parameter))] = true
	}
	if name := attributeOf(at(problems[0].Parameter)); name != "" && len(attributes) == 1 {
		return diag.Diagnostics{diag.NewAttributeWarningDiagnostic(tfpath.Root(name), summary, text)}
	}
	return diag.Diagnostics{diag.NewWarningDiagnostic(summary, text)}
}

// attributeOf gives the attribute that a path begins with, "" for an empty one.
func attributeOf(at tfpath.Path) string {
	if first, _ := at.Steps().NextStep(); first != nil {
		return first.String()
	}
	return ""
}

// withParameter makes an error at an attribute; one for which there is no
// attribute is named.
func withParameter(at tfpath.Path, summary, name, detail string) diag.Diagnostic {
	if at.Equal(tfpath.Empty()) {
		return diag.NewErrorDiagnostic(summary, "Parameter "+name+": "+detail)
	}
	first := strings.IndexFunc(detail, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if first < 0 || detail[:first] != name {
		// Terraform shows no path, and no line either if the attribute is not written.
		detail = name + ": " + detail
	}
	return diag.NewAttributeErrorDiagnostic(at, summary, detail)
}

// sentence makes a sentence of an error's text.
func sentence(text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return text
	}
	if !strings.ContainsAny(text[len(text)-1:], ".!?") {
		text += "."
	}
	return text
}

// capital begins a text with a capital, if it begins with a plain word: names
// of units, files, hosts and checks stay as they are.
func capital(text string) string {
	word, _, more := strings.Cut(text, " ")
	if !more || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz") != "" || word == "" {
		return text
	}
	return strings.ToUpper(word[:1]) + text[1:]
}

// fieldPath turns a name such as ssh.jump_hosts[1].private_key into a path.
func fieldPath(field string) tfpath.Path {
	at := tfpath.Empty()
	for i, part := range strings.Split(field, ".") {
		name, index, indexed := strings.Cut(part, "[")
		if i == 0 {
			at = tfpath.Root(name)
		} else {
			at = at.AtName(name)
		}
		var n int
		if _, err := fmt.Sscanf(index, "%d", &n); indexed && err == nil {
			at = at.AtListIndex(n)
		}
	}
	return at
}
