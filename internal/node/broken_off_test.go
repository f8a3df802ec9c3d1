// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
)

// ofScript gives a script's text without what goes in front of it and says where its result begins and ends.
func ofScript(t *testing.T, name string) string {
	t.Helper()
	text, err := fs.ReadFile(scriptFiles, "scripts/"+name+".sh")
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("put begin "+name, ":", "put end "+name, ":").Replace(string(text))
}

// endsAt are commands that change files, which end the shell that they are in at its nth step: before they do anything, and
// some when they have done it.
func endsAt(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "steps=0; step() { steps=$((steps + 1)); if [ $steps = %d ]; then exit 9; fi; }\n", n)
	for _, command := range []string{"chmod", "rm", "rmdir", "sync"} {
		fmt.Fprintf(&b, "%[1]s() { step; command %[1]s \"$@\"; }\n", command)
	}
	// What these do is noted before, and something is said after it. What comes from /data is half there for a while, as what
	// comes from another file system is.
	for _, command := range []string{"mkdir", "mv", "cp"} {
		fmt.Fprintf(&b, `%[1]s() {
	step
	for end_of_it; do :; done
	case $* in */data/*) printf o >"$end_of_it"; step ;; esac
	command %[1]s "$@" || return
	step
}
`, command)
	}
	return b.String() + "chown() { step; }\nsystemctl() { :; }\n"
}

// A transfer is what place.sh and finish.sh are told to do with two files.
type transfer struct {
	*ground
	place, finish string
}

// placed runs place.sh, which ends at a step (0: not), and reports whether it came to its end.
func (f *transfer) placed(at int) (done bool) {
	f.t.Helper()
	for _, name := range []string{"x", "y"} {
		f.write("/data/"+name, "ours "+name)
	}
	if _, err := os.Stat(f.root + "/opt/dcos_install_tmp/.placed"); err != nil { // as the marker leaves it
		f.write("/opt/dcos_install_tmp/.owner", "")
		f.write("/opt/dcos_install_tmp/.placed", "dir "+f.root+"/opt/dcos_install_tmp\n")
	}
	done = f.run(endsAt(at) + "(\n" + f.place + "\n) <<END >/dev/null && put done yes\nstaging @/opt/web\n" +
		"file packages/x.tar @/data/x\nfile packages/new/y.tar @/data/y\nEND\n").yes("done")
	f.remove("/data/x") // they went with the connection
	f.remove("/data/y")
	for path, want := range map[string]string{"/opt/web/packages/x.tar": "ours x", "/opt/web/packages/new/y.tar": "ours y"} {
		text, err := os.ReadFile(f.root + path)
		if err == nil && string(text) != want || err != nil && done {
			f.t.Errorf("ended at %d: %s: %q, %v", at, path, text, err)
		}
	}
	return done
}

// finished does the same with finish.sh.
func (f *transfer) finished(at int) (done bool) {
	f.t.Helper()
	return f.run(endsAt(at) + "(\n" + f.finish + "\n) </dev/null >/dev/null && put done yes; :").yes("done")
}

// TestBrokenOff ends place.sh, and then finish.sh, at each step with which they change files. What is there under
// its name is whole all the time. The next run goes on, and at its end all is gone that was transferred; so it is if there is
// no next run, but a removal.
func TestBrokenOff(t *testing.T) {
	t.Parallel()
	grounds(t, func(t *testing.T, g *ground) {
		if !slices.Equal(g.sh, shells(t)[0]) {
			return // a hundred processes; that each shell reads the scripts as meant is TestPlacedAside's
		}
		g.remove("/opt/dcos_install_tmp")
		g.write("/opt/web/mine", "others'")
		g.write("/var/lib/dcos/mine", "others'") // so that the record's own directory can go without its parents
		g.write("/data/kept", "")
		before := g.tree()
		f := &transfer{ground: g, place: ofScript(t, "place"), finish: ofScript(t, "finish")}
		const most = 60 // steps
		const end = "remove_placed; rm -rf \"$record\""
		at := 1
		for ; !f.placed(at) && at < most; at++ {
			g.run(end)
			g.same(before)
			f.placed(at)
			if !f.placed(0) {
				t.Errorf("ended at %d, it does not come to its end", at)
			}
			g.run(end)
			g.same(before)
		}
		if at < 8 || at == most {
			t.Fatalf("placing takes %d steps", at)
		}
		for at = 1; !f.finished(at) && at < most; at++ {
			if !f.finished(0) {
				t.Errorf("ended at %d, it does not come to its end", at)
			}
			if left := g.run(`for f in "$owner" "$placed" "$staging"; do if [ -e "$f" ]; then put left "$f"; fi; done`).all("left"); len(left) > 0 {
				t.Errorf("ended at %d: left: %q", at, left)
			}
			g.run("rm -rf \"$record\"")
			g.same(before)
			f.placed(0)
		}
		if at < 4 || at == most {
			t.Fatalf("finishing takes %d steps", at)
		}
	})
}

// TestFetchOfBrokenCopies holds that a directory of a package which lacks content is not taken for the package: it is
// fetched anew, and what the package manager has not brought in full afterwards is an error.
func TestFetchOfBrokenCopies(t *testing.T) {
	t.Parallel()
	fetch := ofScript(t, "fetch")
	grounds(t, func(t *testing.T, g *ground) {
		const opt = "/opt/mesosphere"
		g.write(opt+"/environment.export", "")
		g.write(opt+"/packages/whole--1/pkginfo.json", "{}")
		g.write(opt+"/packages/half--1/bin/x", "of before")
		g.write(opt+"/packages/empty--1/pkginfo.json", "")
		g.write(opt+"/bin/pkgpanda", strings.ReplaceAll(`#!/bin/sh
shift 2
for id; do
	if [ -d "@/packages/$id" ]; then continue; fi
	mkdir "@/packages/$id"
	if [ -e "@/full" ]; then continue; fi
	echo {} >"@/packages/$id/pkginfo.json"
done
`, "@", g.root+opt))
		if err := os.Chmod(g.root+opt+"/bin/pkgpanda", 0o700); err != nil {
			t.Fatal(err)
		}
		run := func() *frame {
			return g.run("(set --\n" + fetch + "\n) <<END\nurl file:///x\nid whole--1\nid half--1\nid empty--1\nid new--1\nEND\n")
		}
		g.write(opt+"/full", "") // the disk is
		if f := run(); !strings.HasPrefix(f.get("failed"), "fetching half--1") {
			t.Errorf("on a full disk: %q, %q", f.get("failed"), f.all("fetched"))
		}
		g.remove(opt + "/full")
		if f := run(); len(f.all("fetched")) != 4 {
			t.Errorf("%q, %q", f.get("failed"), f.all("fetched"))
		}
		for _, path := range []string{"half--1/bin/x", ".fetching"} {
			if _, err := os.Stat(g.root + opt + "/packages/" + path); err == nil {
				t.Errorf("%s is there", path)
			}
		}
	})
}

// TestWhatIsThere holds that a file counts as transferred only with all its content, and a package only if it is whole.
func TestWhatIsThere(t *testing.T) {
	t.Parallel()
	preflight, _, ok := strings.Cut(ofScript(t, "preflight"), "# Ports in use")
	if !ok {
		t.Fatal("the wishes have another end")
	}
	grounds(t, func(t *testing.T, g *ground) {
		sum := fmt.Sprintf("%x", sha256.Sum256([]byte("content")))
		var wishes strings.Builder
		for name, text := range map[string]string{"whole": "content", "short": "conte", "other": "another", "none": ""} {
			if text != "" {
				g.write("/data/"+name, text)
			}
			fmt.Fprintf(&wishes, "artifact @/data/%s 7 %s\n", name, sum)
		}
		g.write("/opt/mesosphere/packages/whole--1/pkginfo.json", "{}")
		g.write("/opt/mesosphere/packages/empty--1/pkginfo.json", "")
		g.write("/opt/mesosphere/packages/half--1/bin/x", "")
		wishes.WriteString("package whole--1\npackage empty--1\npackage half--1\npackage none--1\n")
		f := g.run("(\n" + preflight + "\n) <<END\n" + wishes.String() + "END\n")
		if have := f.all("have"); !slices.Equal(have, []string{g.root + "/data/whole"}) {
			t.Errorf("it has %q", have)
		}
		if have := f.all("package"); !slices.Equal(have, []string{"whole--1"}) {
			t.Errorf("it has the packages %q", have)
		}
	})
}

// TestFollow holds when the work of units counts as done: not while one is at work or has a job, not between two jobs of a
// setup, not after a failure.
func TestFollow(t *testing.T) {
	t.Parallel()
	const busy, between, queued = "activating,start,0 ", "inactive,dead,0 ", "inactive,dead,7 "
	const done, failed = "active,exited,0", "failed,failed,0"
	const unit = "terraform-dcos-x.service"
	for name, c := range map[string]struct {
		what   string
		states string // of dcos-setup or the unit, one a second, the last for ever
		want   string // outcome, timeout or idle, what has failed, and after how many seconds
	}{
		"a setup":                 {"setup", busy + busy + busy + done, "done  3"},
		"between two jobs":        {"setup", busy + between + queued + done, "done  3"},
		"a job that waits":        {"setup", queued + queued + queued + queued + queued + done, "done  5"},
		"set up, and still at it": {"setup", busy + busy + busy + busy + done, "done  4"},
		"a setup that fails":      {"setup", busy + failed, "failed running dcos-setup.service 1"},
		"one that never begins": {"setup", between, "idle running dcos-download.service dcos-setup.service, which ended without having " +
			"done its work 4"},
		"one that takes too long":  {unit, busy, "timeout running " + unit + " (not done within 9 s) 9"},
		"an activation":            {unit, busy + "active,running,0 " + done, "done  2"},
		"an activation that fails": {unit, busy + failed, "failed running " + unit + " 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			grounds(t, func(t *testing.T, g *ground) {
				if got := g.follows(c.what, c.states, strings.HasPrefix(c.want, "idle")); got != c.want {
					t.Errorf("%q, want %q", got, c.want)
				}
			})
		})
	}
}

// follows has follow.sh look at a unit, and gives how that ended. DC/OS is there in the third second, if ever.
func (g *ground) follows(what, states string, never bool) string {
	g.t.Helper()
	g.write("/opt/mesosphere/bin/x", "")
	installed := 3
	if never {
		installed = -1
	}
	f := g.run(fmt.Sprintf(`turn=0; echo 0 >@/turn
sleep() { turn=$((turn + 1)); echo $turn >@/turn; if [ $turn = %d ] && [ %s = setup ]; then mkdir -p @/opt/mesosphere/active; fi; }
now() { echo $turn; }
journalctl() { return 1; }
systemctl() {
	case $* in
	is-system-running) echo running && return ;;
	*dcos-download.service) echo ActiveState=inactive && return ;;
	esac
	n=$turn
	set -- %s
	while [ "$n" -gt 0 ] && [ $# -gt 1 ]; do n=$((n - 1)) && shift; done
	printf 'ActiveState=%%s\nSubState=%%s\nJob=%%s\n' "$(echo "$1" | cut -d, -f1)" "$(echo "$1" | cut -d, -f2)" "$(echo "$1" | cut -d, -f3)"
}
(set -- %s "" 9 ""
%s)
put turns "$(cat @/turn)"`, installed, what, states, what, ofScript(g.t, "follow")))
	outcome := f.get("outcome")
	for _, how := range []string{"timeout", "idle"} {
		if f.yes(how) {
			outcome = how
		}
	}
	if outcome == "" && f.has("failed") {
		outcome = "failed"
	}
	return strings.Join([]string{outcome, f.get("failed"), f.get("turns")}, " ")
}

// TestDrainOfAStoppedAgent holds that there is nothing to drain where the agent does not run, as after a removal that was
// interrupted, and that this is no failure.
func TestDrainOfAStoppedAgent(t *testing.T) {
	t.Parallel()
	drain := ofScript(t, "drain")
	grounds(t, func(t *testing.T, g *ground) {
		for _, state := range []string{"inactive", "failed", ""} {
			f := g.run("systemctl() { echo ActiveState=" + state + "; }\n(set -- dcos-mesos-slave.service 2.2 60\n" + drain + ")")
			if f.get("outcome") != "absent" || f.has("failed") {
				t.Errorf("%q: %q, %q", state, f.get("outcome"), f.get("failed"))
			}
		}
	})
}
