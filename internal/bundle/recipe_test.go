// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
)

func someRecipe() bundle.Recipe {
	return bundle.Recipe{
		Release: bundle.ReleaseRef{Source: "/srv/dcos_generate_config.sh", SHA256: strings.Repeat("ab", 32)},
		Given:   map[string]string{"cluster_name": "ächt <x>&\n", "num_masters": "3", "empty": ""},
		Files:   map[string]string{"genconf/ip-detect": "#!/bin/sh\necho 1\n", "genconf/check_bins/x": "\x7fELF\xff\x00\xfe"},
	}
}

func TestRecipe(t *testing.T) {
	t.Parallel()
	r := someRecipe()
	text, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if again, err := someRecipe().Encode(); err != nil || again != text {
			t.Fatalf("the same recipe gave\n%s\n%s\n%v", text, again, err)
		}
	}
	if strings.ContainsAny(text, " \n\"+/=") {
		t.Errorf("%q is not one plain word", text)
	}
	got, err := bundle.DecodeRecipe(text)
	if err != nil || got.Release != r.Release || !maps.Equal(got.Given, r.Given) || !maps.Equal(got.Files, r.Files) {
		t.Errorf("got %#v, %v", got, err)
	}
	site := got.Site(map[string]string{"num_masters": "5", "key": "secret"})
	if site.Given["num_masters"].Text != "5" || site.Given["key"].Text != "secret" || site.Given["empty"].Unknown {
		t.Errorf("got %v", site.Given)
	}
	if string(site.Files["genconf/check_bins/x"].Content) != r.Files["genconf/check_bins/x"] {
		t.Errorf("got %v", site.Files)
	}
	if got.Given["num_masters"] != "3" {
		t.Error("Site changed the recipe")
	}

	if _, err := (bundle.Recipe{Release: r.Release, Given: map[string]string{"a": "\xff"}}).Encode(); err == nil {
		t.Error("a value that is no text was encoded")
	}
}

// What does not say where the masters are found does not make another cluster.
func TestRecipeSiteID(t *testing.T) {
	t.Parallel()
	id := func(given ...string) string {
		r := bundle.Recipe{Given: map[string]string{"master_discovery": "static", "master_list": `["10.0.0.1"]`, "gc_delay": "2days"}}
		for i := 0; i < len(given); i += 2 {
			r.Given[given[i]] = given[i+1]
		}
		return r.SiteID()
	}
	if id() == "" || id() != id("gc_delay", "3days") || id() != id("cluster_name", "another") {
		t.Errorf("%q, %q, %q", id(), id("gc_delay", "3days"), id("cluster_name", "another"))
	}
	for _, other := range []string{id("master_list", `["10.0.0.2"]`), id("master_discovery", "master_http_loadbalancer"),
		id("exhibitor_address", "lb.example")} {
		if other == id() {
			t.Error("another site has the same id")
		}
	}
}

func TestRecipeRefused(t *testing.T) {
	t.Parallel()
	good, err := someRecipe().Encode()
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"":                  "not a recipe",
		"hello":             "not a recipe",
		"x.y":               "not a recipe",
		"2." + good[2:]:     "newer provider",
		good[:len(good)/2]:  "damaged",
		good[:len(good)-1]:  "damaged",
		"1.":                "damaged",
		"1.!!":              "damaged",
		"1." + good[:30]:    "damaged",
		"1.AQAAAP__" + good: "damaged",
	} {
		if r, err := bundle.DecodeRecipe(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: got %v, %v; want %q", text, r, err, want)
		}
	}
}

func FuzzDecodeRecipe(f *testing.F) {
	good, err := someRecipe().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("1.")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := bundle.DecodeRecipe(text)
		if err != nil {
			return
		}
		again, err := r.Encode()
		if err != nil {
			return
		}
		back, err := bundle.DecodeRecipe(again)
		if err != nil || back.Release != r.Release || !maps.Equal(back.Given, r.Given) || !maps.Equal(back.Files, r.Files) {
			t.Errorf("%#v became %#v, %v", r, back, err)
		}
	})
}
