// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// stages lists the scripts that run, alone or together as the product does.
func stages() [][]string {
	return [][]string{
		{"inspect"}, {"inspect", "preflight"}, {"inspect", "given"}, {"inspect", "member"}, {"member"},
		{"place"}, {"apply"}, {"follow"}, {"postflight"}, {"finish", "inspect"},
		{"fetch"}, {"activate"}, {"recover"}, {"reset"}, {"rollback", "inspect"}, {"drain"}, {"uninstall"}, {"verify"}, {"health"}, {"cloudinit"},
		{"peers"},
		{"gate", "activate"},
	}
}

// shells gives the shells of this machine that hosts may have as /bin/sh.
func shells(t *testing.T) [][]string {
	t.Helper()
	var found [][]string
	for _, sh := range [][]string{{"dash"}, {"bash"}, {"busybox", "sh"}, {"sh"}} {
		if path, err := exec.LookPath(sh[0]); err == nil {
			found = append(found, append([]string{path}, sh[1:]...))
		}
	}
	if len(found) == 0 {
		t.Skip("there is no shell here")
	}
	return found
}

func TestScriptsAreWhatEveryShellReads(t *testing.T) {
	t.Parallel()
	for _, names := range stages() {
		text, err := scriptText(names...)
		if err != nil {
			t.Fatal(err)
		}
		for _, sh := range shells(t) {
			cmd := exec.CommandContext(t.Context(), sh[0], append(sh[1:], "-n")...)
			cmd.Stdin = strings.NewReader(text)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v -n of %v: %v\n%s", sh, names, err, out)
			}
		}
	}
}

func TestScriptsPassShellcheck(t *testing.T) {
	t.Parallel()
	shellcheck := lab.RequireProgram(t, "shellcheck")
	for _, names := range stages() {
		t.Run(strings.Join(names, "+"), func(t *testing.T) {
			t.Parallel()
			var text strings.Builder
			parts := []string{"lib"}
			for _, n := range names {
				parts = append(parts, libraries[n]...)
			}
			for _, p := range slices.Concat(parts, names) {
				b, err := fs.ReadFile(scriptFiles, "scripts/"+p+".sh")
				if err != nil {
					t.Fatal(err)
				}
				text.Write(b)
			}
			// SC2034: a library's variable that this script does not use.
			cmd := exec.CommandContext(t.Context(), shellcheck, "-s", "sh", "-S", "warning", "-e", "SC2034", "-f", "gcc", "-")
			cmd.Stdin = strings.NewReader(text.String())
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s", out)
			}
		})
	}
}

func TestScriptsSayWhatTheyDo(t *testing.T) {
	t.Parallel()
	paths, err := fs.Glob(scriptFiles, "scripts/*.sh")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, p := range paths {
		b, err := fs.ReadFile(scriptFiles, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, heading := range []string{"# reads ", "# prints ", "# changes "} {
			if !strings.Contains(string(b), "\n"+heading) {
				t.Errorf("%s does not say what it %s", filepath.Base(p), strings.Trim(heading, "# "))
			}
		}
	}
}

// TestKeysOfLook holds that the two scripts that look at a host together name nothing alike: what one found would be
// taken for the other's.
func TestKeysOfLook(t *testing.T) {
	t.Parallel()
	keys := regexp.MustCompile(`\bput(?:_in|_file)? ([a-z_]+)`)
	first := map[string]bool{}
	for i, name := range []string{"inspect", "preflight"} {
		text, err := fs.ReadFile(scriptFiles, "scripts/"+name+".sh")
		if err != nil {
			t.Fatal(err)
		}
		found := keys.FindAllStringSubmatch(string(text), -1)
		if len(found) < 20 {
			t.Fatalf("%s names %d keys", name, len(found))
		}
		for _, m := range found {
			switch key := m[1]; {
			case key == "begin" || key == "end" || key == "failed":
			case i == 0:
				first[key] = true
			case first[key]:
				t.Errorf("both name %s", key)
			}
		}
	}
}

// TestPut holds the two ends of the format together, in each shell.
func TestPut(t *testing.T) {
	t.Parallel()
	values := []string{
		"", "plain", "a b", "a=b:c", "two\nlines", "trailing\n\n", "quote ' \" ` $HOME \\n %s", "-n", "ümläut", "tab\there",
		strings.Repeat("long ", 5000), "*", "\x01\x7f",
	}
	lib, err := scriptText()
	if err != nil {
		t.Fatal(err)
	}
	text := lib + "put begin test\nwhile read -r v; do v=$(decode \"$v\"; echo .); put key \"${v%.}\"; done\nput end test\n"
	var in strings.Builder
	for _, v := range values {
		in.WriteString(encode([]byte(v)) + "\n")
	}
	for _, sh := range shells(t) {
		cmd := exec.CommandContext(t.Context(), sh[0], append(sh[1:], "-c", text)...)
		cmd.Stdin = strings.NewReader(in.String())
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v", sh, err)
		}
		f := &frame{}
		if _, err := f.Write(out); err != nil {
			t.Fatal(err)
		}
		if err := f.check("test"); err != nil {
			t.Errorf("%v: %v", sh, err)
		}
		if got := f.all("key"); !slices.Equal(got, values) {
			t.Errorf("%v: got %q, want %q", sh, got, values)
		}
	}
}

// Mesos writes the slashes of its metrics as "\\/", others do not.
func TestNumberOf(t *testing.T) {
	t.Parallel()
	lib, err := scriptText("health")
	if err != nil {
		t.Fatal(err)
	}
	lib, _, _ = strings.Cut(lib, "put begin health")
	for in, want := range map[string]string{
		`{"a\/b":0.0,"registrar\/log\/recovered":1.0,"z":3}`: "1",
		`{"registrar/log/recovered": 0,
		  "z": 1}`: "0",
		`{"z":1}`: "",
	} {
		for _, sh := range shells(t) {
			cmd := exec.CommandContext(t.Context(), sh[0], append(sh[1:], "-c", lib+"number_of registrar/log/recovered")...)
			cmd.Stdin = strings.NewReader(in)
			out, err := cmd.Output()
			if err != nil || strings.TrimSpace(string(out)) != want {
				t.Errorf("%v: %s: %q, %v; want %q", sh, in, out, err, want)
			}
		}
	}
}

// The kernels of test hosts have no IPVS: a table that is a file, and what
// empties it, stand in.
func TestClearIPVS(t *testing.T) {
	t.Parallel()
	var lib strings.Builder
	for _, name := range []string{"lib", "record", "traces"} {
		text, err := fs.ReadFile(scriptFiles, "scripts/"+name+".sh")
		if err != nil {
			t.Fatal(err)
		}
		lib.Write(text)
	}
	const header = "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n" +
		"  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n"
	const full = header + "TCP  0B0102E8:0050 wlc\n  -> C6130201:1F90      Masq    1      0          0\nUDP  [fd01:0000]:0035 wlc\n"
	awk, err := exec.LookPath("awk")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		table string
		tools []string
		want  string // what was called, and what came of it
	}{
		{full, []string{"ipvsadm", "perl"}, "ipvsadm cleared"},
		{full, []string{"perl", "python3"}, "perl cleared"},
		{full, []string{"python3"}, "python3 cleared"},
		{full, nil, "left"},
		{header, []string{"ipvsadm"}, "cleared"},
		{"", []string{"ipvsadm"}, "cleared"}, // the module is not loaded, and is not to be
	} {
		for _, sh := range shells(t) {
			dir := t.TempDir()
			table := filepath.Join(dir, "ip_vs")
			write := func(path, text string, mode fs.FileMode) {
				if err := os.WriteFile(path, []byte(text), mode); err != nil {
					t.Fatal(err)
				}
			}
			if c.table != "" {
				write(table, c.table, 0o600)
			}
			for _, tool := range c.tools {
				write(filepath.Join(dir, tool), fmt.Sprintf("#!%s %s\nprintf '%s ' >&3\nprintf '%%s' '%s' >%s\n", sh[0], strings.Join(sh[1:], " "),
					tool, header, table), 0o700)
			}
			if err := os.Symlink(awk, filepath.Join(dir, "awk")); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), sh[0], append(sh[1:], "-c",
				lib.String()+"PATH=$1 opt=/none ipvs_table=$2; exec 3>&1; if clear_ipvs; then echo cleared; else echo left; fi", "sh", dir, table)...)
			out, err := cmd.Output()
			if got := strings.TrimSpace(string(out)); err != nil || got != c.want {
				t.Errorf("%v with %q: %q, %v; want %q", sh, c.tools, got, err, c.want)
			}
		}
	}
}

// What stands behind the gate is done after a go and not otherwise: neither when
// it is refused, nor when nobody says anything, nor when the connection breaks,
// and it finds its own input untouched.
func TestGateScript(t *testing.T) {
	t.Parallel()
	text, err := scriptText("gate")
	if err != nil {
		t.Fatal(err)
	}
	const limit = "patience=20"
	if !strings.Contains(text, limit) {
		t.Fatalf("the script does not say %s", limit)
	}
	// Stand-ins for what a host has, and what is behind the gate.
	const standIns = "http() { echo '[]'; }; own_ip() { echo 10.0.0.1; }; curl() { :; }; unit_show() { echo $state; }\n"
	text = strings.Replace(text, "put begin gate", standIns+"put begin gate", 1)
	text = "state=${2:-dead}\n" + text + "put begin outage\nwhile read -r l; do put got \"$l\"; done\nput end outage\n"
	type talk struct {
		says   string // then
		silent bool   // and nothing more, with the input left open
	}
	for name, c := range map[string]struct {
		unit    string // and its state
		answers []talk // to each question
		asks    string
		gets    string // what comes behind the gate; "" if nothing does
		failed  string
	}{
		"go":             {"", []talk{{says: "go\none two\nthree\n"}}, "yes", "one two|three", ""},
		"go, in pieces":  {"", []talk{{says: "g"}, {says: "o"}, {says: "\none\n"}}, "yes", "one", ""},
		"go, no input":   {"", []talk{{says: "go\n"}}, "yes", "-", ""},
		"wait, then go":  {"", []talk{{says: "wait\n"}, {says: "wait\n"}, {says: "go\none\n"}}, "yes yes yes", "one", ""},
		"begun":          {"x.service running", []talk{{says: "go\none\n"}}, "begun", "one", ""},
		"not begun":      {"x.service exited", []talk{{says: "go\none\n"}}, "yes", "one", ""},
		"refused":        {"", []talk{{says: "no\none\n"}}, "yes", "", "waiting until the ensemble can do without"},
		"wait, refused":  {"", []talk{{says: "wait\n"}, {says: "no\n"}}, "yes yes", "", "waiting until the ensemble can do without"},
		"something else": {"", []talk{{says: "gone\none\n"}}, "yes", "", "no answer came"},
		"silence":        {"", []talk{{silent: true}}, "yes", "", "no answer came"},
		"wait, silence":  {"", []talk{{says: "wait\n"}, {silent: true}}, "yes yes", "", "no answer came"},
		"half a word":    {"", []talk{{says: "go", silent: true}}, "yes", "", "no answer came"},
		"broken":         {"", nil, "yes", "", "no answer came"},
		"broken in a go": {"", []talk{{says: "go"}}, "yes", "", "no answer came"},
		"broken later":   {"", []talk{{says: "wait\n"}}, "yes yes", "", "no answer came"},
	} {
		for _, sh := range shells(t) {
			t.Run(name+" "+filepath.Base(sh[0]), func(t *testing.T) {
				t.Parallel()
				text := text
				if slices.ContainsFunc(c.answers, func(a talk) bool { return a.silent }) {
					text = strings.Replace(text, limit, "patience=2", 1)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // whatever goes wrong, it ends
				defer cancel()
				cmd := exec.CommandContext(ctx, sh[0], slices.Concat(sh[1:], []string{"-c", text, "dcos"}, strings.Fields(c.unit))...)
				cmd.WaitDelay = time.Second
				in, err := cmd.StdinPipe()
				if err != nil {
					t.Fatal(err)
				}
				f := &frame{}
				answers, piecewise := c.answers, strings.Contains(name, "pieces")
				open := false
				f.on = func(key, _ string) {
					if key != "ask" {
						return
					}
					for len(answers) > 0 {
						a := answers[0]
						answers = answers[1:]
						if _, err := io.WriteString(in, a.says); err != nil {
							t.Error(err)
						}
						if open = a.silent; !piecewise {
							break
						}
					}
					if len(answers) == 0 && !open {
						_ = in.Close()
					}
				}
				cmd.Stdout = f
				begun := time.Now()
				err = cmd.Run()
				took := time.Since(begun)
				_ = in.Close()
				got := strings.Join(f.all("got"), "|")
				if got == "" && slices.Contains(f.ended, "outage") {
					got = "-"
				}
				if got != c.gets {
					t.Errorf("behind the gate: %q, want %q", got, c.gets)
				}
				if asks := strings.Join(f.all("ask"), " "); asks != c.asks {
					t.Errorf("asked %q, want %q", asks, c.asks)
				}
				var exit *exec.ExitError
				if c.failed == "" && err != nil || c.failed != "" && (!errors.As(err, &exit) || exit.ExitCode() != exitFailed) ||
					!strings.Contains(f.get("failed"), c.failed) {
					t.Errorf("%v, %q; want %q", err, f.get("failed"), c.failed)
				}
				if h := parseHealth(f); f.get("ip") == "" != (c.asks == "begun") || f.has("ensemble") == (c.asks == "begun") || h.Recovered {
					t.Errorf("%+v", f.lines)
				}
				if slow := took > 30*time.Second; slow || open && took < time.Second {
					t.Errorf("it took %v", took)
				}
			})
		}
	}
}

func TestFrame(t *testing.T) {
	t.Parallel()
	b64 := base64.StdEncoding.EncodeToString
	for name, c := range map[string]struct {
		in   string
		want string // part of the error; "" = none
	}{
		"whole":            {"begin=x\na=1\nb:" + b64([]byte("two words")) + "\nend=x\n", ""},
		"empty value":      {"begin=x\na=\nend=x\n", ""},
		"two scripts":      {"begin=w\nend=w\nbegin=x\nend=x\n", ""},
		"cut short":        {"begin=x\na=1\n", "has no end"},
		"cut in a line":    {"begin=x\na=1\nend=x", "within a line"},
		"nothing":          {"", "has no end"},
		"noise":            {"begin=x\nWelcome to this host\nend=x\n", "not a line"},
		"noise before":     {"Last login: yesterday\nbegin=x\nend=x\n", "outside|not a line"},
		"garbled":          {"begin=x\na:%%%\nend=x\n", "garbled"},
		"another script's": {"begin=y\nend=y\n", "has no end"},
		"end of another":   {"begin=x\nend=y\nend=x\n", "without having begun"},
		"strange key":      {"begin=x\nA=1\nend=x\n", "not a line"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &frame{}
			for i := range len(c.in) { // as badly cut as can be
				if _, err := f.Write([]byte{c.in[i]}); err != nil {
					t.Fatal(err)
				}
			}
			err := f.check("x")
			switch {
			case c.want == "" && err != nil:
				t.Errorf("unexpected: %v", err)
			case c.want != "" && err == nil:
				t.Error("was taken")
			case c.want != "" && !slices.ContainsFunc(strings.Split(c.want, "|"), func(w string) bool { return strings.Contains(err.Error(), w) }):
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

func FuzzFrame(f *testing.F) {
	f.Add([]byte("begin=x\na=1\nb:YQ==\nend=x\n"))
	f.Add([]byte("begin=x\n=\n:\n\x00\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		whole, cut := &frame{}, &frame{}
		write := func(f *frame, p []byte) {
			if _, err := f.Write(p); err != nil {
				t.Fatal(err)
			}
		}
		write(whole, data)
		half := len(data) / 2
		write(cut, data[:half])
		write(cut, data[half:])
		if !slices.Equal(whole.lines, cut.lines) || (whole.check("x") == nil) != (cut.check("x") == nil) {
			t.Errorf("it matters how the output is cut: %q", data)
		}
	})
}

func TestMarkerComesBack(t *testing.T) {
	t.Parallel()
	want := Owner{Cluster: "a name with 'quotes' & ümläuts", BundleID: "0123abcd", Version: "2.2.1", Run: "20260101T000000Z-abc",
		Role: PublicAgent, Step: "install"}
	got, err := parseOwner(string(want.text()))
	if err != nil || *got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if _, err := parseOwner("begin=owner\ncluster=x\n"); err == nil {
		t.Error("half a marker was taken")
	}
	if o, err := parseOwner(""); o != nil || err != nil { // as a power cut leaves it
		t.Errorf("an empty marker is %+v, %v", o, err)
	}
}

// TestCloudInitIsWaitedFor holds that a host is not taken for ready while cloud-init runs, be it that it says "error"
// since one of its modules has failed: user data comes last.
func TestCloudInitIsWaitedFor(t *testing.T) {
	t.Parallel()
	text, err := scriptText("cloudinit")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ status, want string }{
		"well":               {`if [ $n -lt 3 ]; then echo "status: running"; else echo "status: done"; fi`, "done"},
		"a module failed":    {`if [ $n -ge 3 ]; then : >result; fi; echo "status: error"`, "error"},
		"without a result":   {`if [ $n -ge 3 ]; then echo degraded >system; fi; echo "status: error"`, "error"},
		"it never ends":      {`echo "status: error"`, "timeout"},
		"before 17: no word": {`if [ $n -ge 3 ]; then : >result; fi`, "done"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for command, body := range map[string]string{
				"cloud-init": "n=$(($(cat n) + 1)); [ \"$2\" = --long ] || echo $n >n\n" + test.status + "\n",
				"systemctl":  "cat system\n", "sleep": "exit 0\n",
			} {
				if err := os.WriteFile(filepath.Join(dir, command), []byte("#!/bin/sh\ncd "+dir+"\n"+body), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			for file, content := range map[string]string{"n": "0\n", "system": "starting\n"} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			script := strings.ReplaceAll(text, "/run/cloud-init/result.json", filepath.Join(dir, "result"))
			cmd := exec.CommandContext(t.Context(), "sh", "-s", "2")
			cmd.Env, cmd.Stdin = []string{"PATH=" + dir + ":" + os.Getenv("PATH")}, strings.NewReader(script)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "outcome="+test.want+"\n") {
				t.Errorf("want %s: %v\n%s", test.want, err, out)
			}
			if asked, err := os.ReadFile(filepath.Join(dir, "n")); err != nil || test.want != "timeout" && strings.TrimSpace(string(asked)) != "3" {
				t.Errorf("asked %s times, %v", asked, err)
			}
		})
	}
}

// Whatever was to be done first on a host, what failed is called becoming root where sudo refused.
func TestBecomingRootIsCalledSo(t *testing.T) {
	t.Parallel()
	refusal := &remote.SudoError{Host: "10.0.0.1", User: "nora", Command: "sudo", Reason: remote.SudoNotAllowed}
	for _, err := range []error{refusal, fmt.Errorf("looking at the host: %w", refusal)} {
		e := stageError("10.0.0.1", "preflight", "running the checks", &frame{}, err)
		if e.Stage != stageConnect || !strings.Contains(e.Error(), "becoming root") || strings.Contains(e.Error(), "running the checks") {
			t.Errorf("%s: %v", e.Stage, e)
		}
	}
	e := stageError("10.0.0.1", "preflight", "running the checks", &frame{}, io.ErrUnexpectedEOF)
	if strings.Contains(e.Error(), "becoming root") {
		t.Errorf("%v", e)
	}
}
