// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/config"
	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/release"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// Configure reads the provider block and the environment and makes what the
// resources share. It dials nothing; what can be checked without dialling is.
func (p *dcosProvider) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	c := configuration{getenv: p.getenv}
	s := c.read(ctx, req)
	resp.Diagnostics.Append(c.diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	s.fleet.Closing = p.closing
	resp.ResourceData = s
	resp.DataSourceData = s
	resp.ActionData = s
	resp.ListResourceData = s
	resp.EphemeralResourceData = s
}

// configuration reads the provider block.
type configuration struct {
	getenv func(string) string
	diags  diag.Diagnostics
	// unknown is the first attribute found without a known value.
	unknown string
}

func (c *configuration) read(ctx context.Context, req provider.ConfigureRequest) *shared {
	var model providerModel
	c.diags.Append(req.Config.Get(ctx, &model)...)
	if c.diags.HasError() {
		return nil
	}
	s := &shared{redactor: runlog.NewRedactor(), pools: newPoolMemory(), plan: newPlanRegister()}
	s.secrets = c.readSecrets(model.Secrets)
	for name, value := range s.secrets.values {
		s.redactor.Add(value)
		// All who render have to mean the same by JSON text.
		if p, ok := config.Lookup(name); ok {
			s.secrets.values[name] = givenText(p, value)
			s.redactor.Add(s.secrets.values[name])
		}
	}
	s.apiToken = c.text("api_token", model.APIToken, "DCOS_API_TOKEN")
	s.redactor.Add(s.apiToken)
	s.allowEnsembleLoss = c.yesNo("allow_ensemble_loss", model.AllowEnsembleLoss, "DCOS_ALLOW_ENSEMBLE_LOSS")
	s.ifReachable = c.yesNo("uninstall_if_reachable", model.UninstallIfReachable, "DCOS_UNINSTALL_IF_REACHABLE")
	s.cache = c.cacheDirectory(model.CacheDirectory)
	s.bundles = bundle.NewCache(s.cache)
	s.fleet = s.newFleet()

	log, err := runlog.Open(expandHome(c.text("run_log", model.RunLog, "DCOS_RUN_LOG")), s.redactor)
	if err != nil {
		c.diags.AddAttributeError(tfpath.Root("run_log"), "Run Log Not Writable", sentence(err.Error()))
		return nil
	}
	s.fleet.Log = log

	c.unknown = "" // what came before is not needed in order to connect
	s.config = c.readSSH(ctx, model)
	s.config.Redactor = s.redactor
	s.route = route(s.config)
	if s.cache != "" {
		s.plan.with = newPlanExchange(filepath.Join(s.cache, planDirectory), s.block(), c.getenv)
	}
	if c.diags.HasError() {
		return nil
	}
	if s.unknown = c.unknown; s.unknown != "" {
		return s
	}
	client, err := remote.NewClient(s.config)
	if err != nil {
		c.diags.Append(configurationError(err))
		return nil
	}
	if s.config.ConfigFile != "" {
		s.reach = client.NotHonoured
	}
	s.fleet.ConnectTimeout, s.fleet.PinHostKeys = s.config.ConnectTimeout, s.config.HostKeyPolicy != remote.Ignore
	s.fleet.Dial = func(ctx context.Context, t remote.Target) (fleet.Conn, error) {
		conn, err := client.Dial(ctx, t)
		if err != nil {
			return nil, err
		}
		return conn, nil
	}
	s.fleet.Greet, s.fleet.Way = client.Greet, client.Way
	return s
}

// route is what is between here and the hosts of a provider block, as far as it
// tells two hosts of one address apart; "" if nothing is.
func route(c remote.Config) (via string) {
	if u, err := url.Parse(c.ProxyURL); err == nil && u.Host != "" {
		via += " " + u.Host
	}
	if c.ProxyCommand != "" {
		via += " by " + c.ProxyCommand
	}
	for _, h := range c.JumpHosts {
		via += " " + net.JoinHostPort(strings.ToLower(h.Address), strconv.Itoa(cmp.Or(h.Port, 22)))
	}
	if c.ConfigFile != "" {
		via += " " + c.ConfigFile
	}
	return via
}

// block tells provider blocks of one configuration apart, but those that differ in
// secrets alone: no secret is in it.
func (s *shared) block() string {
	c := s.config
	text := fmt.Sprintln(c.User, c.Port, c.Credentials, c.Credentials.Certificate, c.JumpHosts, c.HostKeyPolicy, c.KnownHosts,
		c.KnownHostsFiles, c.HostCertificateAuthorities, c.ConfigFile, c.ConnectTimeout, c.KeepaliveInterval, c.Sudo, c.Limits,
		slices.Sorted(maps.Keys(s.secrets.values)), s.cache, s.allowEnsembleLoss, s.ifReachable, s.route)
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

func (c *configuration) readSSH(ctx context.Context, model providerModel) remote.Config {
	var ssh sshModel
	var sudo sudoModel
	var limits limitsModel
	c.object(ctx, "ssh", model.SSH, &ssh)
	c.object(ctx, "sudo", model.Sudo, &sudo)
	c.object(ctx, "limits", model.Limits, &limits)

	cfg := remote.Config{
		User:          c.text("ssh.user", ssh.User, "DCOS_SSH_USER"),
		Port:          c.number("ssh.port", ssh.Port, "DCOS_SSH_PORT"),
		Credentials:   c.credentials("ssh", ssh.credentialsModel, true),
		JumpHosts:     c.jumpHosts(ctx, ssh.JumpHosts),
		ProxyURL:      c.text("ssh.proxy_url", ssh.ProxyURL, "DCOS_SSH_PROXY_URL"),
		ProxyCommand:  c.text("ssh.proxy_command", ssh.ProxyCommand, "DCOS_SSH_PROXY_COMMAND"),
		AgentGiven:    !ssh.Agent.IsNull() || c.getenv("DCOS_SSH_AGENT") != "",
		HostKeyPolicy: remote.HostKeyPolicy(c.text("ssh.host_key_policy", ssh.HostKeyPolicy, "DCOS_SSH_HOST_KEY_POLICY")),
		KnownHosts:    c.list(ctx, "ssh.known_hosts", ssh.KnownHosts, "DCOS_SSH_KNOWN_HOSTS", "\n"),
		KnownHostsFiles: c.list(ctx, "ssh.known_hosts_files", ssh.KnownHostsFiles, "DCOS_SSH_KNOWN_HOSTS_FILES",
			string(os.PathListSeparator)),
		HostCertificateAuthorities: c.list(ctx, "ssh.host_certificate_authorities", ssh.HostCertificateAuthorities,
			"DCOS_SSH_HOST_CERTIFICATE_AUTHORITIES", "\n"),
		ConfigFile:        expandHome(c.text("ssh.config_file", ssh.ConfigFile, "DCOS_SSH_CONFIG_FILE")),
		ConnectTimeout:    c.duration("ssh.connect_timeout", ssh.ConnectTimeout, "DCOS_SSH_CONNECT_TIMEOUT"),
		KeepaliveInterval: c.duration("ssh.keepalive_interval", ssh.KeepaliveInterval, "DCOS_SSH_KEEPALIVE_INTERVAL"),
		Sudo: remote.Sudo{
			Command:  c.text("sudo.command", sudo.Command, "DCOS_SUDO_COMMAND"),
			Password: remote.Secret(c.text("sudo.password", sudo.Password, "DCOS_SUDO_PASSWORD")),
		},
		Limits: remote.Limits{
			Connections:            c.number("limits.connections", limits.Connections, ""),
			ConnectionsPerJumpHost: c.number("limits.connections_per_jump_host", limits.ConnectionsPerJumpHost, ""),
			Transfers:              c.number("limits.transfers", limits.Transfers, ""),
			Bandwidth:              int64(c.number("limits.bandwidth", limits.Bandwidth, "")),
		},
	}
	for i, file := range cfg.KnownHostsFiles {
		cfg.KnownHostsFiles[i] = expandHome(file)
	}
	creds := &cfg.Credentials
	if !cfg.AgentGiven && creds.PrivateKey == "" && creds.Password == "" {
		creds.Agent = c.getenv("SSH_AUTH_SOCK") != ""
	}
	return cfg
}

// credentials reads what logs in; only those of the provider's ssh have
// environment variables.
func (c *configuration) credentials(at string, m credentialsModel, environment bool) remote.Credentials {
	variable := func(name string) string {
		if !environment {
			return ""
		}
		return "DCOS_SSH_" + name
	}
	return remote.Credentials{
		PrivateKey:    remote.Secret(c.text(at+".private_key", m.PrivateKey, variable("PRIVATE_KEY"))),
		Passphrase:    remote.Secret(c.text(at+".private_key_passphrase", m.PrivateKeyPassphrase, variable("PRIVATE_KEY_PASSPHRASE"))),
		Certificate:   c.text(at+".certificate", m.Certificate, variable("CERTIFICATE")),
		Password:      remote.Secret(c.text(at+".password", m.Password, variable("PASSWORD"))),
		Agent:         c.yesNo(at+".agent", m.Agent, variable("AGENT")),
		AgentIdentity: c.text(at+".agent_identity", m.AgentIdentity, variable("AGENT_IDENTITY")),
	}
}

func (c *configuration) jumpHosts(ctx context.Context, list types.List) []remote.Hop {
	const at = "ssh.jump_hosts"
	if list.IsUnknown() {
		c.wait(at)
		return nil
	}
	if list.IsNull() {
		return c.jumpHostsFromEnvironment(at)
	}
	var models []jumpHostModel
	for i, element := range list.Elements() {
		object, ok := element.(types.Object)
		var model jumpHostModel
		if ok && c.object(ctx, at+"["+strconv.Itoa(i)+"]", object, &model) {
			models = append(models, model)
		}
	}
	hops := make([]remote.Hop, 0, len(models))
	for i, m := range models {
		name := at + "[" + strconv.Itoa(i) + "]"
		hop := remote.Hop{
			Address: c.text(name+".address", m.Address, ""),
			Port:    c.number(name+".port", m.Port, ""),
			User:    c.text(name+".user", m.User, ""),
			HostKey: c.text(name+".host_key", m.HostKey, ""),
		}
		if creds := c.credentials(name, m.credentialsModel, false); creds != (remote.Credentials{}) {
			hop.Credentials = &creds
		}
		hops = append(hops, hop)
	}
	return hops
}

// jumpHostsFromEnvironment reads the JSON form of the list.
func (c *configuration) jumpHostsFromEnvironment(at string) []remote.Hop {
	const variable = "DCOS_SSH_JUMP_HOSTS"
	text := c.getenv(variable)
	if text == "" {
		return nil
	}
	var given []struct {
		Address       string        `json:"address"`
		Port          int           `json:"port"`
		User          string        `json:"user"`
		HostKey       string        `json:"host_key"`
		PrivateKey    remote.Secret `json:"private_key"`
		Passphrase    remote.Secret `json:"private_key_passphrase"`
		Certificate   string        `json:"certificate"`
		Password      remote.Secret `json:"password"`
		Agent         bool          `json:"agent"`
		AgentIdentity string        `json:"agent_identity"`
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&given); err != nil {
		// The decoder's message could quote a secret.
		c.diags.Append(badEnvironment(fieldPath(at), variable, "a JSON list of objects with the attributes of ssh.jump_hosts"))
		return nil
	}
	hops := make([]remote.Hop, len(given))
	for i, g := range given {
		hops[i] = remote.Hop{Address: g.Address, Port: g.Port, User: g.User, HostKey: g.HostKey}
		creds := remote.Credentials{PrivateKey: g.PrivateKey, Passphrase: g.Passphrase, Certificate: g.Certificate,
			Password: g.Password, Agent: g.Agent, AgentIdentity: g.AgentIdentity}
		if creds != (remote.Credentials{}) {
			hops[i].Credentials = &creds
		}
	}
	return hops
}

func (c *configuration) readSecrets(m types.Map) secrets {
	const variable = "DCOS_SECRETS"
	s := secrets{values: map[string]string{}}
	if text := c.getenv(variable); m.IsNull() && text != "" {
		if err := json.Unmarshal([]byte(text), &s.values); err != nil {
			c.diags.Append(badEnvironment(tfpath.Root("secrets"), variable, "a JSON object of parameter names and their values as text"))
		}
		return s
	}
	if m.IsUnknown() {
		s.unknown = true
		return s
	}
	for name, value := range m.Elements() {
		text, ok := value.(types.String)
		switch {
		case !ok || text.IsUnknown():
			s.unknown = true
		case !text.IsNull():
			s.values[name] = text.ValueString()
		}
	}
	return s
}

// cacheDirectory gives the cache directory, "" for none. What is kept there is
// believed in later runs, so nobody else may have put it there.
func (c *configuration) cacheDirectory(value types.String) string {
	dir := expandHome(c.text("cache_directory", value, "DCOS_CACHE_DIRECTORY"))
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "" // there is no home directory, and any place for all would be anybody's
		}
		dir = filepath.Join(user, "terraform-provider-dcos")
	}
	for _, part := range []string{release.CachePart, machinesPart, planDirectory} {
		if err := release.PrivateDirectory(filepath.Join(dir, part)); err != nil {
			c.diags.Append(unsafeCache(dir, err))
			return ""
		}
	}
	return dir
}

// wait notes that an attribute is not known yet.
func (c *configuration) wait(attribute string) {
	if c.unknown == "" {
		c.unknown = attribute
	}
}

// object reads an object unless it is null or unknown, and says whether it did.
func (c *configuration) object(ctx context.Context, at string, object types.Object, into any) bool {
	if object.IsUnknown() {
		c.wait(at)
	}
	if object.IsNull() || object.IsUnknown() {
		return false
	}
	c.diags.Append(object.As(ctx, into, basetypes.ObjectAsOptions{})...)
	return true
}

// environment gives a variable where the attribute is not in the block.
func (c *configuration) environment(at string, value attr.Value, variable string) string {
	if value.IsUnknown() {
		c.wait(at)
		return ""
	}
	if !value.IsNull() || variable == "" {
		return ""
	}
	return c.getenv(variable)
}

func (c *configuration) text(at string, value types.String, variable string) string {
	if text := c.environment(at, value, variable); text != "" {
		return text
	}
	return value.ValueString()
}

func (c *configuration) number(at string, value types.Int64, variable string) int {
	if text := c.environment(at, value, variable); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			c.diags.Append(badEnvironment(fieldPath(at), variable, "a number of at least 1"))
		}
		return n
	}
	return int(value.ValueInt64())
}

func (c *configuration) yesNo(at string, value types.Bool, variable string) bool {
	if text := c.environment(at, value, variable); text != "" {
		yes, err := strconv.ParseBool(text)
		if err != nil {
			c.diags.Append(badEnvironment(fieldPath(at), variable, "true or false"))
		}
		return yes
	}
	return value.ValueBool()
}

func (c *configuration) duration(at string, value types.String, variable string) time.Duration {
	text := c.environment(at, value, variable)
	if text == "" {
		return durationOr(value, 0)
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		c.diags.Append(badEnvironment(fieldPath(at), variable, `a duration such as "90s" or "5m"`))
	}
	return d
}

func (c *configuration) list(ctx context.Context, at string, value types.List, variable, separator string) []string {
	if text := c.environment(at, value, variable); text != "" {
		return strings.Split(text, separator)
	}
	if value.IsNull() || value.IsUnknown() {
		return nil
	}
	var items []types.String
	c.diags.Append(value.ElementsAs(ctx, &items, false)...)
	var texts []string
	for _, item := range items {
		if item.IsUnknown() {
			c.wait(at)
		}
		if !item.IsNull() && !item.IsUnknown() {
			texts = append(texts, item.ValueString())
		}
	}
	return texts
}

// expandHome replaces a leading ~/ as a shell does, since environment
// variables and plain strings reach us as they are.
func expandHome(path string) string {
	rest, ok := strings.CutPrefix(path, "~/")
	if !ok {
		return path
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return path
	}
	return filepath.Join(home, rest)
}
