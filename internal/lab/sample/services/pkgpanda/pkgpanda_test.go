// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package pkgpanda_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/pkgpanda"
)

// A root is an install root in a temporary directory, with a repository
// behind a file: URL.
type root struct {
	t   *testing.T
	dir string
}

func newRoot(t *testing.T) *root {
	t.Helper()
	return &root{t, t.TempDir()}
}

func (r *root) path(name string) string { return filepath.Join(r.dir, name) }

func (r *root) write(name, text string) {
	r.t.Helper()
	if err := os.MkdirAll(filepath.Dir(r.path(name)), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(r.path(name), []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r *root) read(name string) string {
	r.t.Helper()
	text, err := os.ReadFile(r.path(name))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(text)
}

func (r *root) missing(names ...string) {
	r.t.Helper()
	for _, name := range names {
		if _, err := os.Lstat(r.path(name)); err == nil {
			r.t.Errorf("%s is there", name)
		}
	}
}

// publish puts a package into the served repository.
func (r *root) publish(id string, files map[string]string) {
	r.t.Helper()
	name, _, _ := strings.Cut(id, "--")
	r.write("serve/packages/"+name+"/"+id+".tar.xz", string(tarball(r.t, files)))
}

func tarball(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, text := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (r *root) try(args ...string) (string, error) {
	var out, stderr bytes.Buffer
	args = append(args, "--root="+r.path("opt"), "--repository="+r.path("opt/packages"), "--config-dir="+r.path("etc"),
		"--state-dir-root="+r.path("state"), "--rooted-systemd", "--no-systemd")
	if code := pkgpanda.Main(r.t.Context(), args, &out, &stderr); code != 0 {
		return out.String(), errors.New(stderr.String())
	}
	return out.String(), nil
}

func (r *root) run(args ...string) string {
	r.t.Helper()
	out, err := r.try(args...)
	if err != nil {
		r.t.Fatalf("pkgpanda %s: %v", strings.Join(args, " "), err)
	}
	return out
}

func (r *root) fetch(ids ...string) {
	r.t.Helper()
	r.run(append([]string{"fetch", "--repository-url=file://" + r.path("serve")}, ids...)...)
}

var mesosFiles = map[string]string{
	"pkginfo.json": `{"environment": {"A": "1"}, "state_directory": true, "sysctl": {"dcos-m": {"net.x": 1}}, "requires": ` +
		`["lib", {"name": "lib", "variant": "v"}, {"name": "lib", "variant": null}]}`,
	"buildinfo.full.json": `{"name": "mesos"}`,
	"bin/m":               "program",
	"etc/d/common":        "for all",
	"etc_master/d/role":   "for masters",
	"etc_slave/d/role":    "for agents",
	"dcos.target.wants_master/dcos-m.service": "[Service]\n",
}

func TestActivate(t *testing.T) {
	t.Parallel()
	r := newRoot(t)
	r.publish("mesos--1", mesosFiles)
	r.publish("lib--1", map[string]string{"pkginfo.json": "{}", "etc/d/lib": "of lib"})
	r.write("etc/roles/master", "")
	r.fetch("mesos--1", "lib--1")
	r.run("activate", "mesos--1", "lib--1")

	for name, want := range map[string]string{
		"opt/bin/m": "program", "opt/etc/d/common": "for all", "opt/etc/d/role": "for masters", "opt/etc/d/lib": "of lib",
		"opt/active/mesos/bin/m":               "program",
		"opt/dcos-m.service":                   "[Service]\n",
		"opt/dcos.target.wants/dcos-m.service": "[Service]\n",
	} {
		if got := r.read(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if target, err := os.Readlink(r.path("opt/dcos.target.wants/dcos-m.service")); err != nil || target != r.path("opt/dcos-m.service") {
		t.Errorf("the unit's link points to %s (%v), want its copy beside the directory", target, err)
	}
	for name, want := range map[string]string{
		"opt/environment":                         "\nA=1\n",
		"opt/environment.export":                  "\nexport A=1\n",
		"opt/active.buildinfo.full.json":          `"lib": null`,
		"opt/etc/dcos-service-configuration.json": `"net.x": 1`,
	} {
		if got := r.read(name); !strings.Contains(got, want) {
			t.Errorf("%s lacks %q:\n%s", name, want, got)
		}
	}
	if !strings.HasPrefix(strings.SplitN(r.read("opt/environment"), "\n", 4)[2], "PATH="+r.path("opt/bin")+":") {
		t.Errorf("PATH does not start with the install root's bin:\n%s", r.read("opt/environment"))
	}
	if _, err := os.Stat(r.path("state/mesos")); err != nil {
		t.Error(err)
	}
	if got := r.run("active"); got != "lib--1\nmesos--1\n" {
		t.Errorf("active prints %q", got)
	}
	r.missing("opt/install_progress", "opt/bin.new", "opt/active.new")
}

func TestSwapRemoveUninstall(t *testing.T) {
	t.Parallel()
	r := newRoot(t)
	for _, v := range []string{"1", "2"} {
		r.publish("a--"+v, map[string]string{"pkginfo.json": "{}", "bin/a": v, "dcos.target.wants/dcos-a" + v + ".service": v})
	}
	r.fetch("a--1", "a--2", "a--2")
	if got := r.run("list"); got != "a:\n  1\n  2\n" {
		t.Errorf("list prints %q", got)
	}
	r.run("activate", "a--1")
	r.run("swap", "a--2")
	if got := r.read("opt/bin/a"); got != "2" {
		t.Errorf("bin/a = %q after the swap", got)
	}
	if got := r.read("opt/bin.old/a"); got != "1" {
		t.Errorf("bin.old/a = %q after the swap", got)
	}
	r.missing("opt/dcos-a1.service")
	if _, err := r.try("swap", "b--1"); err == nil || !strings.Contains(err.Error(), "no package called b") {
		t.Errorf("swap of a name that is not active: %v", err)
	}
	if _, err := r.try("remove", "a--2"); err == nil || !strings.Contains(err.Error(), "active") {
		t.Errorf("remove of an active package: %v", err)
	}
	r.run("remove", "a--1")
	r.write("opt/dcos.target", "")
	r.run("uninstall")
	r.missing("opt")
}

func TestSetup(t *testing.T) {
	t.Parallel()
	r := newRoot(t)
	r.publish("base--1", map[string]string{"pkginfo.json": "{}", "bin/base": "b"})
	r.publish("more--1", map[string]string{"pkginfo.json": "{}", "bin/more": "m"})
	r.fetch("base--1")
	r.run("activate", "base--1")
	r.write("opt/bootstrap", "")
	r.write("etc/setup-flags/repository-url", "file://"+r.path("serve")+"\n\n")
	r.write("etc/setup-flags/cluster-package-list", "LIST\n\n")
	r.write("serve/package_lists/LIST.package_list.json", `["more--1", "base--1"]`)
	r.run("setup")
	if got := r.run("active"); got != "base--1\nmore--1\n" {
		t.Errorf("active prints %q", got)
	}
	r.missing("opt/bootstrap")
	if got := r.read("opt/dcos.target"); !strings.Contains(got, "WantedBy=multi-user.target") {
		t.Errorf("dcos.target: %q", got)
	}
	r.run("setup") // nothing to do any more
}

// install is one whose services are stopped and started by run.
func (r *root) install(run func(args ...string) error) *pkgpanda.Install {
	return &pkgpanda.Install{
		Root: r.path("opt"), ConfigDir: r.path("etc"), Wants: r.path("opt/dcos.target.wants"), Out: r.t.Output(),
		Systemd: pkgpanda.Systemd{Block: true, Run: func(_ context.Context, args ...string) error { return run(args...) }},
	}
}

// load gives packages of the repository.
func (r *root) load(ids ...string) []*pkgpanda.Package {
	r.t.Helper()
	packages, err := pkgpanda.Repository{Path: r.path("opt/packages")}.LoadAll(ids)
	if err != nil {
		r.t.Fatal(err)
	}
	return packages
}

// What an activation does that ends at each of its steps, and setup after it.
func TestResume(t *testing.T) {
	t.Parallel()
	files := func(v string) map[string]string {
		return map[string]string{"pkginfo.json": "{}", "bin/a": v, "etc/a": v, "dcos.target.wants/dcos-a.service": v,
			"dcos.target.wants/dcos-" + v + ".timer": v}
	}
	ended := errors.New("ended")
	var steps []string
	for n := 1; ; n++ {
		r := newRoot(t)
		for _, v := range []string{"1", "2"} {
			for name, text := range files(v) {
				r.write("opt/packages/a--"+v+"/"+name, text)
			}
		}
		r.run("activate", "a--1")
		var stopped []string
		in := r.install(func(args ...string) error { stopped = args; return nil })
		steps = nil
		in.Step = func(what string) error {
			if steps = append(steps, what); len(steps) == n {
				return ended
			}
			return nil
		}
		err := in.Activate(t.Context(), r.load("a--2"))
		if err == nil {
			break
		}
		if !errors.Is(err, ended) {
			t.Fatal(err)
		}
		_, noted := os.Lstat(r.path("opt/install_progress"))
		_, staged := os.Lstat(r.path("opt/bin.new"))
		_, setup := r.try("setup")
		bin, readErr := os.ReadFile(r.path("opt/bin/a"))
		at := steps[n-1]
		switch {
		case noted != nil: // nothing that was there has been touched
			if setup != nil || string(bin) != "1" || stopped != nil {
				t.Errorf("ended before %q: setup %v, bin/a %q, stopped %q", at, setup, bin, stopped)
			}
		case staged == nil: // all of the new set is where it was made
			if setup != nil || string(bin) != "2" || r.read("opt/dcos-2.timer") != "2" {
				t.Errorf("ended before %q: setup %v, bin/a %q", at, setup, bin)
			}
			r.missing("opt/install_progress", "opt/bin.new", "opt/dcos-1.timer", "opt/dcos-2.timer.unit.new")
		default: // for good
			if setup == nil || string(bin) != "2" || readErr != nil {
				t.Errorf("ended before %q: setup %v, bin/a %q, %v", at, setup, bin, readErr)
			}
		}
		if stopped != nil && !slices.Equal(stopped, []string{"stop", "dcos-1.timer", "dcos-a.service"}) {
			t.Errorf("systemctl %v", stopped)
		}
	}
	want := "make the new directories, write dcos-2.timer.unit.new, write dcos-a.service.unit.new, write dcos-service-configuration.json, " +
		"write environment.new, write environment.export.new, write active.buildinfo.full.json.new, " +
		"write install_progress.new: archive, rename install_progress.new to install_progress, stop the units, " +
		"remove dcos-1.timer, remove dcos-a.service, " +
		"rename bin to bin.old, rename etc to etc.old, rename include to include.old, rename lib to lib.old, " +
		"rename dcos.target.wants to dcos.target.wants.old, rename environment to environment.old, " +
		"rename environment.export to environment.export.old, rename active to active.old, " +
		"rename active.buildinfo.full.json to active.buildinfo.full.json.old, " +
		"write install_progress.new: move_new, rename install_progress.new to install_progress, " +
		"rename bin.new to bin, rename etc.new to etc, rename include.new to include, rename lib.new to lib, " +
		"rename dcos.target.wants.new to dcos.target.wants, rename environment.new to environment, " +
		"rename environment.export.new to environment.export, rename active.new to active, " +
		"rename active.buildinfo.full.json.new to active.buildinfo.full.json, " +
		"rename dcos-2.timer.unit.new to dcos-2.timer, rename dcos-a.service.unit.new to dcos-a.service, remove install_progress"
	if got := strings.Join(steps, ", "); got != want {
		t.Errorf("the steps are\n%s\nwant\n%s", got, want)
	}
}

// TestUnknowing holds what pkgpanda does not know of what it left.
func TestUnknowing(t *testing.T) {
	t.Parallel()
	r := newRoot(t)
	r.publish("a--1", map[string]string{"pkginfo.json": "{}", "dcos.target.wants/dcos-a.service": "1"})
	r.fetch("a--1")
	var calls [][]string
	in := r.install(func(args ...string) error { calls = append(calls, args); return nil })
	activate := func(want ...string) {
		t.Helper()
		calls = nil
		if err := in.Activate(t.Context(), r.load("a--1")); err != nil {
			t.Fatal(err)
		}
		if len(calls) > 1 || len(calls) != min(len(want), 1) || len(calls) == 1 && !slices.Equal(calls[0], want) {
			t.Errorf("systemctl %q, want %q", calls, want)
		}
	}
	activate() // there never was a wants directory
	activate("stop", "dcos-a.service")
	if err := os.Remove(r.path("opt/dcos-a.service")); err != nil {
		t.Fatal(err)
	}
	activate("stop") // which systemctl refuses
	if err := errors.Join(os.RemoveAll(r.path("opt/active.old")), os.Rename(r.path("opt/active"), r.path("opt/active.old"))); err != nil {
		t.Fatal(err)
	}
	if _, err := r.try("active"); err == nil {
		t.Error("it knows what is active while nothing says so")
	}
	if err := os.MkdirAll(r.path("opt/packages/b--1"), 0o755); err != nil {
		t.Fatal(err)
	}
	r.run("fetch", "--repository-url=file:///nowhere", "b--1") // it is there, though empty
	if _, err := r.try("activate", "b--1"); err == nil {
		t.Error("an empty package is activated")
	}
	for _, args := range [][]string{{"show"}, {"activate", "--recover", "a--1"}, {"list", "more"}, {"swap", "a--1", "a--2"}, {"activate"}} {
		if _, err := r.try(args...); err == nil || !strings.HasPrefix(err.Error(), "usage") {
			t.Errorf("pkgpanda %q: %v", args, err)
		}
	}
}

// Variables and settings are written as Python writes what JSON says.
func TestValues(t *testing.T) {
	t.Parallel()
	r := newRoot(t)
	r.publish("a--1", map[string]string{"dcos.target.wants/dcos-a.service": "", "unknown": "",
		"pkginfo.json": `{"environment": {"A": 1, "B": true, "C": null, "D": 1.0, "E": ["x", {"y": "it's"}], "F": "two words"}, "unknown": 1,
			"sysctl": {"dcos-a": {"x": 1}, "dcos-b": {"y": 1}}}`})
	r.fetch("a--1")
	r.run("activate", "a--1")
	want := "\nA=1\nB=True\nC=None\nD=1.0\nE=['x', {'y': 'it\\'s'}]\nF=two words\n"
	if got := r.read("opt/environment"); !strings.Contains(got, want) {
		t.Errorf("environment lacks %q:\n%s", want, got)
	}
	if got := r.read("opt/etc/dcos-service-configuration.json"); !strings.Contains(got, `"x": 1`) || strings.Contains(got, "dcos-b") {
		t.Errorf("the settings are %s", got)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		packages map[string]map[string]string
		want     string
	}{
		"one name twice":    {map[string]map[string]string{"a--1": {"pkginfo.json": "{}"}, "a--2": {"pkginfo.json": "{}"}}, "one name"},
		"requirement":       {map[string]map[string]string{"a--1": {"pkginfo.json": `{"requires": ["b"]}`}}, "requires b"},
		"reserved variable": {map[string]map[string]string{"a--1": {"pkginfo.json": `{"environment": {"PATH": "/"}}`}}, "PATH"},
		"same variable": {map[string]map[string]string{"a--1": {"pkginfo.json": `{"environment": {"X": "1"}}`},
			"b--1": {"pkginfo.json": `{"environment": {"X": "1"}}`}}, "same variable X"},
		"sysctl": {map[string]map[string]string{"a--1": {"pkginfo.json": `{"sysctl": {"u": {"k": 1}}}`},
			"b--1": {"pkginfo.json": `{"sysctl": {"u": {"k": "1"}}}`}}, "sysctl k"},
		"sysctl of no service": {map[string]map[string]string{"a--1": {"pkginfo.json": `{"sysctl": {"u": {"k": 1}}}`}}, "no service"},
		"required id":          {map[string]map[string]string{"a--1": {"pkginfo.json": `{"requires": ["a--1"]}`}}, "not a name"},
		"required variant":     {map[string]map[string]string{"a--1": {"pkginfo.json": `{"requires": [{"name": "a"}]}`}}, "a variant"},
		"directory of units": {map[string]map[string]string{"a--1": {"pkginfo.json": "{}", "dcos.target.wants/d/x": ""}},
			"is a directory"},
		"same file": {map[string]map[string]string{"a--1": {"pkginfo.json": "{}", "bin/x": ""},
			"b--1": {"pkginfo.json": "{}", "bin/x": ""}}, "bin.new/x"},
		"group without user": {map[string]map[string]string{"a--1": {"pkginfo.json": `{"group": "g"}`}}, "no username"},
		"reserved unit": {map[string]map[string]string{"a--1": {"pkginfo.json": "{}", "dcos.target.wants/dcos-setup.service": ""}},
			"reserved"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoot(t)
			args := []string{"activate"}
			for id, files := range tt.packages {
				r.publish(id, files)
				r.fetch(id)
				args = append(args, id)
			}
			if _, err := r.try(args...); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("activate: %v, want an error about %q", err, tt.want)
			}
			r.missing("opt/active")
			if _, err := r.try(append(args, args[1])...); err == nil || !strings.Contains(err.Error(), "one name") &&
				!strings.Contains(err.Error(), "pkginfo.json") && tt.want != "no username" {
				t.Errorf("one id twice: %v", err)
			}
		})
	}
}

func TestFetch(t *testing.T) {
	t.Parallel()
	r := newRoot(t)
	body := tarball(t, map[string]string{"pkginfo.json": "{}"})
	var asked []string
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		asked = append(asked, req.URL.Path)
		switch {
		case req.URL.Path != "/dcos/packages/a/a--1.tar.xz":
			http.NotFound(w, req)
		case len(asked) == 1:
			http.Error(w, "try again", http.StatusBadGateway)
		case len(asked) == 2:
			w.Header().Set("Content-Length", "1000000")
			_, _ = w.Write(body) // shorter than promised
		default:
			_, _ = w.Write(body)
		}
	}))
	defer served.Close()
	r.write("opt/packages/a--1_tmp/half", "left by an interrupted fetch")
	r.run("fetch", "--repository-url="+served.URL+"/dcos/", "a--1")
	if len(asked) != 3 {
		t.Errorf("it took %d requests, want 3", len(asked))
	}
	r.missing("opt/packages/a--1/half", "opt/packages/a--1_tmp")
	r.run("fetch", "--repository-url=http://127.0.0.1:1", "a--1") // it is there
	if _, err := r.try("fetch", "--repository-url="+served.URL, "a--2"); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("fetch of what is not there: %v", err)
	}
	if _, err := r.try("fetch", "--repository-url="+served.URL, "a-2"); err == nil {
		t.Error("fetch takes an id that is none")
	}
}

func TestCheckAndOptions(t *testing.T) {
	t.Parallel()
	r := newRoot(t)
	r.publish("a--1", map[string]string{"pkginfo.json": "{}", "check/good": "#!/bin/sh\nexit 0\n"})
	r.publish("b--1", map[string]string{"pkginfo.json": "{}", "check/bad": "#!/bin/sh\nexit 1\n"})
	r.fetch("a--1", "b--1")
	// The upgrade script of older lines shortens the option's name.
	r.run("activate", "--no-block", "a--1", "b--1")
	if got := r.run("check", "--list"); got != "a--1\n - good\nb--1\n - bad\n" {
		t.Errorf("check --list prints %q", got)
	}
	if _, err := r.try("check"); err == nil || !strings.Contains(err.Error(), "checks failed: bad") {
		t.Errorf("check: %v", err)
	}
	if _, err := r.try("list", "--nonsense"); err == nil {
		t.Error("an unknown option is taken")
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("mesos--0123abc")
	f.Add("a--b--c")
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := pkgpanda.ParseID(s); err == nil && id.String() != s {
			t.Errorf("%q reads as %q", s, id)
		}
	})
}
