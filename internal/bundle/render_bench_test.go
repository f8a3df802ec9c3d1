// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/conformance"
)

func benchmarkSite() config.Site {
	given := map[string]config.Value{}
	for name, text := range map[string]string{
		"cluster_name": "bench", "bootstrap_url": "http://10.20.0.5:8080", "master_discovery": "static",
		"exhibitor_storage_backend": "static", "master_list": `["10.20.0.11", "10.20.0.12", "10.20.0.13"]`,
	} {
		given[name] = config.Value{Text: text}
	}
	return config.Site{Given: given, Files: map[string]config.File{
		"genconf/ip-detect": {Content: []byte("#!/bin/sh\nset -e\nip route get 8.8.8.8 | sed -n 's/.*src \\([^ ]*\\).*/\\1/p'\n")},
	}}
}

func benchmarkRelease(b *testing.B) (map[string][]string, config.Facts) {
	b.Helper()
	rel := conformance.Shared(b).Release(b, "2.2.1")
	texts := make(map[string][]string)
	for name, text := range rel.Templates {
		texts[name] = []string{text}
	}
	return texts, config.Facts{Version: "2.2.1", Commit: rel.Commit, BootstrapID: rel.BootstrapID, Packages: rel.Packages}
}

func benchmarkOne(b *testing.B, set *templateSet, facts config.Facts) {
	b.Helper()
	site := benchmarkSite()
	res, err := config.Resolve(site, facts, set.target)
	if err != nil {
		b.Fatal(err)
	}
	if err := res.Err(); err != nil {
		b.Fatal(err)
	}
	if _, err := renderConfig(set, res, site); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkRenderFirst parses the templates of a real 2.2 release, resolves
// and renders a site, and derives its ids.
func BenchmarkRenderFirst(b *testing.B) {
	texts, facts := benchmarkRelease(b)
	for b.Loop() {
		set, err := parseTemplates(texts)
		if err != nil {
			b.Fatal(err)
		}
		benchmarkOne(b, set, facts)
	}
}

// BenchmarkRenderSecond does the same for another site of the same release.
func BenchmarkRenderSecond(b *testing.B) {
	texts, facts := benchmarkRelease(b)
	set, err := parseTemplates(texts)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		benchmarkOne(b, set, facts)
	}
}

// BenchmarkResolve only works out the arguments.
func BenchmarkResolve(b *testing.B) {
	texts, facts := benchmarkRelease(b)
	set, err := parseTemplates(texts)
	if err != nil {
		b.Fatal(err)
	}
	site := benchmarkSite()
	for b.Loop() {
		if _, err := config.Resolve(site, facts, set.target); err != nil {
			b.Fatal(err)
		}
	}
}
