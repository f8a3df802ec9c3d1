// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A ground is a directory that the record's and the traces' functions take for
// a host's root, in one shell. It leaves out what root alone can have: mounts
// and accounts; the hosts of foreign_test.go have them.
type ground struct {
	t    *testing.T
	root string
	sh   []string
	lib  string
}

// grounds runs a test on an empty ground in each shell.
func grounds(t *testing.T, test func(t *testing.T, g *ground)) {
	t.Helper()
	var lib strings.Builder
	for _, name := range []string{"lib", "record", "traces"} {
		text, err := fs.ReadFile(scriptFiles, "scripts/"+name+".sh")
		if err != nil {
			t.Fatal(err)
		}
		lib.Write(text)
	}
	for _, sh := range shells(t) {
		t.Run(filepath.Base(sh[0]), func(t *testing.T) {
			t.Parallel()
			g := &ground{t: t, root: filepath.Join(t.TempDir(), "host"), sh: sh}
			prefix := []string{}
			for _, d := range []string{"/opt", "/etc/", "/var/lib/", "/var/log/", "/run/", "/data"} {
				prefix = append(prefix, d, g.root+d)
			}
			g.lib = strings.NewReplacer(prefix...).Replace(lib.String())
			g.write("/etc/machine-id", "0123\n")
			g.write("/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
			g.write("/etc/group", "root:x:0:\n")
			g.write("/opt/dcos_install_tmp/.placed", "dir "+g.root+"/opt/dcos_install_tmp\n")
			test(t, g)
		})
	}
}

func (g *ground) write(path, text string) {
	g.t.Helper()
	err := os.MkdirAll(filepath.Dir(g.root+path), 0o755)
	if err == nil {
		err = os.WriteFile(g.root+path, []byte(text), 0o644)
	}
	if err != nil {
		g.t.Fatal(err)
	}
}

func (g *ground) link(to, path string) {
	g.t.Helper()
	err := errors.Join(os.MkdirAll(filepath.Dir(g.root+path), 0o755), os.MkdirAll(g.root+to, 0o755), os.Symlink(g.root+to, g.root+path))
	if err != nil {
		g.t.Fatal(err)
	}
}

func (g *ground) remove(path string) {
	g.t.Helper()
	if err := os.RemoveAll(g.root + path); err != nil {
		g.t.Fatal(err)
	}
}

// run runs shell behind the functions and gives what it put.
func (g *ground) run(script string) *frame {
	g.t.Helper()
	text := g.lib + "put begin test\n" + strings.ReplaceAll(script, "@", g.root) + "\nput end test\n"
	cmd := exec.CommandContext(g.t.Context(), g.sh[0], append(g.sh[1:], "-c", text)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	f := &frame{}
	if _, werr := f.Write(out); werr != nil {
		g.t.Fatal(werr)
	}
	if err == nil {
		err = f.check("test")
	}
	if err != nil {
		g.t.Fatalf("%v\n%s\n%s", err, out, stderr.String())
	}
	return f
}

// record does what the first change of an installation does first.
func (g *ground) record(watched ...string) {
	g.t.Helper()
	g.run(fmt.Sprintf("watched='%s'; make_marker -", strings.ReplaceAll(strings.Join(watched, " "), "/data", g.root+"/data")))
}

// clear does to files what uninstall.sh and verify.sh do, and gives what they
// said: what stays, without the ground, and what is left.
func (g *ground) clear(works ...string) (stays, left []string) {
	g.t.Helper()
	for i := range works {
		works[i] = g.root + works[i]
	}
	clearing := fmt.Sprintf("\nfor d in %s; do clear_place \"$d\" work; done\nfor p in $places; do clear_place \"$p\"; done",
		strings.Join(works, " "))
	f := g.run("to_remove" + clearing)
	for _, s := range f.all("stays") {
		stays = append(stays, strings.ReplaceAll(s, g.root, ""))
	}
	f = g.run("to_look" + clearing)
	g.run("rm -rf \"$record\"; rmdir @/var/lib/dcos 2>/dev/null; :")
	slices.Sort(stays)
	return stays, f.all("left")
}

// tree gives what is there, with links' ends and files' sizes.
func (g *ground) tree() map[string]string {
	g.t.Helper()
	tree := map[string]string{}
	err := filepath.WalkDir(g.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || strings.Contains(path, "/opt/dcos_install_tmp") {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		what := info.Mode().String()
		if info.Mode().IsRegular() {
			what += fmt.Sprint(" ", info.Size())
		}
		tree[strings.TrimPrefix(path, g.root)] = what
		return nil
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return tree
}

func (g *ground) same(before map[string]string) {
	g.t.Helper()
	now := g.tree()
	for _, p := range slices.Sorted(maps.Keys(before)) {
		if now[p] != before[p] {
			g.t.Errorf("%q was %s and is %q", p, before[p], now[p])
		}
	}
	for _, p := range slices.Sorted(maps.Keys(now)) {
		if before[p] == "" {
			g.t.Errorf("%q was left behind (%s)", p, now[p])
		}
	}
}

// dcos makes what DC/OS, Mesos in the work directory and tasks make.
func (g *ground) dcos(work string) {
	for _, p := range []string{
		"/opt/mesosphere/packages/x--1/bin/x", "/opt/mesosphere/active.buildinfo.full.json", "/opt/mesosphere/bin.old/x",
		"/etc/mesosphere/roles/slave", "/etc/mesosphere/setup-flags/repository-url", "/var/lib/dcos/exhibitor/snapshots/1",
		"/var/lib/dcos/cluster-id", "/var/lib/mesos/isolators/docker/volume/a", "/var/lib/mesos/slave/store/docker/layers/a",
		"/var/log/mesos/mesos-agent.log", "/var/log/mesos/archive/mesos-agent.log.1", "/run/mesos/a", "/run/dcos/.a", "/etc/calico/confd/a",
		"/var/lib/calico/nodename",
	} {
		g.write(p, "DC/OS's")
	}
	const agent = "/0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f-S0"
	for _, p := range []string{
		"/meta/boot_id", "/meta/slaves/latest", "/meta/resources/resources.info", "/slaves" + agent + "/frameworks/f/executors/e/runs/r/stdout",
		"/slaves" + agent + "/a name\nof a task's [x] *", "/volumes/roles/kafka/id/data", "/provisioner/containers/c/a",
		"/isolators/network/cni/a",
		"/csi/org.apache.mesos.csi.x/y/volumes/v/volume.state", "/containers/0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f/a",
		"/replicated_log/CURRENT",
	} {
		g.write(work+p, "Mesos's")
	}
}

// others makes what other people have, wherever DC/OS will be, and says of
// what is to be told.
func (g *ground) others() (told []string) {
	for _, p := range []string{
		"/etc/mesosphere/notes", "/var/lib/dcos/mine", "/var/lib/dcos/..mine", "/var/lib/dcos/.mine/b",
		"/var/lib/mesos/backup/deep/er/than/is/listed",
		"/var/lib/mesos/slave/mine", "/var/lib/mesos/slave/a b [c] * \\040",
		"/var/lib/mesos/slave/slaves/mine/a",
		"/var/log/mesos/old.log", "/run/mesos/mine", "/etc/calico/mine", "/var/lib/calico/mine",
	} {
		g.write(p, "others'")
		told = append(told, "before "+p)
	}
	for i, p := range told {
		for _, deep := range []string{"/deep/er/than/is/listed", "/b", "/mine/a"} {
			if rest, ok := strings.CutSuffix(p, deep); ok && strings.Count(p, "/") > 4 {
				told[i] = rest
			}
		}
	}
	slices.Sort(told)
	return told
}

const defaultWork = "/var/lib/mesos/slave"

func TestWhatWasThereBeforeStays(t *testing.T) {
	t.Parallel()
	grounds(t, func(t *testing.T, g *ground) {
		want := g.others()
		g.write("/var/lib/dcos/lost+found/a", "")
		before := g.tree()
		g.record()
		g.dcos(defaultWork)
		g.write("/var/lib/mesos/backup/new", "") // beside what was there
		g.record()                               // by a run that goes on
		stays, left := g.clear()
		if !slices.Equal(stays, want) || len(left) > 0 {
			t.Errorf("stays\n%q, want\n%q; left %q", stays, want, left)
		}
		g.same(before)
	})
}

func TestNothingIsLeftWhereNothingWas(t *testing.T) {
	t.Parallel()
	grounds(t, func(t *testing.T, g *ground) {
		g.remove("/opt/dcos_install_tmp")
		for _, d := range []string{"/opt", "/var/lib", "/var/log", "/run", "/etc"} {
			g.write(d+"/x", "")
		}
		before := g.tree()
		g.record("/data/of/mesos")
		g.dcos("/data/of/mesos")
		stays, left := g.clear("/data/of/mesos")
		if len(stays)+len(left) > 0 {
			t.Errorf("stays %q, left %q", stays, left)
		}
		g.same(before)
	})
}

// A work directory that was made for Mesos has a name that somebody chose, who may
// have put something there since, be it nothing but a directory.
func TestWorkDirectoryThatIsShared(t *testing.T) {
	t.Parallel()
	grounds(t, func(t *testing.T, g *ground) {
		for _, d := range []string{"/opt", "/var/lib", "/var/log", "/run", "/etc"} {
			g.write(d+"/x", "")
		}
		g.record("/data/of/mesos")
		g.write("/data/of/mesos/theirs/deep/er", "others'")
		g.write("/data/of/mesos/.a [name]", "others'")
		g.run("mkdir @/data/of/mesos/empty")
		before := g.tree()
		maps.DeleteFunc(before, func(path, _ string) bool { return strings.HasPrefix(path, "/var/lib/dcos") })
		g.dcos("/data/of/mesos")
		stays, left := g.clear("/data/of/mesos")
		want := []string{"since /data/of/mesos/.a [name]", "since /data/of/mesos/empty", "since /data/of/mesos/theirs"}
		if !slices.Equal(stays, want) || len(left) > 0 {
			t.Errorf("stays\n%q, want\n%q; left %q", stays, want, left)
		}
		g.same(before)
	})
}

// What the measured case was: a work directory that other people have.
func TestWorkDirectoryOfOthers(t *testing.T) {
	t.Parallel()
	grounds(t, func(t *testing.T, g *ground) {
		for _, d := range []string{"/opt", "/var/lib", "/var/log", "/run", "/etc"} {
			g.write(d+"/x", "")
		}
		for _, p := range []string{"volumes/theirs", "store/theirs", "frameworks/a", "meta/theirs", "slaves/theirs", "csi/theirs", ".hidden"} {
			g.write("/data/"+p, "others'")
		}
		before := g.tree()
		g.record("/data")
		g.dcos("/data")
		stays, left := g.clear("/data")
		var want []string
		for _, n := range []string{".hidden", "csi", "frameworks", "meta", "slaves", "store", "volumes"} {
			want = append(want, "shared /data/"+n)
		}
		if !slices.Equal(stays, want) || len(left) > 0 {
			t.Errorf("stays\n%q, want\n%q; left %q", stays, want, left)
		}
		g.same(before)
	})
}

// A name of two lines could say anything of any place, so nothing is listed where
// there is one; what is beside it stays.
func TestNameOfTwoLines(t *testing.T) {
	t.Parallel()
	grounds(t, func(t *testing.T, g *ground) {
		for _, d := range []string{"/opt", "/var/lib", "/var/log", "/run", "/etc"} {
			g.write(d+"/x", "")
		}
		g.write("/data/theirs", "others'")
		g.write("/data/x\nnone /theirs", "others'")
		before := g.tree()
		g.record("/data")
		list := g.run(`put list "$(cat "$record/list")"`).get("list")
		if !strings.Contains(list, "place 0 "+g.root+"/data") || strings.Contains(list, "none /theirs") {
			t.Errorf("the list is\n%s", list)
		}
		g.dcos("/data")
		stays, left := g.clear("/data")
		if want := []string{"uncounted /data/theirs", "uncounted /data/x"}; !slices.Equal(stays, want) || len(left) > 0 {
			t.Errorf("stays %q, want %q; left %q", stays, want, left)
		}
		g.same(before)
	})
}

// A directory may have more in it than can be listed: then what DC/OS is known
// to make goes, and all else stays.
func TestMoreThanCanBeListed(t *testing.T) {
	t.Parallel()
	grounds(t, func(t *testing.T, g *ground) {
		for _, d := range []string{"/opt", "/var/lib", "/var/log", "/run", "/etc"} {
			g.write(d+"/x", "")
		}
		for i := range 1100 {
			g.write(fmt.Sprintf("/var/lib/mesos/slave/%d", i), "")
		}
		g.write("/var/lib/mesos/slave/meta/slaves/theirs", "")
		before := g.tree()
		g.record()
		g.dcos(defaultWork)
		stays, left := g.clear()
		if len(stays) == 0 || len(stays) > 25 || !strings.HasPrefix(stays[0], "uncounted ") || len(left) > 0 {
			t.Errorf("stays %q, left %q", stays, left)
		}
		// Whose what is in meta/slaves is, nobody knows.
		for p, what := range g.tree() {
			if before[p] == "" && !strings.HasPrefix(p, defaultWork+"/meta/slaves/") {
				t.Errorf("%q was left behind (%s)", p, what)
			}
		}
		for p := range before {
			if _, err := os.Lstat(g.root + p); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestPlacesBehindLinks(t *testing.T) {
	t.Parallel()
	grounds(t, func(t *testing.T, g *ground) {
		for _, d := range []string{"/opt", "/var/lib", "/var/log", "/run", "/etc"} {
			g.write(d+"/x", "")
		}
		for place, to := range map[string]string{"/opt/mesosphere": "/data/opt", "/etc/mesosphere": "/data/etc", "/var/lib/dcos": "/data/dcos",
			"/var/lib/mesos": "/data/mesos", "/data/dcos/exhibitor": "/data/fast disk", "/data/tasks": "/data/w"} {
			g.link(to, place)
			if place != "/opt/mesosphere" {
				g.write(to+"/mine", "others'")
			}
		}
		before := g.tree()
		g.record("/data/tasks")
		g.dcos("/data/tasks")
		stays, left := g.clear("/data/tasks")
		want := []string{"before /etc/mesosphere/mine", "before /var/lib/dcos/exhibitor/mine", "before /var/lib/dcos/mine",
			"before /var/lib/mesos/mine", "shared /data/tasks/mine"}
		if !slices.Equal(stays, want) || len(left) > 0 {
			t.Errorf("stays\n%q, want\n%q; left %q", stays, want, left)
		}
		g.same(before)
	})
}

// Without a record that can be trusted, known names go and nothing else.
func TestNoRecord(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(g *ground){
		"none":          func(g *ground) { g.remove("/var/lib/dcos/.before-install") },
		"an older one":  func(g *ground) { g.remove("/var/lib/dcos/.before-install/list") },
		"cut short":     func(g *ground) { g.run("sed '$d' \"$list\" >\"$list.x\" && mv \"$list.x\" \"$list\"") },
		"empty":         func(g *ground) { g.write("/var/lib/dcos/.before-install/list", "") },
		"not completed": func(g *ground) { g.remove("/var/lib/dcos/.before-install/complete") },
		"a clone's":     func(g *ground) { g.write("/etc/machine-id", "4567\n") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			grounds(t, func(t *testing.T, g *ground) {
				for _, d := range []string{"/opt", "/var/lib", "/var/log", "/run", "/etc"} {
					g.write(d+"/x", "")
				}
				for _, p := range []string{"/data/volumes/theirs", "/data/store/a", "/data/slaves/theirs", "/var/lib/mesos/backup/a",
					"/var/lib/dcos/mine", "/etc/mesosphere/notes"} {
					g.write(p, "others'")
				}
				before := g.tree()
				g.record("/data")
				if _, err := os.Stat(g.root + "/var/lib/dcos/.before-install/list"); err != nil {
					t.Fatal(err)
				}
				g.dcos("/data")
				g.write("/opt/mesosphere/notes", "others'")
				spoil(g)
				for _, p := range []string{"/opt/mesosphere", "/opt/mesosphere/notes"} {
					before[p] = g.tree()[p]
				}
				stays, left := g.clear("/data")
				want := []string{"unknown /data/slaves", "unknown /data/store", "unknown /data/volumes", "unknown /etc/mesosphere/notes",
					"unknown /opt/mesosphere/notes", "unknown /var/lib/dcos/mine", "unknown /var/lib/mesos/backup"}
				if !slices.Equal(stays, want) || len(left) > 0 {
					t.Errorf("stays\n%q, want\n%q; left %q", stays, want, left)
				}
				g.same(before)
			})
		})
	}
}

// An early version of this provider knows no list: the record says to it which
// directories were there, in its words, and what was in /etc/mesosphere. Where there
// is a list, nobody else reads that, whatever has become of the list.
func TestEarlyVersionsReadTheRecord(t *testing.T) {
	t.Parallel()
	const record = "/var/lib/dcos/.before-install"
	grounds(t, func(t *testing.T, g *ground) {
		g.write("/var/lib/mesos/slave/theirs", "others'") // whose directory is emptied, and would be left
		g.write("/etc/calico/theirs", "others'")
		g.write("/etc/mesosphere/theirs", "others'")
		g.write("/etc/docker/daemon.json", "{}")
		g.write("/run/docker/plugins/theirs", "")
		g.link("/data/opt", "/opt/mesosphere")
		had := func() []string {
			text, err := os.ReadFile(g.root + record + "/had")
			if err != nil {
				t.Fatal(err)
			}
			return slices.Sorted(strings.FieldsSeq(strings.ReplaceAll(string(text), g.root, "")))
		}
		g.record()
		want := []string{"/etc/calico", "/etc/docker", "/etc/docker/daemon.json", "/etc/mesosphere", "/opt", "/opt/mesosphere", "/run/docker",
			"/run/docker/plugins", "/var/lib/mesos"}
		if got := had(); !slices.Equal(got, want) {
			t.Errorf("it reads %q, want %q", got, want)
		}
		if text, err := os.ReadFile(g.root + record + "/etc/theirs"); err != nil || string(text) != "others'" {
			t.Errorf("/etc/mesosphere is not kept: %q, %v", text, err)
		}
		// A clone's list is another machine's, and so is the rest.
		g.write("/etc/machine-id", "4567\n")
		g.run(`if had @/etc/calico || [ -e "$former" ] || [ -e "$former_etc" ]; then fail "reading another machine's"; fi`)
		g.write("/etc/machine-id", "0123\n")
		// An early version's own record.
		g.remove(record + "/list")
		g.run(`had @/etc/calico && ! had @/run/calico && [ -d "$former_etc" ] || fail "reading an early version's record"`)
		// The next installation, after a removal that broke off at its end.
		g.remove("/etc/calico")
		g.write("/etc/mesosphere/theirs", "others' new one")
		g.remove("/opt/dcos_install_tmp/.owner")
		g.record()
		if got := had(); !slices.Equal(got, want[1:]) {
			t.Errorf("it reads %q afterwards, want %q", got, want[1:])
		}
		if text, err := os.ReadFile(g.root + record + "/etc/theirs"); err != nil || string(text) != "others' new one" {
			t.Errorf("/etc/mesosphere is kept as it was before: %q, %v", text, err)
		}
	})
}

// The record is made once. A run that was killed is gone on with, and one that
// comes when DC/OS is there adds nothing; the record of a removal that broke off
// at its end is not believed.
func TestRecordIsMadeOnce(t *testing.T) {
	t.Parallel()
	const list = "/var/lib/dcos/.before-install/list"
	grounds(t, func(t *testing.T, g *ground) {
		lists := func(path string) bool {
			text, err := os.ReadFile(g.root + list)
			return err == nil && strings.Contains(string(text), "\n"+g.root+path+"\n")
		}
		g.write("/var/lib/mesos/first", "")
		// Killed with the list made and the record not.
		g.run("printf x >\"$owner\"; list_host >\"$staging/.list\"")
		g.write("/var/lib/mesos/second", "")
		g.record()
		if !lists("/var/lib/mesos/first") || lists("/var/lib/mesos/second") || lists("/var/lib/dcos") {
			t.Error("the list is not the first run's")
		}
		// Again, with the record made, and with DC/OS there.
		g.record()
		g.write("/opt/mesosphere/active/x", "")
		g.record()
		g.run("rm -f \"$owner\"")
		g.record()
		if lists("/var/lib/mesos/second") || lists("/opt/mesosphere") {
			t.Error("a later run has listed the host again")
		}
		// DC/OS is gone, the record is not, and no marker says that somebody is at it.
		g.remove("/opt/mesosphere")
		g.run("rm -f \"$owner\"")
		g.record()
		if !lists("/var/lib/mesos/second") || lists("/opt/mesosphere") {
			t.Error("the record of an earlier installation is believed")
		}
		// A node that is taken over: DC/OS is there, and no record is.
		g.remove("/var/lib/dcos/.before-install")
		g.remove("/opt/dcos_install_tmp/.list")
		g.write("/opt/mesosphere/packages/x", "")
		g.record()
		if lists("/opt/mesosphere") {
			t.Error("what DC/OS has made is recorded as the host's")
		}
		g.remove("/opt/mesosphere")
		g.record()
		// A version without lists has begun: nobody knows what was there.
		g.remove(list)
		g.remove("/opt/dcos_install_tmp/.list")
		g.record()
		if _, err := os.Stat(g.root + list); err == nil {
			t.Error("what an older version has begun is recorded in the middle")
		}
	})
}

// A power cut may have made anything of the note of what was being fetched: nothing
// is removed that is no package's directory, or that is active.
func TestFetchAfterAPowerCut(t *testing.T) {
	t.Parallel()
	fetch, err := fs.ReadFile(scriptFiles, "scripts/fetch.sh")
	if err != nil {
		t.Fatal(err)
	}
	grounds(t, func(t *testing.T, g *ground) {
		const packages = "/opt/mesosphere/packages"
		for _, id := range []string{"whole--1", "active--1", "fetched--1"} {
			g.write(packages+"/"+id+"/pkginfo.json", "{}\n")
		}
		g.link(packages+"/active--1", "/opt/mesosphere/active/active")
		g.write("/opt/mesosphere/lib/kept", "")
		g.write(packages+"/.fetching", "fetched--1\nactive--1\n\n.\n..\n../lib\n--\nwhole-")
		text := strings.ReplaceAll(string(fetch), "/opt/", g.root+"/opt/")
		g.run("( " + text + "\n) </dev/null >/dev/null")
		for path, want := range map[string]bool{packages + "/whole--1/pkginfo.json": true, packages + "/active--1/pkginfo.json": true,
			packages + "/fetched--1": false, "/opt/mesosphere/lib/kept": true} {
			if _, err := os.Stat(g.root + path); (err == nil) != want {
				t.Errorf("%s: %v", path, err)
			}
		}
	})
}

// Of a serve directory that nobody knows anything of, DC/OS's files go, the directories
// that are empty then, and nothing that a link in their place leads to.
func TestServeDirectoryOfOthers(t *testing.T) {
	t.Parallel()
	grounds(t, func(t *testing.T, g *ground) {
		const at = "/data/serve/"
		kept := []string{"theirs", "packages/mesos/theirs", "packages/theirs", "packages/their--own", "packages/a b/a--1.tar.xz",
			"bootstrap/theirs.tar.xz"}
		for _, p := range kept {
			g.write(at+p, "others'")
		}
		g.run("mkdir -p @/data/serve/packages/empty")
		g.link("/data/elsewhere", at+"upgrade")
		g.write("/data/elsewhere/1/dcos_node_upgrade.sh", "others'")
		before := g.tree()
		for _, p := range []string{"dcos_install.sh", "bootstrap.latest", "cluster-package-info.json", "cluster-package-list.latest",
			"bootstrap/1.bootstrap.tar.xz", "bootstrap/1.active.json", "package_lists/1.package_list.json", "packages/mesos/mesos--1.tar.xz",
			"packages/java/java--1.tar.xz", "packages/dcos-config/dcos-config--setup_1.tar.xz", ".terraform-provider-dcos.json"} {
			g.write(at+p, "DC/OS's")
		}
		g.run("remove_served @/data/serve")
		g.same(before)
		g.run("rm -rf @/data/serve/packages && remove_served @/data/serve")
	})
}

// Other container engines note addresses beside those of DC/OS's networks.
func TestAddressesOfOthers(t *testing.T) {
	t.Parallel()
	grounds(t, func(t *testing.T, g *ground) {
		etc := "/opt/mesosphere" + g.root + "/etc" // what a ground makes of it
		g.write(etc+"/overlay/config/agent.json", `{"overlays": [{"subnet": "9.0.0.0/8", "name": "own-overlay"}]}`)
		g.write(etc+"/dcos/network/cni/own.conf", `{"name": "own-bridge", "type": "mesos-cni-port-mapper"}`)
		clean := func() { g.run("cni=$(cni_networks); to_remove; take_addresses $cni") }
		g.run("mkdir -p @/var/lib")
		before := g.tree()
		for _, theirs := range []bool{true, false} {
			for _, name := range []string{"dcos", "mesos-bridge", "own-overlay", "own-bridge"} {
				g.write("/var/lib/cni/networks/"+name+"/10.0.0.1", "DC/OS's")
			}
			want := maps.Clone(before)
			if theirs {
				g.write("/var/lib/cni/networks/podman/10.88.0.2", "others'")
				for p, what := range g.tree() {
					if strings.HasSuffix(p, "/cni") || strings.HasSuffix(p, "/networks") || strings.Contains(p, "podman") {
						want[p] = what
					}
				}
			}
			clean()
			g.same(want)
			g.remove("/var/lib/cni")
		}
	})
}

func TestStays(t *testing.T) {
	t.Parallel()
	lines := []string{"unknown /data/a", "before /etc/mesosphere/two words", "unknown /data/a", "unknown /data/b", "staged /opt/x"}
	want := "left on the host: /etc/mesosphere/two words (was there before DC/OS); /data/a, /data/b (by no name that DC/OS uses, and " +
		"nothing says whether it was there before); /opt/x (not transferred by this provider)"
	if got := stays(lines); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	for i := range 100 {
		lines = append(lines, fmt.Sprintf("shared /data/%d", i))
	}
	if got := stays(lines); !strings.Contains(got, "/data/19, and more (in a directory") || strings.Contains(got, "/data/20") {
		t.Error(got)
	}
	if got := stays(nil); got != "" {
		t.Error(got)
	}
}

// A file of somebody's in the place of one that is transferred is there again
// afterwards, however often that breaks off.
func TestPlacedAside(t *testing.T) {
	t.Parallel()
	place, err := fs.ReadFile(scriptFiles, "scripts/place.sh")
	if err != nil {
		t.Fatal(err)
	}
	grounds(t, func(t *testing.T, g *ground) {
		g.remove("/opt/dcos_install_tmp")
		for _, p := range []string{"/opt/web/packages/x/x.tar", "/opt/web/mine"} {
			g.write(p, "others'")
		}
		before := g.tree()
		for _, broken := range []string{"", "rm() { case $* in *.owner*) exit 0 ;; esac; command rm \"$@\"; }\n"} {
			for _, n := range []string{"1", "2"} {
				g.write("/data/"+n, "ours "+n)
				g.write("/data/new"+n, "ours "+n)
				input := fmt.Sprintf("marker eA== -\nstaging @/opt/web\nfile packages/x/x.tar @/data/%s\nfile packages/y/y.tar @/data/new%s\n", n, n)
				g.run("chown() { :; }\n(\n" + string(place) + "\n) <<END >/dev/null\n" + input + "END\n")
			}
			if text, err := os.ReadFile(g.root + "/opt/web/packages/x/x.tar"); err != nil || string(text) != "ours 2" {
				t.Errorf("%s, %v", text, err)
			}
			if broken != "" {
				g.run("(" + broken + "remove_placed) >/dev/null")
			}
			g.run("remove_placed; command rm -rf \"$record\"; rmdir @/var/lib/dcos @/data @/var/lib @/var")
			g.same(before)
		}
	})
}
