// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"archive/zip"
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/secretstore"
)

// TestAccSecrets installs, changes and removes a node behind a jump host with a
// secret of every kind, and looks for each of them wherever it could have got
// to. (TestAccPublish does with the keys of a bucket.)
func TestAccSecrets(t *testing.T) {
	t.Parallel()
	s := newSite(t, requireAcceptance(t), 1, 0, 0)
	const (
		passphrase        = "passphrase-7f3a91"
		sudo              = "paul-secret" // the lab's
		exhibitor         = "exhibitor-password-4c77d0"
		token             = "api-token-e19b52"
		hop               = "nora-secret" // the lab's
		dockerCredentials = "ZG9ja2VyOmRvY2tlci1wYXNzd29yZC01ZQ=="
	)
	key := encryptedKey(t, s.lab, passphrase)
	secrets := map[string]string{"passphrase": passphrase, "sudo": sudo, "exhibitor": exhibitor, "token": token,
		"password of the jump host": hop, "docker credentials": dockerCredentials, "key": strings.Split(key, "\n")[2]}
	// Where values can be ephemeral, some come from variables that are, and some from an ephemeral resource.
	store := secretstore.New(map[string]string{"private_key": key, "sudo": sudo, "exhibitor": exhibitor})
	ephemeral, of := s.tf.Version().Ephemeral(), map[string]string{}
	var sources strings.Builder
	for name := range map[string]string{"private_key": key, "passphrase": passphrase, "sudo": sudo, "exhibitor": exhibitor, "token": token,
		"hop": hop, "docker": dockerCredentials} {
		if _, stored := store.Values[name]; ephemeral && stored {
			fmt.Fprintf(&sources, "ephemeral \"secretstore_value\" %q {\n  name = %q\n}\n", name, name)
			of[name] = "ephemeral.secretstore_value." + name + ".value"
			continue
		}
		fmt.Fprintf(&sources, "variable %q {\n  type = string\n  sensitive = true\n  %s\n}\n", name,
			map[bool]string{true: "ephemeral = true"}[ephemeral])
		of[name] = "var." + name
	}
	s.tf.Write("secrets.tf", sources.String())
	s.tf.Env = append(s.tf.Env, store.Serve(t))
	// The log of all that Terraform and the provider say, at its most talkative.
	logs := filepath.Join(t.TempDir(), "trace.log")
	cache := filepath.Join(t.TempDir(), "cache")
	s.tf.Env = append(s.tf.Env, "TF_LOG=TRACE", "TF_LOG_PATH="+logs, "DCOS_CACHE_DIRECTORY="+cache,
		"TF_VAR_private_key="+key, "TF_VAR_passphrase="+passphrase, "TF_VAR_sudo="+sudo, "TF_VAR_exhibitor="+exhibitor, "TF_VAR_token="+token,
		"TF_VAR_hop="+hop, "TF_VAR_docker="+dockerCredentials)
	configure := func(more string) {
		s.configure(siteOptions{
			ssh: fmt.Sprintf("user = %q\nprivate_key = %s\nprivate_key_passphrase = %s\n"+
				"jump_hosts = [{ address = %q, user = %q, password = %s, host_key = %q }]",
				lab.UserPassword, of["private_key"], of["passphrase"], s.balancer.Address, lab.UserNoSudo, of["hop"], s.balancer.HostKey),
			provider: fmt.Sprintf(`sudo = { password = %s }
  api_token = %s
  secrets = {
    exhibitor_admin_password   = %s
    cluster_docker_credentials = jsonencode({ auths = { "registry.example.com" = { auth = %s } } })
  }
`, of["sudo"], of["token"], of["exhibitor"], of["docker"]), parameters: "cluster_docker_credentials_enabled = true\n" + more})
	}
	configure("")
	seen, seenOnJumpHost := watchProcesses(t, s.masters[0], secrets), watchProcesses(t, s.balancer, secrets)

	s.tf.Run("plan", "-no-color", "-out=plan.bin")
	// A saved plan needs nothing that planning has left here: another machine may apply it.
	lookFor(t, cache, secrets)
	if err := os.RemoveAll(cache); err != nil {
		t.Fatal(err)
	}
	s.tf.Apply("plan.bin")
	s.whole()
	configure("docker_remove_delay = \"2hrs\"")
	s.tf.Run("plan", "-no-color", "-out=plan2.bin")
	s.tf.Apply("plan2.bin")
	s.tf.NoChanges()

	// Each plan and each apply reads them anew.
	for name := range store.Values {
		if n := store.Opened(name); ephemeral && n < 5 {
			t.Errorf("the ephemeral resource of %s was opened %d times", name, n)
		}
	}
	if found := seen() + seenOnJumpHost(); found != "" {
		t.Errorf("in a command line or an environment on a host: %s", found)
	}
	// On the host's disk: nowhere but where DC/OS itself has its configuration.
	found := shell(t, s.masters[0], "grep -rlaF -f "+patternsFile+
		" --exclude-dir=proc --exclude-dir=sys --exclude=patterns / 2>/dev/null || :")
	configured := 0
	for file := range strings.Lines(found) {
		if strings.HasPrefix(file, "/opt/mesosphere/packages/dcos-config--setup_") {
			configured++
		} else {
			t.Errorf("a secret is on the host in %s", file)
		}
	}
	for what, secret := range map[string]string{"password": exhibitor, "docker credentials": dockerCredentials} {
		if found := shell(t, s.masters[0], "grep -rlaF -e "+secret+" /opt/mesosphere/packages || :"); found == "" {
			t.Errorf("DC/OS does not have its %s", what)
		}
	}
	if configured == 0 {
		t.Error("nothing was found, so nothing was looked for")
	}
	shell(t, s.masters[0], "rm "+patternsFile)
	if text := readFile(t, logs); !strings.Contains(text, "exhibitor_admin_password") {
		t.Error("the log is not at its most talkative")
	}
	for _, root := range []string{s.tf.Path, filepath.Dir(logs), cache} {
		lookFor(t, root, secrets)
	}
	s.tf.Destroy()
	shell(t, s.masters[0], "rm -f /run/stop")
	s.clean(s.nodes()...)
	for _, root := range []string{s.tf.Path, filepath.Dir(logs), cache} {
		lookFor(t, root, secrets)
	}
}

// patternsFile holds the secrets on the host, for grep.
const patternsFile = "/root/patterns"

// watchProcesses looks at all command lines and environments on a host again
// and again, and gives those that had a secret in them.
func watchProcesses(t *testing.T, h *lab.Host, secrets map[string]string) (seen func() string) {
	t.Helper()
	if err := h.WriteFile(patternsFile, []byte(strings.Join(slices.Collect(maps.Values(secrets)), "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	watch, err := h.Command(t.Context(), "sh", "-c", "until [ -e /run/stop ]; do for p in /proc/[0-9]*; do "+
		"if grep -qaF -f "+patternsFile+
		" $p/cmdline $p/environ 2>/dev/null; then tr '\\0' ' ' <$p/cmdline >>/run/seen; fi; done; sleep 0.1; done")
	if err != nil {
		t.Fatal(err)
	}
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	return func() string {
		found := shell(t, h, "touch /run/stop; cat /run/seen 2>/dev/null || :")
		if err := watch.Wait(); err != nil {
			t.Errorf("the watch over processes ended early: %v", err)
		}
		return found
	}
}

// shell runs a script on a host.
func shell(t *testing.T, h *lab.Host, script string) string {
	t.Helper()
	out, err := h.Shell(t.Context(), script)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return out
}

// encryptedKey gives the lab's key with a passphrase.
func encryptedKey(t *testing.T, l *lab.Lab, passphrase string) string {
	t.Helper()
	plain, err := l.PrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.ParseRawPrivateKey(plain)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte(passphrase))
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block))
}

// lookFor fails for each file below a directory that has a secret in it.
func lookFor(t *testing.T, root string, secrets map[string]string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if archive, err := zip.NewReader(bytes.NewReader(text), int64(len(text))); err == nil {
			text = nil // a saved plan
			for _, entry := range archive.File {
				in, err := entry.Open()
				if err != nil {
					return err
				}
				content, err := io.ReadAll(in)
				if err != nil {
					return err
				}
				text = append(text, content...)
			}
		}
		for name, secret := range secrets {
			if at := bytes.Index(text, []byte(secret)); at >= 0 {
				t.Errorf("the %s is in %s: …%q…", name, filepath.Base(path), text[max(0, at-80):min(len(text), at+20)])
			}
		}
		return nil
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
}
