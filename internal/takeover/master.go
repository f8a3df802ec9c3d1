// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package takeover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// Time limits of what is asked of a master.
const (
	connectLimit = 30 * time.Second
	masterLimit  = 5 * time.Minute
)

// master asks a master what its cluster is.
func (c Command) master(ctx context.Context, o *options) (_ *site, err error) {
	login, ok := remote.ParseLogin(o.from)
	if !ok {
		return nil, fmt.Errorf("%q is neither a directory nor an address: [user@]address[:port], with an IPv6 address that has a port in "+
			"brackets", o.from)
	}
	if o.user != "" {
		login.User = o.user
	}
	if o.port != 0 {
		login.Port = o.port
	}
	ctx, cancel := context.WithTimeout(ctx, masterLimit)
	defer cancel()
	client, err := c.client(o, login)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	conn, err := client.Dial(ctx, remote.Target{Address: login.Address})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	given, err := node.ReadGiven(ctx, conn)
	if err != nil {
		return nil, err
	}
	s := &site{from: login.Address, provider: c.Address, first: login.Address, user: login.User, port: login.Port,
		scripts: map[string]string{}, programs: map[string]string{}}
	if err := s.takeGiven(given); err != nil {
		return nil, err
	}
	s.ask(ctx, conn)
	return s, nil
}

// client is one that logs in as ssh would.
func (c Command) client(o *options, login remote.Login) (*remote.Client, error) {
	cfg := remote.Config{User: login.User, Port: login.Port, ConnectTimeout: connectLimit, ConfigFile: o.sshConfig}
	cfg.Credentials.Agent = c.Getenv("SSH_AUTH_SOCK") != ""
	cfg.Sudo.Password = remote.Secret(c.Getenv("DCOS_SUDO_PASSWORD"))
	if home := c.Getenv("HOME"); home != "" {
		cfg.KnownHostsFiles = []string{filepath.Join(home, ".ssh", "known_hosts")}
	}
	if o.key != "" {
		key, err := os.ReadFile(o.key)
		if err != nil {
			return nil, fmt.Errorf("--key: %w", err)
		}
		cfg.Credentials.PrivateKey = remote.Secret(key)
	}
	return remote.NewClient(cfg)
}

// takeGiven takes what a node says.
func (s *site) takeGiven(g *node.Given) error {
	switch {
	case g.State.Installed == node.None:
		return fmt.Errorf("%s: DC/OS is not installed on it", s.from)
	case g.ConfigYAML == "":
		return fmt.Errorf("%s: what the cluster was configured with is not there (/opt/mesosphere/etc/user.config.yaml); give the genconf "+
			"directory", s.from)
	}
	lines := config.Lines()
	parameters, err := config.FromYAML(lines[len(lines)-1], []byte(g.ConfigYAML))
	if err != nil {
		return fmt.Errorf("%s: /opt/mesosphere/etc/user.config.yaml: %w", s.from, err)
	}
	s.hosts(parameters)
	var masked []string
	for _, name := range sortedKeys(parameters) {
		if p, known := config.Lookup(name); parameters[name].Text == node.Masked && (!known || !p.Secret) {
			masked = append(masked, name)
			delete(parameters, name)
		}
	}
	texts := map[string]string{"ip_detect_script": g.IPDetect, "ip_detect_public_script": g.IPDetectPublic,
		"ip6_detect_script": g.IP6Detect, "fault_domain_detect_script": g.FaultDomainDetect}
	used := s.take(parameters)
	s.secrets = append(s.secrets, masked...)
	for _, f := range config.SiteFiles() {
		if text := texts[f.Attribute]; used[f.Attribute] != "" && text != "" {
			s.scripts[f.Attribute] = s.ownFile(filepath.Base(f.Path), text)
		}
	}
	for _, name := range sortedKeys(g.Programs) {
		if filepath.Base(name) == name && g.Programs[name] != "" {
			s.programs[name] = s.ownFile("check_bins/"+name, g.Programs[name])
		}
	}
	return nil
}

// ownFile has a file written beside the configuration.
func (s *site) ownFile(name, text string) string {
	s.own = append(s.own, file{name, []byte(text)})
	return name
}

// ask asks the cluster which nodes it has.
func (s *site) ask(ctx context.Context, conn *remote.Conn) {
	transport := &http.Transport{ResponseHeaderTimeout: time.Minute}
	transport.DialContext = func(ctx context.Context, _, address string) (net.Conn, error) {
		host, service, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		port, err := strconv.Atoi(service)
		if err != nil {
			return nil, err
		}
		return conn.DialThrough(ctx, host, port)
	}
	defer transport.CloseIdleConnections()
	reader := fleet.StatusReader{URL: &url.URL{Scheme: "http", Host: "127.0.0.1"}, Transport: transport}
	status, err := reader.Read(ctx)
	if err != nil {
		s.decide = append(s.decide, fmt.Sprintf("whether all nodes are in main.tf: the cluster did not say everything (%v)", err))
	}
	if status.Knows(fleet.PartMasters) && len(status.Masters) > 0 {
		s.masters = nil
		for _, m := range status.Masters {
			s.masters = append(s.masters, m.Address)
		}
	}
	if status.Knows(fleet.PartAgents) {
		s.agents, s.public, s.asked = nil, nil, true
		for _, a := range status.Agents {
			if a.Public {
				s.public = append(s.public, a.Address)
			} else {
				s.agents = append(s.agents, a.Address)
			}
		}
	}
}
