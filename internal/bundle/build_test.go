// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/conformance"
	"github.com/dcos-install/terraform-provider-dcos/internal/release"
)

// recordedRelease lays out the release that the generator's answers were
// recorded with; its packages are made up.
func recordedRelease(t testing.TB, tag string) string {
	t.Helper()
	dir := t.TempDir()
	conformance.Own(t).Release(t, tag).Lay(t, dir, nil)
	return dir
}

// recordedRecipe gives the recipe of a recorded site.
func recordedRecipe(t testing.TB, dir, tag, name string) Recipe {
	t.Helper()
	recorded, c := recordedCase(t, name)
	given, err := config.FromYAML(config.LineOf(tag), recorded.Config(t, c))
	must(t, err)
	files, _ := recorded.Files(t, c)
	r := Recipe{Release: ReleaseRef{Source: dir}, Given: map[string]string{}, Files: files}
	for name, value := range given {
		r.Given[name] = value.Text
	}
	return r
}

// recordedCase finds a recorded site.
func recordedCase(t testing.TB, name string) (*conformance.Set, conformance.Case) {
	t.Helper()
	recorded := conformance.Own(t)
	c := recorded.Case(t, name)
	return recorded, c
}

func recordedBundle(t testing.TB, dir, tag, name string) *Bundle {
	t.Helper()
	rel, err := release.Open(t.Context(), dir, release.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, rel.Close()) })
	b, err := Build(t.Context(), rel, recordedRecipe(t, dir, tag, name).Site(nil))
	must(t, err)
	return b
}

// From the release to the serve directory, everything is as the generator
// leaves it: names, and where its bytes are the same each time, bytes. Modes
// are saner: upstream's directories are open to all for writing.
func TestServeLikeUpstream(t *testing.T) {
	t.Parallel()
	recorded := conformance.Own(t)
	for _, tag := range recorded.Tags {
		for _, name := range []string{"plain", "check-programs"} {
			t.Run(tag+" "+name, func(t *testing.T) {
				t.Parallel()
				for _, difference := range serveRecorded(t, tag, name).otherwise(recorded.Outcome(t, tag, name)) {
					t.Error(difference)
				}
			})
		}
	}
}

// A serveAnswer is what we make of a site's serve directory.
type serveAnswer struct {
	bundle *Bundle
	files  map[string]string // mode and content by path
}

func serveRecorded(t *testing.T, tag, name string) serveAnswer {
	t.Helper()
	b := recordedBundle(t, recordedRelease(t, tag), tag, name)
	names, files := serveDirectory(t, b)
	for _, name := range names {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			files[dir+"/"] = ""
		}
	}
	return serveAnswer{b, files}
}

// otherwise gives in words what is not as recorded.
func (a serveAnswer) otherwise(want conformance.Outcome) (differ []string) {
	swap := strings.NewReplacer()
	if a.bundle.Line == "1.10" {
		swap = strings.NewReplacer(a.bundle.ConfigID, want.ConfigID, a.bundle.PackageListID, want.PackageListID)
	}
	got := make(map[string]string)
	for name, content := range a.files {
		got[swap.Replace(name)] = swap.Replace(content)
	}
	names := make(map[string]bool)
	for _, f := range want.ServeDir {
		names[f.Path] = true
		text, ok := got[f.Path]
		switch {
		case !ok:
			differ = append(differ, f.Path+" is missing")
		case f.SHA256 != "" && (f.SHA256 != conformance.Sum(text) || f.Size != len(text)):
			differ = append(differ, fmt.Sprintf("%s has %d bytes, want %d:\n%.300s", f.Path, len(text), f.Size, text))
		}
	}
	for name := range got {
		if !names[name] {
			differ = append(differ, name+" should not be there")
		}
	}
	return differ
}

// What a bundle says of itself is what was recorded.
func TestBuild(t *testing.T) {
	t.Parallel()
	const tag, name = "2.2.1", "plain"
	dir := recordedRelease(t, tag)
	want := conformance.Own(t).Outcome(t, tag, name)
	b := recordedBundle(t, dir, tag, name)
	if b.Version != tag || b.Line != "2.2" || b.ClusterName != "own" || b.ConfigID != want.ConfigID ||
		b.PackageListID != want.PackageListID ||
		b.BootstrapID != want.Arguments["bootstrap_id"] {
		t.Errorf("got %s %s %s %s %s %s", b.Version, b.Line, b.ClusterName, b.ConfigID, b.PackageListID, b.BootstrapID)
	}
	files := b.Files()
	if wanted := want.FileSums(); !maps.Equal(files, wanted) {
		t.Errorf("the files are %v, want %v", files, wanted)
	}
	if files["/etc/systemd/system/own-first.service"] == "" || files["/etc/systemd/system/own-started.service"] != "" {
		t.Error("units are not right")
	}

	// The same again, also through the script form, has the same id; any
	// change of what is rendered has another.
	if again := recordedBundle(t, recordedRelease(t, tag), tag, name); again.ID != b.ID {
		t.Errorf("the same site has the ids %s and %s", b.ID, again.ID)
	}
	cache := NewCache(t.TempDir())
	t.Cleanup(func() { must(t, cache.Close()) })
	ids := map[string]string{b.ID: "the first"}
	for _, change := range []map[string]string{{"cluster_name": "another"}, {"not_known": "x"}, {"check_time": "false"},
		{"bootstrap_url": "http://10.0.0.1"}} {
		r := recordedRecipe(t, dir, tag, name)
		maps.Copy(r.Given, change)
		text, err := r.Encode()
		must(t, err)
		other, err := cache.Bundle(t.Context(), text, nil)
		must(t, err)
		if same, ok := ids[other.ID]; ok {
			t.Errorf("%v has the id of %s", change, same)
		}
		ids[other.ID] = fmt.Sprint(change)
	}
}

// A rebuilt release brings templates and data of its own.
func TestRebuiltRelease(t *testing.T) {
	t.Parallel()
	const name = "extra-of-all-kinds"
	for _, tag := range []string{"2.2.1", "1.11.13"} {
		recorded, c := recordedCase(t, name)
		_, extra := recorded.Files(t, c)
		dir := t.TempDir()
		recorded.Release(t, tag).Lay(t, dir, extra)
		rel, err := release.Open(t.Context(), dir, release.Options{})
		must(t, err)
		t.Cleanup(func() { must(t, rel.Close()) })
		site := recordedRecipe(t, dir, tag, "plain").Site(nil)
		site.Given, err = config.FromYAML(config.LineOf(tag), recorded.Config(t, c))
		must(t, err)
		b, err := Build(t.Context(), rel, site)
		must(t, err)
		if want := recorded.Outcome(t, tag, name); b.ConfigID != want.ConfigID || b.Arguments["dcos_variant"] != "own" {
			t.Errorf("%s: config id %s, want %s", tag, b.ConfigID, want.ConfigID)
		}
		if b.Files()["dcos-config/etc/extra"] == "" {
			t.Errorf("%s: the file of gen_extra's template is not there", tag)
		}
	}
}

func TestBuildRefuses(t *testing.T) {
	t.Parallel()
	dir := recordedRelease(t, "2.2.1")
	rel, err := release.Open(t.Context(), dir, release.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, rel.Close()) })
	site := recordedRecipe(t, dir, "2.2.1", "plain").Site(nil)
	site.Given["master_discovery"] = config.Value{Text: "vrrp"}
	var invalid *config.ValidationError
	if _, err := Build(t.Context(), rel, site); !errors.As(err, &invalid) {
		t.Errorf("got %v", err)
	}
	site = recordedRecipe(t, dir, "2.2.1", "plain").Site(nil)
	site.Given["cluster_name"] = config.Value{Unknown: true}
	var unknown *UnknownError
	if _, err := Build(t.Context(), rel, site); !errors.As(err, &unknown) || !strings.Contains(err.Error(), "cluster_name") {
		t.Errorf("got %v", err)
	}
	var re *release.Error
	if _, err := Build(t.Context(), testRelease(t, "1.9.2", nil), site); !errors.As(err, &re) || re.Reason != release.UnknownLine ||
		!strings.Contains(err.Error(), "2.2") {
		t.Errorf("got %v", err)
	}
}

// A value that breaks the files it is put into is blamed, also where it is one
// of several, and where it gets there by way of another argument.
func TestBlame(t *testing.T) {
	t.Parallel()
	dir := recordedRelease(t, "2.2.1")
	rel, err := release.Open(t.Context(), dir, release.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, rel.Close()) })
	for _, given := range []map[string]string{
		{"cluster_name": "one\ntwo"},
		{"ip_detect_contents": "true"},
		{"resolvers": "[\n\"10.20.0.2\"\n]"},
		{"resolvers": "[\n\"10.20.0.2\"\n]", "master_list": "[\n\"10.20.0.11\"]"},
		{"cluster_name": "one\ntwo", "dns_bind_ip_reserved": "[]", "ip_detect_contents": "{a: b}\n- c", "resolvers": "[\n]"},
		{"ip6_detect_contents": "word\n...\n", "cluster_name": "one\ntwo"},
	} {
		site := recordedRecipe(t, dir, "2.2.1", "plain").Site(nil)
		var want []string
		for name, text := range given {
			site.Given[name] = config.Value{Text: text}
			if name != "dns_bind_ip_reserved" {
				want = append(want, name)
			}
		}
		slices.Sort(want)
		var invalid *config.ValidationError
		if _, err := Build(t.Context(), rel, site); !errors.As(err, &invalid) {
			t.Errorf("%v: got %v", given, err)
			continue
		}
		var got []string
		for _, p := range invalid.Errors {
			got = append(got, p.Parameter)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v: blamed are %v: %v", given, got, invalid)
		}
	}
}

// Content that Python takes for false makes an empty file.
func TestFalseContent(t *testing.T) {
	t.Parallel()
	dir := recordedRelease(t, "2.2.1")
	rel, err := release.Open(t.Context(), dir, release.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, rel.Close()) })
	for _, text := range []string{"0", "false", "0.0", "[]", "{}", "~"} {
		site := recordedRecipe(t, dir, "2.2.1", "plain").Site(nil)
		site.Given["ip6_detect_contents"] = config.Value{Text: text}
		b, err := Build(t.Context(), rel, site)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if sum := b.Files()["dcos-config/bin/ip6"]; sum != sumOfNothing {
			t.Errorf("%s: the file's sum is %q", text, sum)
		}
	}
}

// sumOfNothing is the SHA-256 of the empty text.
const sumOfNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// The config.yaml of every recorded site is read back to the same values.
func TestConfigYAML(t *testing.T) {
	t.Parallel()
	check := func(line string, given map[string]string) {
		text := (&Bundle{UserArguments: given}).ConfigYAML(nil)
		back, err := config.FromYAML(line, []byte(text))
		if err != nil {
			t.Errorf("%v:\n%s", err, text)
			return
		}
		for name, value := range given {
			if back[name].Text != value {
				t.Errorf("%s is %q, was %q:\n%s", name, back[name].Text, value, text)
			}
		}
		if len(back) != len(given) {
			t.Errorf("%d values became %d:\n%s", len(given), len(back), text)
		}
	}
	awkward := map[string]string{"true": "x", "a: b": "y", "": "z", "ümlaut": "ä"}
	for i, value := range []string{"", "yes", "no", "true", "false", "null", "~", "1", "017", "0x10", "1:30", "1.5", "-3", "1_000", "0", "-0",
		"2001-01-01", "[]", "{}",
		`["a", "b"]`, `["a","b"]`, `["1", "yes", "10.0.0.1:53"]`, `["\u00e9", "\ud83d\ude00"]`, `[1, 2]`, `{"a": [1]}`, "a\nb", "a\nb\n",
		"a\n\nb\n\n", "\na\nb", " a\nb", "a \nb",
		"#!/bin/sh\n\techo 1\n  echo 2\n", "a: b", "a:", "-", "- a", "é", "😀", "\x00\x1f\x7f\u0085\u2028", `"quoted" 'text' \n`,
		"http://10.20.0.5:8080", "file:///opt/x", "*", "&a", "!t", "|", "%x", "@x", "`x", "x #y", "a\r\nb", "=", "<<"} {
		awkward[fmt.Sprintf("p%d", i)] = value
	}
	for _, line := range config.Lines() {
		check(line, awkward)
	}
	recorded := conformance.Own(t)
	for _, c := range recorded.Cases {
		if want := recorded.Outcome(t, "2.2.1", c.Name); want.Outcome == "ok" {
			check("2.2", want.UserArguments)
		}
	}
	want := "bootstrap_url: http://10.0.0.1:8080\ncluster_name: \"a b\"\nip_detect_contents: |\n  #!/bin/sh\n  echo 1\nmaster_list:\n" +
		"- \"10.0.0.1\"\n- m2\nnum_masters: 3\noauth_enabled: true\n"
	got := (&Bundle{UserArguments: map[string]string{"bootstrap_url": "http://10.0.0.1:8080", "cluster_name": "a b", "num_masters": "3",
		"oauth_enabled": "true",
		"master_list":   `["10.0.0.1", "m2"]`, "ip_detect_contents": "#!/bin/sh\necho 1\n",
		"aws_secret_access_key": "hidden"}}).ConfigYAML(map[string]bool{"aws_secret_access_key": true})
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A process opens a release and builds a bundle once, however many ask.
func TestCache(t *testing.T) {
	t.Parallel()
	const tag = "2.2.1"
	dir := recordedRelease(t, tag)
	recipe := recordedRecipe(t, dir, tag, "plain")
	text, err := recipe.Encode()
	must(t, err)
	cache := NewCache(t.TempDir())
	bundles := make([]*Bundle, 16)
	var group sync.WaitGroup
	for i := range bundles {
		group.Go(func() {
			b, err := cache.Bundle(t.Context(), text, map[string]string{"exhibitor_admin_password": "s3cret"})
			if err != nil {
				t.Error(err)
			}
			bundles[i] = b
		})
	}
	group.Wait()
	for _, b := range bundles {
		if b == nil || b != bundles[0] {
			t.Fatal("the bundle was built more than once")
		}
	}
	if bundles[0].Arguments["exhibitor_admin_password"] != "s3cret" {
		t.Error("the secret is not in the bundle")
	}
	without, err := cache.Bundle(t.Context(), text, nil)
	must(t, err)
	if without == bundles[0] || without.ID == bundles[0].ID {
		t.Error("another secret is the same bundle")
	}
	rel, err := cache.Release(t.Context(), dir, "")
	must(t, err)
	if rel != bundles[0].rel {
		t.Error("the release was opened more than once")
	}

	// The number of bundles is bounded; one that was asked for lately stays.
	for i := range keptBundles {
		recipe.Given["cluster_name"] = fmt.Sprint("cluster", i)
		other, err := recipe.Encode()
		must(t, err)
		_, err = cache.Bundle(t.Context(), other, nil)
		must(t, err)
		if again, err := cache.Bundle(t.Context(), text, nil); err != nil || again != without {
			t.Fatalf("a bundle that is in use was forgotten: %v", err)
		}
	}
	if n := len(cache.bundles); n != keptBundles || cache.recent.Len() != n {
		t.Errorf("%d bundles are kept", n)
	}
	if again, err := cache.Bundle(t.Context(), text, map[string]string{"exhibitor_admin_password": "s3cret"}); err != nil ||
		again == bundles[0] || again.ID != bundles[0].ID {
		t.Errorf("the forgotten bundle was not built again: %v", err)
	}
	must(t, cache.Close())
	if _, err := cache.Bundle(t.Context(), text, nil); err == nil {
		t.Error("a closed cache opened a release")
	}
	if _, err := NewCache("").Bundle(t.Context(), "?", nil); err == nil {
		t.Error("no recipe gave a bundle")
	}
}

func BenchmarkBundle(b *testing.B) {
	const tag, name = "2.2.1", "plain"
	dir := recordedRelease(b, tag)
	site := recordedRecipe(b, dir, tag, name).Site(nil)
	rel, err := release.Open(b.Context(), dir, release.Options{})
	must(b, err)
	b.Cleanup(func() { must(b, rel.Close()) })
	b.Run("first site", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, err := Build(b.Context(), rel, site)
			must(b, err)
		}
	})
	g, err := NewGenerator(rel)
	must(b, err)
	b.Run("second site", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, err := g.Build(b.Context(), site)
			must(b, err)
		}
	})
	built, err := g.Build(b.Context(), site)
	must(b, err)
	b.Run("tarballs", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for _, p := range built.ConfigPackages {
				_, err := tarball(p)
				must(b, err)
			}
		}
	})
	b.Run("files", func(b *testing.B) {
		for b.Loop() {
			if len(slices.Collect(maps.Keys(built.Files()))) == 0 {
				b.Fatal("no files")
			}
		}
	})
}
