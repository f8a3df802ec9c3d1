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
		`["lib", {"name": "lib", "variant": "v"}]}`,
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
	if got := r.run("list"); got != "a--1\na--2\n" {
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

// A swap that fails while it stops services, or that is cut off anywhere
// after, is finished by setup.
func TestResume(t *testing.T) {
	t.Parallel()
	r := newRoot(t)
	for _, v := range []string{"1", "2"} {
		r.publish("a--"+v, map[string]string{"pkginfo.json": "{}", "bin/a": v, "etc/a": v, "dcos.target.wants/dcos-a.service": v})
	}
	r.fetch("a--1", "a--2")
	r.run("activate", "a--1")
	refuse := errors.New("stopping is refused")
	var stopped []string
	in := &pkgpanda.Install{
		Root: r.path("opt"), ConfigDir: r.path("etc"), Wants: r.path("opt/dcos.target.wants"), Out: t.Output(),
		Systemd: pkgpanda.Systemd{Block: true, Run: func(_ context.Context, args ...string) error {
			stopped = args
			return refuse
		}},
	}
	repo := pkgpanda.Repository{Path: r.path("opt/packages")}
	packages, err := repo.LoadAll([]string{"a--2"})
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Activate(t.Context(), packages); !errors.Is(err, refuse) {
		t.Fatalf("activate: %v", err)
	}
	if want := []string{"stop", "dcos-a.service"}; !slices.Equal(stopped, want) {
		t.Errorf("systemctl %v, want %v", stopped, want)
	}
	if got := r.read("opt/install_progress"); !strings.Contains(got, `"stage":"archive"`) {
		t.Errorf("install_progress = %s", got)
	}
	// The power goes when one directory has been moved away.
	if err := os.Rename(r.path("opt/bin"), r.path("opt/bin.old")); err != nil {
		t.Fatal(err)
	}
	r.run("setup")
	for _, name := range []string{"opt/bin/a", "opt/etc/a", "opt/dcos-a.service"} {
		if got := r.read(name); got != "2" {
			t.Errorf("%s = %q after the swap was resumed", name, got)
		}
	}
	r.missing("opt/install_progress", "opt/bin.new", "opt/dcos-a.service.unit.new")
	// And once more, when it goes between the moves into place.
	if err := os.Rename(r.path("opt/etc"), r.path("opt/etc.new")); err != nil {
		t.Fatal(err)
	}
	r.write("opt/install_progress", `{"stage": "move_new", "extension": ".new"}`)
	r.run("setup")
	if got := r.read("opt/etc/a"); got != "2" {
		t.Errorf("etc/a = %q after the moves were resumed", got)
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
			"b--1": {"pkginfo.json": `{"sysctl": {"u": {"k": 2}}}`}}, "sysctl k"},
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
