// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/release"
)

const (
	testCommit    = "0123456789abcdef0123456789abcdef01234567"
	testBootstrap = "fedcba9876543210fedcba9876543210fedcba98"
)

// testRelease lays out a small release of a version.
func testRelease(t testing.TB, version string, more map[string]string) *release.Release {
	t.Helper()
	const gen = "opt/mesosphere/packages/dcos-image--aaaa/lib/python3.6/site-packages/gen/"
	files := map[string]string{
		"installer_internal_wrapper": "export DCOS_IMAGE_COMMIT=" + testCommit + "\nexport BOOTSTRAP_ID=" +
			testBootstrap + "\nexport BOOTSTRAP_VARIANT=\n",
		"artifacts/complete/complete.latest.json": `{"bootstrap": "` + testBootstrap +
			`", "packages": ["dcos-image--aaaa", "mesos--bbbb"]}`,
		"artifacts/bootstrap/" + testBootstrap + ".active.json":      `["dcos-image--aaaa"]`,
		"artifacts/bootstrap/" + testBootstrap + ".bootstrap.tar.xz": strings.Repeat("bootstrap", 99),
		"artifacts/packages/mesos/mesos--bbbb.tar.xz":                strings.Repeat("mesos", 700),
		"artifacts/packages/dcos-image/dcos-image--aaaa.tar.xz":      "image",
		gen + "calc.py":            "DCOS_VERSION = '" + version + "'\n",
		gen + "dcos-config.yaml":   "package: []\n",
		gen + "cloud-config.yaml":  "root: []\n",
		gen + "dcos-metadata.yaml": "package: []\n",
		gen + "dcos-services.yaml": "[]\n",
	}
	maps.Copy(files, more)
	dir := t.TempDir()
	for name, content := range files {
		to := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(to), 0o755))
		must(t, os.WriteFile(to, []byte(content), 0o644))
	}
	rel, err := release.Open(t.Context(), dir, release.Options{CacheDirectory: t.TempDir()})
	must(t, err)
	t.Cleanup(func() { must(t, rel.Close()) })
	return rel
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// testBundle gives a bundle that looks like one of the version.
func testBundle(t testing.TB, version string) *Bundle {
	t.Helper()
	b := &Bundle{
		ID: strings.Repeat("1d", 32), Version: version, Line: config.LineOf(version),
		PackageListID: "abcd", BootstrapID: testBootstrap,
		PackageIDs: []string{"dcos-config--setup_1", "dcos-image--aaaa", "mesos--bbbb"},
		ConfigPackages: []Package{{"dcos-config", "dcos-config--setup_1", []File{
			{Path: "/etc/a", Mode: 0o644, Content: []byte("A\n")}, {Path: "/etc_master/secret", Mode: 0o600, Content: []byte("B\n")},
			{Path: "/bin/x", Mode: 0o755},
		}}},
		SetupFiles: []File{
			{Path: "/etc/mesosphere/setup-flags/repository-url", Mode: 0o644, Content: []byte("http://b/x\n")},
			{Path: "/etc/mesosphere/docker_credentials", Mode: 0o600, Content: []byte("line\nEND\n  $HOME `id` \\ 'q' \"q\"\nno end")},
		},
		Units: []Unit{
			{Name: "docker.service", Command: "restart"},
			{Name: "dcos-download.service", Content: "[Service]\nExecStart=/bin/true $X\n"},
			{Name: "dcos-setup.service", Content: "[Unit]\n", Command: "start", Enable: true, NoBlock: true},
		},
		Arguments:     map[string]string{"bootstrap_url": "http://b/x", "mesos_agent_work_dir": "/var/lib/work"},
		UserArguments: map[string]string{"cluster_name": "x"},
		rel:           testRelease(t, version, nil),
	}
	for _, p := range b.ConfigPackages {
		b.tarballs = append(b.tarballs, func() ([]byte, error) { return tarball(p) })
	}
	return b
}

// A host is a directory that a script takes for the root, with stand-ins for
// commands. A command that has none is not there.
type host struct {
	root, bin string
	shell     string
}

// tools are the commands of a system that scripts may rely on.
var tools = []string{"awk", "basename", "cat", "chmod", "cut", "dirname", "grep", "head", "ls", "mkdir", "rm", "sed", "sort", "tail",
	"touch", "tr"}

func newHost(t *testing.T, shell string) *host {
	t.Helper()
	h := &host{root: t.TempDir(), bin: t.TempDir(), shell: shell}
	for _, name := range tools {
		path, err := exec.LookPath(name)
		must(t, err)
		must(t, os.Symlink(path, filepath.Join(h.bin, name)))
	}
	for name, text := range map[string]string{
		"id": "echo 0",
		"docker": `case "$*" in info) printf ' Storage Driver: overlay2\n Docker Root Dir: /var/lib/docker\n' ;; ` +
			`version*) printf '24.0.5 23.0.1\n' ;; esac`,
		"systemctl":  `case $1 in --version) echo 'systemd 252 (252.17-1~deb12u1)' ;; *) echo "$*" >>"$ROOT/calls" ;; esac`,
		"getenforce": "echo Permissive",
		"sestatus":   `printf 'SELinux status:   enabled\nLoaded policy name:             %s\n' "${POLICY-targeted}"`,
		"lsmod":      "echo raid1 1 0",
		"getent":     `[ "$2" = nogroup ]`,
		"df":         `printf 'Filesystem Type 1-blocks Used Available Capacity Mounted on\n/dev/sda1 ext4 1 1 1 1%% /\n'`,
		"sleep":      ":",
	} {
		h.stub(t, name, text)
	}
	for _, name := range []string{"bash", "curl", "ping", "tar", "xz", "unzip", "ipset", "systemd-notify", "ifconfig"} {
		h.stub(t, name, ":")
	}
	h.write(t, "/proc/net/tcp", "  sl  local_address rem_address   st\n   0: 0100007F:0035 00000000:0000 06 x\n"+
		"   1: 0100007F:9999 00000000:0000 0A x\n   2: 0100007F:8FA3 0100007F:0050 01 x\n")
	return h
}

func (h *host) stub(t *testing.T, name, text string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(h.bin, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755))
}

func (h *host) write(t *testing.T, path, text string) {
	t.Helper()
	path = filepath.Join(h.root, path)
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(text), 0o755))
}

var rooted = regexp.MustCompile(`([^A-Za-z0-9_])(/etc/|/opt/mesosphere|/proc/net/)`)

// run runs a script as if the host's directory were the root.
func (h *host) run(t *testing.T, script []byte, args ...string) (code int, output string) {
	t.Helper()
	path := filepath.Join(h.root, "script")
	must(t, os.WriteFile(path, rooted.ReplaceAll(script, []byte("${1}"+h.root+"${2}")), 0o755))
	cmd := exec.CommandContext(t.Context(), h.shell, append([]string{path}, args...)...)
	cmd.Env = []string{"PATH=" + h.bin, "ROOT=" + h.root}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), strings.ReplaceAll(string(out), h.root, "")
}

func (h *host) calls(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(h.root, "calls"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}

// shells gives the shells to run scripts under. dash stands for any POSIX sh.
func shells(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, name := range []string{"bash", "dash"} {
		if path, err := exec.LookPath(name); err == nil {
			found = append(found, path)
		}
	}
	if len(found) == 0 {
		t.Skip("there is neither bash nor dash here")
	}
	return found
}

func TestInstall(t *testing.T) {
	t.Parallel()
	for _, shell := range shells(t) {
		for _, version := range []string{"2.2.1", "1.10.11"} {
			b := testBundle(t, version)
			script, err := b.InstallScript()
			must(t, err)
			h := newHost(t, shell)
			if code, out := h.run(t, script, "slave"); code != 0 {
				t.Fatalf("%s %s: exit %d\n%s", shell, version, code, out)
			}
			want := "restart docker\nenable dcos-setup\nstart dcos-setup\n"
			if got := h.calls(t); got != want {
				t.Errorf("%s: systemctl was called\n%swant\n%s", version, got, want)
			}
			if fi, err := os.Stat(filepath.Join(h.root, "/etc/mesosphere/roles/slave")); err != nil || fi.Size() != 0 {
				t.Error("the role's file is not there:", err)
			}
			for _, f := range b.HostFiles() {
				path := filepath.Join(h.root, f.Path)
				content, err := os.ReadFile(path)
				must(t, err)
				fi, err := os.Stat(path)
				must(t, err)
				content = bytes.ReplaceAll(content, []byte(h.root), nil)
				if !bytes.Equal(content, f.Content) || fi.Mode().Perm() != f.Mode {
					t.Errorf("%s: %o %q, want %o %q", f.Path, fi.Mode(), content, f.Mode, f.Content)
				}
			}
			must(t, os.Remove(filepath.Join(h.root, "calls")))
			if code, out := h.run(t, script, "-d", "slave", "--no-block-dcos-setup"); code != 0 ||
				h.calls(t) != "restart docker\nenable dcos-setup\nstart dcos-setup --no-block\n" {
				t.Errorf("exit %d\n%s%s", code, out, h.calls(t))
			}
		}
	}
}

// What a user's flags and the host's faults come to.
func TestInstallExitCodes(t *testing.T) {
	t.Parallel()
	listening := func(port string) func(*testing.T, *host) {
		return func(t *testing.T, h *host) {
			h.write(t, "/proc/net/tcp6", "  sl  local_address  remote_address  st\n   0: 00000000000000000000000000000000:"+port+
				" 00000000000000000000000000000000:0000 0A x\n")
		}
	}
	missing := func(names ...string) func(*testing.T, *host) {
		return func(t *testing.T, h *host) {
			for _, name := range names {
				must(t, os.Remove(filepath.Join(h.bin, name)))
			}
		}
	}
	stub := func(name, text string) func(*testing.T, *host) {
		return func(t *testing.T, h *host) { h.stub(t, name, text) }
	}
	xfs := func(info string) func(*testing.T, *host) {
		return func(t *testing.T, h *host) {
			h.stub(t, "df", `printf 'Filesystem Type 1-blocks Used Available Capacity Mounted on\n/dev/sdb xfs 1 1 1 1%% /data\n'`)
			h.stub(t, "xfs_info", "echo "+info)
		}
	}
	scripts := map[string][]byte{}
	for _, line := range config.Lines() {
		script, err := testBundle(t, line+".5").InstallScript()
		must(t, err)
		// No test can count on a block device.
		scripts[line] = bytes.ReplaceAll(script, []byte(`[ -b "$device" ]`), []byte(`[ -n "$device" ]`))
	}
	for _, c := range []struct {
		name    string
		lines   string // "" is all
		prepare func(*testing.T, *host)
		args    string
		code    int
		says    string
	}{
		{"fine", "", nil, "-p slave", 0, ""},
		{"fine master", "", nil, "--preflight-only master", 0, ""},
		{"start of an option", "", nil, "--pre master", 0, ""},
		{"help", "", nil, "-h", 1, "usage"},
		{"long help", "", nil, "--help", 1, "usage"},
		{"unknown option", "", nil, "-x slave", 1, "usage"},
		{"unknown long option", "", nil, "--force slave", 1, "usage"},
		{"no role", "", nil, "", 1, "Which role"},
		{"no role, preflight only", "", nil, "-p", 1, "no role is named"},
		{"unknown role", "", nil, "agent", 1, "is no role"},
		{"two roles", "", nil, "master slave", 1, "is no role"},
		{"not root", "", stub("id", "echo 1000"), "slave", 1, "root"},
		{"both, old", "1.10 1.11 1.12 1.13", nil, "-d -p slave", 1, "exclude"},
		{"both, new", "2.0 2.1 2.2", nil, "-dp slave", 0, "Preflight"},
		{"installed", "", func(t *testing.T, h *host) { h.write(t, "/opt/mesosphere/bin/x", "") }, "slave", 1, "installed here already"},
		{"installed, units", "", func(t *testing.T, h *host) { h.write(t, "/etc/systemd/system/dcos.target.wants/x", "") }, "-p slave", 1,
			"installed here already"},
		{"empty root, old", "1.10", func(t *testing.T, h *host) { must(t, os.MkdirAll(h.root+"/opt/mesosphere", 0o755)) }, "-p slave", 1,
			"installed here already"},
		{"empty root", "1.11 2.2", func(t *testing.T, h *host) { must(t, os.MkdirAll(h.root+"/opt/mesosphere", 0o755)) }, "-p slave", 0, ""},
		{"SELinux targeted, old", "1.10 1.11", stub("getenforce", "echo Enforcing"), "-p slave", 1, "SELinux"},
		{"SELinux targeted", "1.12 2.2", stub("getenforce", "echo Enforcing"), "-p slave", 0, "targeted"},
		{"SELinux mls", "1.12 2.2", func(t *testing.T, h *host) {
			h.stub(t, "getenforce", "echo Enforcing")
			h.stub(t, "sestatus", "echo 'Loaded policy name:   mls'")
		}, "-p slave", 1, "mls"},
		{"no SELinux", "", missing("getenforce", "sestatus"), "-p slave", 0, ""},
		{"no docker, old", "1.10", missing("docker"), "-p slave", 1, "docker is not installed"},
		{"no docker", "1.11 2.2", missing("docker"), "-p slave", 3, "docker is not installed"},
		{"daemon down", "", stub("docker", "echo down >&2; exit 1"), "-p slave", 1, "docker"},
		{"old docker", "", stub("docker", `case "$*" in version*) echo 20.10.1 1.5.0 ;; esac`), "-p slave", 1, "docker is version 1.5.0"},
		{"old docker, old sort", "", func(t *testing.T, h *host) {
			h.stub(t, "docker", `case "$*" in version*) echo 1.5.0 1.5.0 ;; esac`)
			missing("sort")(t, h)
			h.stub(t, "sort", "exit 2")
		}, "-p slave", 0, "not compared"},
		{"old systemd", "", stub("systemctl", "echo systemd 199"), "-p slave", 1, "systemd is version 199"},
		{"two missing", "", missing("ipset", "unzip"), "-p slave", 2, "ipset is not installed"},
		{"no ifconfig", "1.12", missing("ifconfig"), "-p slave", 1, "ifconfig"},
		{"no ifconfig", "1.11 1.13 2.2", missing("ifconfig"), "-p slave", 0, ""},
		{"no nogroup", "1.10", stub("getent", "exit 2"), "-p slave", 1, "nogroup"},
		{"no nogroup", "1.11", stub("getent", "exit 2"), "-p slave", 0, ""},
		{"port of masters", "", listening("01BB"), "-p master", 1, "port 443 is in use"},
		{"port of masters on an agent", "", listening("01BB"), "-p slave_public", 0, ""},
		{"port of agents", "", listening("13BB"), "-p slave", 1, "port 5051 is in use"},
		{"loop device", "",
			stub("docker", `case "$*" in info) printf ' Storage Driver: devicemapper\n Data file: /dev/loop0\n' ;; version*) echo 20.1.2 ;; esac`),
			"-p master", 1, "loop device"},
		{"modules", "1.13 2.2", stub("lsmod", ""), "-p master", 0, "raid1 is not loaded"},
		{"XFS with ftype", "", xfs("naming =version 2 ftype=1"), "-p slave", 0, ""},
		{"XFS without ftype", "", xfs("naming =version 2 ftype=0"), "-p slave", 1, "does not have ftype=1"},
		{"XFS on a master", "", xfs("naming =version 2 ftype=0"), "-p master", 0, ""},
		{"nothing checked", "", missing("docker", "curl"), "-d slave", 0, "Installing"},
		{"a unit fails", "", stub("systemctl", `case $1 in --version) echo systemd 252 ;; enable) exit 5 ;; esac`), "slave", 5, "Installing"},
	} {
		lines := strings.Fields(c.lines)
		if len(lines) == 0 {
			lines = []string{"1.10", "2.2"} // where nothing changed in between
		}
		for _, line := range lines {
			for _, shell := range shells(t) {
				t.Run(c.name+" "+line+" "+filepath.Base(shell), func(t *testing.T) {
					t.Parallel()
					h := newHost(t, shell)
					if c.prepare != nil {
						c.prepare(t, h)
					}
					code, out := h.run(t, scripts[line], strings.Fields(c.args)...)
					if code != c.code || !strings.Contains(out, c.says) {
						t.Errorf("exit %d, want %d with %q\n%s", code, c.code, c.says, out)
					}
					if strings.Contains(c.args, "p") && strings.HasPrefix(c.args, "-") && h.calls(t) != "" {
						t.Errorf("preflight called systemctl %s", h.calls(t))
					}
				})
			}
		}
	}
}

func TestUpgradeScript(t *testing.T) {
	t.Parallel()
	node := func(t *testing.T, shell string) *host {
		h := newHost(t, shell)
		h.write(t, "/opt/mesosphere/etc/dcos-version.json", "{\n  \"version\": \"2.1.2\",\n  \"dcos-image-commit\": \"x\"\n}\n")
		h.write(t, "/opt/mesosphere/environment.export", "export PKG=1\n")
		h.write(t, "/opt/mesosphere/bin/pkgpanda", "#!/bin/sh\necho \"$PKG $*\" >>\"$ROOT/calls\"\necho chatter\n")
		h.write(t, "/opt/mesosphere/bin/dcos-check-runner", "#!/bin/sh\necho \"$*\" >>\"$ROOT/calls\"\necho '{\"status\": 0, \"checks\": {}}'\n")
		h.write(t, "/etc/mesosphere/roles/slave", "")
		return h
	}
	const checked = "check node-poststart\ncheck cluster\n"
	const ids = "dcos-config--setup_1 dcos-image--aaaa mesos--bbbb\n"
	const done = "1 fetch --repository-url=http://b/x " + ids + "1 activate " + ids
	failing := func(when string) string {
		return "#!/bin/sh\necho \"$*\" >>\"$ROOT/calls\"\nn=$(grep -c check \"$ROOT/calls\")\nif " + when +
			"; then echo '{\"error\": true, \"checks\": [\"x\"]}'; else echo '{\"status\": 0}'; fi\n"
	}
	for _, c := range []struct {
		name    string
		version string
		prepare func(*testing.T, *host)
		args    string
		code    int
		says    string
		calls   string
	}{
		{"plain", "2.2.1", nil, "", 0, "Upgrading this slave from 2.1.2 to 2.2.1", checked + done + checked},
		{"does not wait", "2.1.5", nil, "", 0, "", checked + strings.Replace(done, "activate", "activate --no-block-systemd", 1) + checked},
		{"verbose", "2.2.1", nil, "-v", 0, "chatter", checked + done + checked},
		{"without checks", "2.2.1", nil, "--skip-checks --verbose", 0, "chatter", done},
		{"unknown option", "2.2.1", nil, "--force", 1, "usage", ""},
		{"not root", "2.2.1", func(t *testing.T, h *host) { h.stub(t, "id", "echo 1") }, "", 1, "root", ""},
		{"other version", "2.2.1", func(t *testing.T, h *host) {
			h.write(t, "/opt/mesosphere/etc/dcos-version.json", `{"version": "2.0.1"}`)
		}, "", 1, "2.0.1", ""},
		{"two roles", "2.2.1", func(t *testing.T, h *host) { h.write(t, "/etc/mesosphere/roles/master", "") }, "", 1, "master slave", checked},
		{"no role", "2.2.1", func(t *testing.T, h *host) { must(t, os.RemoveAll(h.root+"/etc/mesosphere/roles")) }, "", 1,
			"exactly one", checked},
		{"checks fail before", "2.2.1", func(t *testing.T, h *host) { h.write(t, "/opt/mesosphere/bin/dcos-check-runner", failing("true")) }, "",
			1, "Nothing was changed", "check node-poststart\n"},
		{"checks fail for a while", "2.2.1", func(t *testing.T, h *host) {
			h.write(t, "/opt/mesosphere/bin/dcos-check-runner", failing(`[ "$n" -gt 2 ] && [ "$n" -lt 6 ]`))
		}, "", 0, "", checked + done + strings.Repeat("check node-poststart\n", 3) + checked},
		{"checks fail after", "2.2.1", func(t *testing.T, h *host) {
			h.write(t, "/opt/mesosphere/bin/dcos-check-runner", failing(`[ "$n" -gt 2 ]`))
		}, "", 3, "still fail", checked + done + strings.Repeat("check node-poststart\n", 9)},
		{"older check runner", "2.2.1", func(t *testing.T, h *host) {
			must(t, os.Rename(h.root+"/opt/mesosphere/bin/dcos-check-runner", h.root+"/opt/mesosphere/bin/dcos-diagnostics"))
			h.write(t, "/opt/mesosphere/etc/dcos-diagnostics-runner-config.json", "{}")
		}, "", 0, "", checked + done + checked},
		{"fetch fails", "2.2.1", func(t *testing.T, h *host) {
			h.write(t, "/opt/mesosphere/bin/pkgpanda", "#!/bin/sh\necho broken >&2\nexit 7\n")
		}, "", 7, "broken", checked},
	} {
		for _, shell := range shells(t) {
			t.Run(c.name+" "+filepath.Base(shell), func(t *testing.T) {
				t.Parallel()
				script, err := testBundle(t, c.version).UpgradeScript("2.1.2")
				must(t, err)
				short := bytes.Replace(script, []byte("patience=300\n"), []byte("patience=9\n"), 1)
				if len(short) != len(script)-2 {
					t.Error("the script does not wait for five minutes")
				}
				h := node(t, shell)
				if c.prepare != nil {
					c.prepare(t, h)
				}
				code, out := h.run(t, short, strings.Fields(c.args)...)
				if code != c.code || !strings.Contains(out, c.says) || h.calls(t) != c.calls {
					t.Errorf("exit %d, want %d with %q\n%s\ncalled:\n%s\nwant:\n%s", code, c.code, c.says, out, h.calls(t), c.calls)
				}
				if strings.Contains(out, "chatter") && !strings.Contains(c.args, "-v") {
					t.Errorf("not asked to be talkative:\n%s", out)
				}
			})
		}
	}
}

// The scripts of all lines hold up to a linter.
func TestScriptsAreClean(t *testing.T) {
	t.Parallel()
	shellcheck := lab.RequireProgram(t, "shellcheck")
	for _, line := range config.Lines() {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			b := testBundle(t, line+".0")
			install, err := b.InstallScript()
			must(t, err)
			upgrade, err := b.UpgradeScript("1.9.1")
			must(t, err)
			for name, script := range map[string][]byte{"install": install, "upgrade": upgrade} {
				cmd := exec.CommandContext(t.Context(), shellcheck, "--shell=sh", "-")
				cmd.Stdin = bytes.NewReader(script)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%s of %s: %v\n%s", name, line, err, out)
				}
			}
		})
	}
}

func TestScriptsRefuse(t *testing.T) {
	t.Parallel()
	b := testBundle(t, "2.2.1")
	if _, err := b.UpgradeScript("2.1'; id; '"); err == nil {
		t.Error("a quote got into the upgrade script")
	}
	b.Arguments["mesos_agent_work_dir"] = "/x'; id; '"
	if _, err := b.InstallScript(); err == nil {
		t.Error("a quote got into the install script")
	}
	b = testBundle(t, "2.2.1")
	b.SetupFiles[0].Content = []byte("a\x00b")
	if _, err := b.InstallScript(); err == nil {
		t.Error("a NUL got into the install script")
	}
}
