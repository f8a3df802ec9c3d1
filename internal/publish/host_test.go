// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package publish

import (
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// The scripts are what every shell reads, and shellcheck finds nothing in them.
func TestScripts(t *testing.T) {
	t.Parallel()
	shellcheck := lab.RequireProgram(t, "shellcheck")
	for name, text := range map[string]string{"guard": guardScript, "store": storeScript} {
		for _, heading := range []string{"# reads ", "# prints ", "# changes "} {
			if !strings.Contains(text, "\n"+heading) {
				t.Errorf("%s does not say what it %s", name, strings.Trim(heading, "# "))
			}
		}
		for _, command := range [][]string{{shellcheck, "-s", "sh", "-S", "warning", "-f", "gcc", "-"}, {"dash", "-n"}, {"bash", "-n"}} {
			cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
			cmd.Stdin = strings.NewReader(text)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %v\n%s", name, command, err, out)
			}
		}
	}
}

// A webHost is a real host with an account that has no rights at all, whose web
// root is published to.
type webHost struct {
	*lab.Host
	t *testing.T
}

// webUser owns a web root.
const webUser = "web"

func newWebHost(t *testing.T, name string) *webHost {
	t.Helper()
	h := &webHost{lab.Require(t).Host(t, name, lab.WithPackages("busybox")), t}
	h.shell("useradd --create-home --shell /usr/sbin/nologin " + webUser)
	return h
}

// shell runs a script on the host from outside, not over SSH.
func (h *webHost) shell(script string) string {
	h.t.Helper()
	out, err := h.Shell(h.t.Context(), script)
	if err != nil {
		h.t.Fatalf("%s: %v: %s", script, err, out)
	}
	return strings.TrimSpace(out)
}

// place connects over SSH and gives a place there.
func (h *webHost) place(l *lab.Lab, user, dir string, asRoot bool) Place {
	h.t.Helper()
	key, err := l.PrivateKey()
	must(h.t, err)
	client, err := remote.NewClient(remote.Config{
		User: user, Credentials: remote.Credentials{PrivateKey: remote.Secret(key)},
		Sudo: remote.Sudo{Password: remote.Secret(lab.Password(user))}, HostKeyPolicy: remote.Strict,
		ConnectTimeout: time.Minute, KeepaliveInterval: 5 * time.Second,
	})
	must(h.t, err)
	conn, err := client.Dial(h.t.Context(), remote.Target{Address: h.Address, HostKey: h.HostKey})
	must(h.t, err)
	h.t.Cleanup(func() {
		must(h.t, conn.Close())
		must(h.t, client.Close())
	})
	return NewPlace(NewHost(conn, dir, asRoot))
}

// TestHost is the life of a directory on a host that is root's, or that of the
// one user who may write there, who has all of it then.
func TestHost(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	h := newWebHost(t, "publish-life")
	for name, c := range map[string]struct {
		login, setup, dir, owner string
		asRoot, nightly          bool
	}{
		"root's":                   {lab.UserNoPassword, "", "/srv/life/www", "root", true, true},
		"root's, on a terminal":    {lab.UserRequireTTY, "", "/srv/tty/www", "root", true, true},
		"in a sticky directory":    {lab.UserNoPassword, "", "/tmp/life/www", "root", true, true},
		"through links of root's":  {lab.UserNoPassword, "mkdir /srv/real; ln -s ../srv/real /srv/link", "/srv/link/./www/", "root", true, false},
		"another's":                {lab.UserNoPassword, "install -d -o web /srv/web", "/srv/web/www", webUser, true, true},
		"another's, on a terminal": {lab.UserRequireTTY, "install -d -o web /srv/webtty", "/srv/webtty/www", webUser, true, false},
		"another's, root logs in":  {lab.UserRoot, "install -d -o web /srv/webroot", "/srv/webroot/www", webUser, false, true},
		"their own":                {lab.UserNoSudo, "install -d -o nora /srv/nora", "/srv/nora/www", lab.UserNoSudo, false, true},
		"shared, and not as root": {lab.UserNoSudo, "groupadd team; usermod -aG team nora; install -d -g team -m 2775 /srv/team", "/srv/team/www",
			lab.UserNoSudo, false, false},
	} {
		if c.nightly && !lab.Nightly {
			continue
		}
		t.Run(name, func(t *testing.T) {
			h := &webHost{h.Host, t}
			if c.setup != "" {
				h.shell(c.setup)
			}
			h.life(h.place(l, c.login, c.dir, c.asRoot), c.dir, c.owner)
		})
	}
	// Where setpriv cannot do it, as BusyBox's cannot; the lab's own needs the one that can.
	t.Run("busybox", func(t *testing.T) {
		h := newWebHost(t, "publish-busybox")
		h.shell(`/bin/busybox --install -s /usr/local/bin; rm -f /usr/local/bin/login /usr/local/bin/su /usr/local/bin/setpriv
mv /usr/bin/setpriv /usr/bin/setpriv.real
printf '#!/bin/sh\ncase "$*" in *--reuid*) exit 1 ;; esac\nexec setpriv.real "$@"\n' >/tmp/setpriv
chmod 755 /tmp/setpriv; mv /tmp/setpriv /usr/bin/setpriv; install -d -o web /srv/web`)
		h.life(h.place(l, lab.UserNoPassword, "/srv/web/www", true), "/srv/web/www", webUser)
		h.life(h.place(l, lab.UserNoPassword, "/srv/www", true), "/srv/www", "root")
	})
}

// life goes through what happens to a directory.
func (h *webHost) life(place Place, dir, owner string) {
	t := h.t
	t.Helper()
	served := func(want Serving) {
		t.Helper()
		if got, err := place.Served(t.Context()); err != nil || got != want {
			t.Errorf("%+v is served, want %+v (%v)", got, want, err)
		}
	}
	served(Serving{})
	c := testContent("one", "abcd")
	must(t, place.Serve(t.Context(), c, nil))
	served(Serving{"one", "demo"})
	if got := h.shell("cd " + dir + " && find . -type f | wc -l"); got != fmt.Sprint(len(c.Files)+2) { // the manifest, and what was made
		t.Errorf("there are %s files", got)
	}
	if others := h.shell("find " + dir + " ! -user " + owner + " -o -type f ! -perm 644 -o -type d ! -perm 755 ! -perm 2755"); others != "" {
		t.Errorf("not %s's, or not for all to read: %s", owner, others)
	}
	h.shell("rm " + dir + "/dcos_install.sh; echo theirs >" + dir + "/packages/theirs; echo rest >" + dir + "/.terraform-provider-dcos.new")
	inode := h.shell("stat -c %i " + dir + "/bootstrap.latest")
	served(Serving{"", "demo"})
	must(t, place.Serve(t.Context(), c, nil))
	served(Serving{"one", "demo"})
	if now := h.shell("stat -c %i " + dir + "/bootstrap.latest"); now != inode {
		t.Error("what was there was written again")
	}
	must(t, place.Serve(t.Context(), testContent("two", "ef01"), &none))
	served(Serving{"two", "demo"})
	if left := h.shell("ls " + dir + "/package_lists"); left != "ef01.package_list.json" {
		t.Errorf("left of the former: %s", left)
	}
	unserve(t, place)
	if left := h.shell("cd " + dir + " && find . -type f"); left != "./packages/theirs" {
		t.Errorf("left: %s", left)
	}
	h.shell("rm -r " + dir)
	must(t, place.Serve(t.Context(), c, nil))
	unserve(t, place)
	served(Serving{})
	h.shell("test ! -e " + dir)
}

// TestHostOfOthers publishes as root where another user has prepared everything
// that could lead root elsewhere.
func TestHostOfOthers(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	h := newWebHost(t, "publish-hostile")
	// What must stay as it is: files of root's that are to be deleted, overwritten, read or given away.
	h.shell(`mkdir -p /root/box/mesos /root/place /root/bare; chmod 755 /root
for f in /root/victim /root/box/mesos/mesos--bbbb.tar.xz /root/box/theirs /root/place/dcos_install.sh; do echo "root's" >$f; done
echo secret >/root/secret; chmod 600 /root/secret`)
	const look = `find /root -exec stat -c '%n %u %g %a %s %Y' {} +; find /root -type f -exec sha256sum {} +
ls -A / /srv/empty; ls -ld /etc/passwd`
	h.shell("mkdir /srv/empty")
	serve := func(p Place) error { return p.Serve(t.Context(), testContent("one", "abcd"), nil) }
	unserve := func(p Place) error {
		_, err := p.Unserve(t.Context())
		return err
	}
	const manifest = `{"cluster":"demo","bundle":"one","files":{%s}}`
	const mark = " >.terraform-provider-dcos.made"
	named := func(name string) string {
		return fmt.Sprintf("printf '%%s' '"+manifest+"' >.terraform-provider-dcos.json", `"`+name+`":{}`)
	}
	for name, c := range map[string]struct {
		prepare string // run as web, in the directory
		do      func(Place) error
		says    string // "": it must not fail
	}{
		"a manifest that names what is elsewhere":    {named("../../../root/victim"), unserve, "damaged"},
		"a manifest that names two lines":            {named(`a\n../../../root/victim`), unserve, "damaged"},
		"the same, to be replaced":                   {named("../../../root/victim"), serve, "damaged"},
		"a manifest that is a link":                  {"ln -s /root/secret .terraform-provider-dcos.json", serve, ""},
		"a manifest that is a pipe":                  {"mkfifo .terraform-provider-dcos.json", serve, ""},
		"a directory that is a link":                 {"ln -s /root/box packages", serve, "in the way"},
		"a link to be emptied":                       {named("packages/mesos/mesos--bbbb.tar.xz") + "; ln -s /root/box packages", unserve, ""},
		"a file that is a link":                      {"ln -s /root/victim dcos_install.sh", serve, "(dcos_install.sh)"},
		"a file that is a pipe":                      {"mkfifo dcos_install.sh", serve, "(dcos_install.sh)"},
		"a file of ours that is a link":              {named("dcos_install.sh") + "; ln -s /root/victim dcos_install.sh", serve, ""},
		"such a link to a directory":                 {named("dcos_install.sh") + "; ln -s /root/box dcos_install.sh", serve, ""},
		"a temporary name that is a link":            {"ln -s /root/victim .terraform-provider-dcos.new", serve, ""},
		"a temporary name that is a pipe":            {"mkfifo .terraform-provider-dcos.new", serve, ""},
		"a temporary name that is a directory":       {"mkdir .terraform-provider-dcos.new", serve, "irectory"},
		"a file of ours that is a hard link":         {named("dcos_install.sh") + "; ln /etc/passwd dcos_install.sh 2>/dev/null || :", serve, ""},
		"a count of directories to remove":           {named("a") + "; echo 99" + mark, unserve, ""},
		"a count that is a command":                  {named("a") + "; echo 'a[$(touch /root/pwned)]'" + mark, unserve, ""},
		"a name for a path that is a link to root's": {"cd ..; rmdir www; ln -s /root/bare www", serve, "belongs to root"},
		"such a link, where there is a file":         {"cd ..; rmdir www; ln -s /root/place www", serve, "(dcos_install.sh)"},
	} {
		t.Run(name, func(t *testing.T) {
			h := &webHost{h.Host, t}
			before := h.shell(look)
			h.shell("rm -rf /srv/web; install -d -o web /srv/web /srv/web/www; cd /srv/web/www; " +
				"setpriv --reuid=web --regid=web --clear-groups sh -c '" + strings.ReplaceAll(c.prepare, "'", `'\''`) + "'")
			err := c.do(h.place(l, lab.UserNoPassword, "/srv/web/www", true))
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("what only root may read is in the message: %v", err)
			}
			if after := h.shell(look); after != before {
				t.Errorf("before:\n%s\nafter:\n%s", before, after)
			}
			if strangers := h.shell("find /srv/web ! -user web ! -path /srv/web/www -o -path /srv/web/www ! -type l ! -user web"); strangers != "" {
				t.Errorf("root made %s", strangers)
			}
		})
	}
	t.Run("links that come and go", func(t *testing.T) {
		h := &webHost{h.Host, t}
		before := h.shell(look)
		h.shell(`rm -rf /srv/web; install -d -o web /srv/web /srv/web/www
systemd-run --quiet --unit=swap --uid=web sh -c 'cd /srv/web/www; while :; do
	mkdir packages 2>/dev/null; mv packages was; ln -s /root/box packages; ln -sf /root/victim .terraform-provider-dcos.new
	rm packages; mv was packages
done'`)
		place := h.place(l, lab.UserNoPassword, "/srv/web/www", true)
		for range 5 {
			_ = serve(place)   // it may fail: others are at work
			_ = unserve(place) // as above
		}
		h.shell("systemctl stop swap")
		if after := h.shell(look); after != before {
			t.Errorf("before:\n%s\nafter:\n%s", before, after)
		}
	})
}

// TestHostRefused holds where root does not work, and what is said then.
func TestHostRefused(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	h := newWebHost(t, "publish-refused")
	h.shell("useradd other; groupadd team")
	for name, c := range map[string]struct{ setup, dir, says string }{
		"a group may write":           {"install -d -g team -m 2775 /srv/group", "/srv/group", "chmod go-w"},
		"a group may write above":     {"install -d -g team -m 775 /srv/above", "/srv/above/www", "/srv/above (mode 775)"},
		"all may write":               {"install -d -m 777 /srv/all", "/srv/all", "chmod go-w"},
		"all may write, sticky":       {"install -d -m 1777 /srv/sticky", "/srv/sticky", "/srv/sticky (mode 1777)"},
		"two users":                   {"install -d -o web /srv/two; install -d -o other /srv/two/www", "/srv/two/www", "different users"},
		"nobody that is known":        {"install -d -o 4711 /srv/unknown", "/srv/unknown", "4711"},
		"another's link in /tmp":      {"ln -s /srv /tmp/link; chown -h other /tmp/link; install -d -o web /srv/x", "/tmp/link/x", "different"},
		"a link to nothing":           {"ln -s /srv/none /srv/dangling", "/srv/dangling/www", "leads nowhere"},
		"links in a circle":           {"ln -s round /srv/round", "/srv/round/www", "leads nowhere"},
		"a file in the path":          {"echo >/srv/file", "/srv/file/www", "is not a directory"},
		"another's below root's":      {"install -d /srv/mixed; install -d -o web /srv/mixed/packages", "/srv/mixed", "give both to one"},
		"a group's below root's":      {"install -d /srv/loose; install -d -m 777 /srv/loose/packages", "/srv/loose", "others than root may"},
		"root's below another's":      {"install -d -o web /srv/below; install -d /srv/below/www", "/srv/below/www", "web may not write to"},
		"root's files below theirs":   {"install -d -o web /srv/former; install -d /srv/former/packages", "/srv/former", "web may not write to"},
		"a file in a directory's way": {"install -d /srv/way; echo >/srv/way/packages", "/srv/way", "in the way"},
		"a directory in a file's way": {`install -d /srv/away/dcos_install.sh; echo '{"cluster":"demo","files":{"dcos_install.sh":{}}}' ` +
			">/srv/away/" + manifestName, "/srv/away", "is a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			h := &webHost{h.Host, t}
			h.shell(c.setup)
			err := h.place(l, lab.UserNoPassword, c.dir, true).Serve(t.Context(), testContent("one", "abcd"), nil)
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
}

// What the host says is read as what it may be.
func TestParseStored(t *testing.T) {
	t.Parallel()
	there, err := parseStored([]byte("3 2026-01-02T03:04:05.678+0000 a/b c\n0 t d\n"))
	if want := map[string]Stored{"a/b c": {3, "2026-01-02T03:04:05.678+0000"}, "d": {0, "t"}}; err != nil || !maps.Equal(there, want) {
		t.Errorf("got %v, %v", slices.Sorted(maps.Keys(there)), err)
	}
	for _, text := range []string{"x\n", "1 a\n", "x a b\n"} {
		if there, err := parseStored([]byte(text)); err == nil {
			t.Errorf("%q: %v", text, there)
		}
	}
}
