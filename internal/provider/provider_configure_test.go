// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"golang.org/x/crypto/ssh"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/release"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// unknown stands for a value that is not known yet.
type unknown struct{}

// value makes a value of a type from plain Go values; what a map lacks is null.
func value(t *testing.T, typ tftypes.Type, v any) tftypes.Value {
	t.Helper()
	switch v := v.(type) {
	case nil:
		return tftypes.NewValue(typ, nil)
	case unknown:
		return tftypes.NewValue(typ, tftypes.UnknownValue)
	case []any:
		items := make([]tftypes.Value, len(v))
		for i, item := range v {
			items[i] = value(t, elementType(t, typ), item)
		}
		return tftypes.NewValue(typ, items)
	case map[string]any:
		items := map[string]tftypes.Value{}
		if object, ok := typ.(tftypes.Object); ok {
			for name, typ := range object.AttributeTypes {
				items[name] = value(t, typ, v[name])
			}
			for name := range v {
				if _, ok := items[name]; !ok {
					t.Fatalf("there is no attribute %s", name)
				}
			}
		} else {
			for name, item := range v {
				items[name] = value(t, elementType(t, typ), item)
			}
		}
		return tftypes.NewValue(typ, items)
	}
	return tftypes.NewValue(typ, v)
}

// elementType gives the type of what a list or a map holds.
func elementType(t *testing.T, typ tftypes.Type) tftypes.Type {
	t.Helper()
	switch typ := typ.(type) {
	case tftypes.List:
		return typ.ElementType
	case tftypes.Map:
		return typ.ElementType
	}
	t.Fatalf("%s has no elements", typ)
	return nil
}

// configure runs Configure with a provider block and an environment.
func configure(t *testing.T, block map[string]any, env map[string]string) (*shared, diag.Diagnostics) {
	t.Helper()
	p := &dcosProvider{version: "test", getenv: func(name string) string { return env[name] }}
	var schema provider.SchemaResponse
	p.Schema(t.Context(), provider.SchemaRequest{}, &schema)
	raw := value(t, schema.Schema.Type().TerraformType(t.Context()), block)
	var resp provider.ConfigureResponse
	p.Configure(t.Context(), provider.ConfigureRequest{Config: tfsdk.Config{Raw: raw, Schema: schema.Schema}}, &resp)
	if resp.ResourceData == nil {
		return nil, resp.Diagnostics
	}
	return sharedFrom(resp.ResourceData), resp.Diagnostics
}

// testKey makes a private key, encrypted if there is a passphrase.
func testKey(t *testing.T, passphrase string) string {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block))
}

func TestConfigure(t *testing.T) {
	t.Parallel()
	key := testKey(t, "")
	s, diags := configure(t, map[string]any{
		"ssh": map[string]any{
			"user": "alice", "port": 2222, "private_key": key, "connect_timeout": "90s",
			"jump_hosts": []any{
				map[string]any{"address": "198.51.100.1"},
				map[string]any{"address": "198.51.100.2", "user": "jump", "password": "hop-secret"},
			},
		},
		"secrets": map[string]any{"exhibitor_admin_password": "s3cret-value"},
	}, map[string]string{"DCOS_SSH_USER": "not-used", "DCOS_SUDO_PASSWORD": "sudo-secret", "DCOS_SSH_KNOWN_HOSTS_FILES": "/a:/b",
		"DCOS_API_TOKEN": "api-token"})
	if diags.HasError() {
		t.Fatal(diags)
	}
	want := remote.Config{
		User: "alice", Port: 2222, ConnectTimeout: 90 * time.Second,
		Credentials: remote.Credentials{PrivateKey: remote.Secret(key)},
		JumpHosts: []remote.Hop{
			{Address: "198.51.100.1"},
			{Address: "198.51.100.2", User: "jump", Credentials: &remote.Credentials{Password: "hop-secret"}},
		},
		KnownHostsFiles: []string{"/a", "/b"},
		Sudo:            remote.Sudo{Password: "sudo-secret"},
	}
	got := s.config
	got.Redactor = nil
	if d := cmp.Diff(want, got, cmp.Transformer("reveal", func(s remote.Secret) string { return s.Reveal() }),
		cmpopts.IgnoreUnexported(remote.Hop{})); d != "" {
		t.Errorf("configuration (-want +got):\n%s", d)
	}
	if s.fleet.Dial == nil {
		t.Error("there is no client")
	}
	if s.apiToken != "api-token" || strings.Contains(s.redactor.Redact("api-token"), "api-token") {
		t.Errorf("the token is %q and is not redacted", s.apiToken)
	}
	if text := s.redactor.Redact("a s3cret-value b"); strings.Contains(text, "s3cret-value") {
		t.Errorf("a secret is not redacted: %s", text)
	}
}

func TestConfigureDefaults(t *testing.T) {
	agent := filepath.Join(t.TempDir(), "agent")
	listener, err := net.Listen("unix", agent)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	t.Setenv("SSH_AUTH_SOCK", agent)
	env := map[string]string{"SSH_AUTH_SOCK": agent, "DCOS_SSH_PRIVATE_KEY": testKey(t, "")}
	s, diags := configure(t, nil, env)
	if diags.HasError() {
		t.Fatal(diags)
	}
	if s.config.Credentials.Agent {
		t.Error("the agent is used beside a key")
	}
	delete(env, "DCOS_SSH_PRIVATE_KEY")
	s, diags = configure(t, map[string]any{}, env)
	if diags.HasError() {
		t.Fatal(diags)
	}
	if !s.config.Credentials.Agent {
		t.Error("the agent is not used although there is nothing else")
	}
}

// TestConfigureUnknown holds that unknown values are tolerated wherever they
// are, and that the attribute is named when a host is needed.
func TestConfigureUnknown(t *testing.T) {
	t.Parallel()
	key := testKey(t, "")
	tests := map[string]struct {
		block   map[string]any
		unknown string
	}{
		"ssh":             {map[string]any{"ssh": unknown{}}, "ssh"},
		"ssh.private_key": {map[string]any{"ssh": map[string]any{"private_key": unknown{}}}, "ssh.private_key"},
		"ssh.known_hosts": {map[string]any{"ssh": map[string]any{"private_key": key, "known_hosts": []any{unknown{}}}}, "ssh.known_hosts"},
		"ssh.jump_hosts":  {map[string]any{"ssh": map[string]any{"private_key": key, "jump_hosts": unknown{}}}, "ssh.jump_hosts"},
		"a jump host":     {map[string]any{"ssh": map[string]any{"private_key": key, "jump_hosts": []any{unknown{}}}}, "ssh.jump_hosts[0]"},
		"its address": {map[string]any{"ssh": map[string]any{"private_key": key,
			"jump_hosts": []any{map[string]any{"address": unknown{}}}}}, "ssh.jump_hosts[0].address"},
		"sudo.password": {map[string]any{"ssh": map[string]any{"private_key": key}, "sudo": map[string]any{"password": unknown{}}},
			"sudo.password"},
		"secrets":          {map[string]any{"ssh": map[string]any{"private_key": key}, "secrets": unknown{}}, ""},
		"a secret":         {map[string]any{"ssh": map[string]any{"private_key": key}, "secrets": map[string]any{"a": unknown{}}}, ""},
		"cache and log":    {map[string]any{"ssh": map[string]any{"private_key": key}, "cache_directory": unknown{}, "run_log": unknown{}}, ""},
		"an empty ssh":     {map[string]any{"ssh": map[string]any{"private_key": key}, "limits": unknown{}}, "limits"},
		"a known ssh.port": {map[string]any{"ssh": map[string]any{"private_key": key, "port": unknown{}}}, "ssh.port"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, diags := configure(t, test.block, nil)
			if diags.HasError() {
				t.Fatal(diags)
			}
			if s.unknown != test.unknown {
				t.Errorf("unknown is %q, want %q", s.unknown, test.unknown)
			}
			if (s.fleet.Dial == nil) != (test.unknown != "") {
				t.Errorf("a host can be dialled: %t, with %q unknown", s.fleet.Dial != nil, s.unknown)
			}
		})
	}
}

// TestConfigureMistakes holds that what can be checked offline is reported at
// its attribute.
func TestConfigureMistakes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		block  map[string]any
		env    map[string]string
		at     string
		secret string
	}{
		"bad key": {map[string]any{"ssh": map[string]any{"private_key": "garbage-key"}}, nil, "ssh.private_key", "garbage-key"},
		"wrong passphrase": {map[string]any{"ssh": map[string]any{"private_key": testKey(t, "right-phrase"),
			"private_key_passphrase": "wrong-phrase"}}, nil, "ssh.private_key_passphrase", "wrong-phrase"},
		"no passphrase": {map[string]any{"ssh": map[string]any{"private_key": testKey(t, "right-phrase")}}, nil,
			"ssh.private_key_passphrase", ""},
		"bad known_hosts": {map[string]any{"ssh": map[string]any{"private_key": testKey(t, ""), "known_hosts": []any{"host ssh-ed25519 !!!"}}},
			nil, "ssh.known_hosts", ""},
		"bad hop key": {map[string]any{"ssh": map[string]any{"private_key": testKey(t, ""), "jump_hosts": []any{
			map[string]any{"address": "a"}, map[string]any{"address": "b", "private_key": "garbage-key"}}}}, nil, "ssh.jump_hosts[1].private_key",
			"garbage-key"},
		"bad port variable": {nil, map[string]string{"DCOS_SSH_PORT": "ssh"}, "ssh.port", ""},
		"bad secrets":       {nil, map[string]string{"DCOS_SECRETS": "{not json"}, "secrets", "not json"},
		"bad jump hosts":    {nil, map[string]string{"DCOS_SSH_JUMP_HOSTS": `[{"host": "x"}]`}, "ssh.jump_hosts", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, diags := configure(t, test.block, test.env)
			if diags.ErrorsCount() == 0 {
				t.Fatal("nothing was reported")
			}
			d, ok := diags.Errors()[0].(diag.DiagnosticWithPath)
			if !ok || !strings.HasPrefix(d.Path().String(), test.at) {
				t.Errorf("reported as %v, want at %s", diags.Errors()[0], test.at)
			}
			if text := d.Summary() + d.Detail(); test.secret != "" && strings.Contains(text, test.secret) {
				t.Errorf("the message shows a secret: %s", text)
			}
		})
	}
}

// TestCacheDirectory holds that nothing is believed which another user may have
// put into the cache directory, and that there is none where there is no home.
func TestCacheDirectory(t *testing.T) {
	cache := t.TempDir()
	block := map[string]any{"cache_directory": cache}
	s, diags := configure(t, block, nil)
	if s == nil || s.cache != cache {
		t.Fatalf("%v", diags)
	}
	parts := []string{release.CachePart, machinesPart, planDirectory}
	for _, part := range parts {
		if fi, err := os.Stat(filepath.Join(cache, part)); err != nil || fi.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", part, fi, err)
		}
	}
	for _, part := range parts {
		open, err := os.MkdirTemp("/tmp", "dcos-cache-") //nolint:usetesting // others may look into it, unlike t.TempDir
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { mustRemove(t, open) })
		for _, dir := range []string{open, filepath.Join(open, part)} {
			mode := os.FileMode(0o755)
			if dir != open {
				mode = 0o777
				err = os.Mkdir(dir, mode)
			}
			if err = errors.Join(err, os.Chmod(dir, mode)); err != nil {
				t.Fatal(err)
			}
		}
		s, diags := configure(t, map[string]any{"cache_directory": open}, nil)
		if s != nil || len(diags) != 1 || diags[0].Summary() != "Cache Directory Not Safe" || !strings.Contains(diags[0].Detail(), part) {
			t.Errorf("%s: %v, %v", part, s, diags)
		}
		if at, ok := diags[0].(diag.DiagnosticWithPath); !ok || !at.Path().Equal(tfpath.Root("cache_directory")) {
			t.Errorf("it is shown at %v", at)
		}
	}

	// Below a home directory that others may write to there is a way out that needs no configuration.
	home, err := os.MkdirTemp("/tmp", "dcos-home-") //nolint:usetesting // as above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustRemove(t, home) })
	if err := os.Chmod(home, 0o777); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", home)
	t.Setenv("XDG_CACHE_HOME", "")
	s, diags = configure(t, nil, nil)
	if s != nil || len(diags) != 1 || !strings.Contains(diags[0].Detail(), home+" (") ||
		!strings.Contains(diags[0].Detail(), "DCOS_CACHE_DIRECTORY") {
		t.Errorf("%v, %v", s, diags)
	}
	if s, diags = configure(t, nil, map[string]string{"DCOS_CACHE_DIRECTORY": cache}); s == nil || s.cache != cache {
		t.Errorf("%v, %v", s, diags)
	}

	t.Setenv("HOME", "")
	s, diags = configure(t, nil, nil)
	if s == nil || s.cache != "" {
		t.Fatalf("without a home directory the cache is in %+v (%v)", s, diags)
	}
	_, err = s.bundles.Release(t.Context(), "https://127.0.0.1:9/x", "")
	if err == nil || !strings.Contains(err.Error(), "give cache_directory") {
		t.Errorf("a release at a URL: %v", err)
	}
	t.Chdir(t.TempDir())
	s.fleet.Record(t.Context(), "test", fleet.Host{Target: remote.Target{Address: "10.0.0.1"}, MachineID: "m"})
	if entries, err := os.ReadDir("."); err != nil || len(entries) > 0 {
		t.Errorf("written: %v, %v", entries, err)
	}
}
