// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// TestAccPublishOthers publishes as root into the web root of a user without any
// rights, who has prepared it for what root does there.
func TestAccPublishOthers(t *testing.T) {
	t.Parallel()
	l := requireAcceptance(t)
	web := l.Host(t, "publish-others")
	shell := func(command string) string {
		t.Helper()
		out, err := web.Shell(t.Context(), command)
		if err != nil {
			t.Fatalf("%s: %v: %s", command, err, out)
		}
		return strings.TrimSpace(out)
	}
	const srv = "/srv/web/dcos"
	shell("useradd --create-home --shell /usr/sbin/nologin web; install -d -o web /srv/web /srv/web/dcos; echo victim >/root/victim")
	asWeb := func(command string) {
		shell("cd " + srv + " && setpriv --reuid=web --regid=web --clear-groups sh -c '" + command + "'")
	}
	d := terraform.New(t)
	configure := func(more string) {
		d.Write("main.tf", terraform.RequiredProviders+fmt.Sprintf("provider \"dcos\" {\n  ssh = { user = %q, private_key = file(%q) }\n}\n",
			lab.UserNoPassword, l.KeyFile())+staticSite(sampleRelease(t, samplerelease.V22),
			fmt.Sprintf("publish = {\n directory = %q\n ssh = { address = %q, host_key = %q }\n}\n%s", srv, web.Address, web.HostKey, more)))
	}
	configure("")
	d.Apply()
	d.NoChanges()
	if strangers := shell("find /srv/web ! -user web"); strangers != "" {
		t.Errorf("not the web root's owner's: %s", strangers)
	}

	// What its owner has written there leads nowhere.
	asWeb("rm .terraform-provider-dcos.json; " +
		"echo \"{\\\"cluster\\\":\\\"test\\\",\\\"files\\\":{\\\"../../../root/victim\\\":{}}}\" >.terraform-provider-dcos.json")
	configure("oauth_enabled = false")
	said := diagnosticsOf(d, "apply", "-auto-approve")
	if !said.mentions("warning", "Published Files Not Checked") || !said.mentions("error", "../../../root/victim") {
		t.Errorf("it says %+v", said)
	}
	asWeb("rm .terraform-provider-dcos.json bootstrap.latest; mv dcos_install.sh was; ln -s /root/victim dcos_install.sh; " +
		"ln -s /root/victim .terraform-provider-dcos.new")
	// What is theirs now is not written over, and used where it is what it was.
	if said = diagnosticsOf(d, "apply", "-auto-approve"); !said.mentions("error", "dcos_install.sh") {
		t.Errorf("it says %+v", said)
	}
	asWeb("rm dcos_install.sh package_lists/* cluster-package-list.latest cluster-package-info.json")
	d.Apply()
	d.NoChanges()
	if victim := shell("stat -c \"%U %a\" /root/victim; cat /root/victim"); victim != "root 644\nvictim" {
		t.Errorf("the file of root's is now %q", victim)
	}

	// Where several may write nobody does.
	shell("chmod g+w /srv/web")
	configure("")
	said = diagnosticsOf(d, "apply", "-auto-approve")
	if !said.mentions("error", "Publishing Failed") || !said.mentions("error", "chmod go-w") {
		t.Errorf("it says %+v", said)
	}
	shell("chmod g-w /srv/web; rm " + srv + "/was")
	d.Apply()
	if said = diagnosticsOf(d, "destroy", "-auto-approve"); !said.mentions("warning", "Published Files Left") {
		t.Errorf("it says %+v", said)
	}
	if left := shell("ls -A " + srv); left != "bootstrap\npackages" {
		t.Errorf("left: %s", left)
	}
}
