// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package takeover

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
)

// maxConfig bounds a config.yaml, in bytes.
const maxConfig = 16 << 20

// genconf reads the directory that a cluster was installed from.
func (c Command) genconf(o *options) (*site, error) {
	dir := o.from
	if inner := filepath.Join(dir, "genconf"); !there(filepath.Join(dir, "config.yaml")) && there(filepath.Join(inner, "config.yaml")) {
		dir = inner
	}
	path := filepath.Join(dir, "config.yaml")
	text, err := read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no config.yaml in %s; give the genconf directory that the cluster was installed from", dir)
	case err != nil:
		return nil, err
	}
	lines := config.Lines()
	parameters, err := config.FromYAML(lines[len(lines)-1], text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s := &site{from: path, provider: c.Address, scripts: map[string]string{}, programs: map[string]string{}}
	s.hosts(parameters)
	key := filepath.Join(dir, "ssh_key")
	if named := parameters["ssh_key_path"].Text; named != "" {
		key = besideGenconf(dir, named)
	}
	if there(key) {
		s.key = o.reach(key)
	}
	if release := filepath.Join(filepath.Dir(filepath.Clean(dir)), "dcos_generate_config.sh"); there(release) {
		s.release = o.reach(release)
	}
	for attribute, name := range s.take(parameters) {
		path := besideGenconf(dir, name)
		switch {
		case there(path):
			s.scripts[attribute] = o.reach(path)
		case attribute == "ip_detect_script":
			return nil, fmt.Errorf("there is no %s, which every cluster has: its script prints a node's own address", path)
		}
	}
	programs, err := os.ReadDir(filepath.Join(dir, "check_bins"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, program := range programs {
		if program.Type().IsRegular() {
			s.programs[program.Name()] = o.reach(filepath.Join(dir, "check_bins", program.Name()))
		}
	}
	return s, nil
}

// besideGenconf is the path that a parameter has a file at: it starts at the directory
// above genconf, which may have another name by now.
func besideGenconf(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	if rest, err := filepath.Rel("genconf", filepath.FromSlash(name)); err == nil && filepath.IsLocal(rest) {
		return filepath.Join(dir, rest)
	}
	return filepath.Join(filepath.Dir(filepath.Clean(dir)), filepath.FromSlash(name))
}

// hosts takes what config.yaml says of hosts: the masters where they are a list, and
// what DC/OS's own installer over SSH, up to 1.13, was told.
func (s *site) hosts(parameters map[string]config.Value) {
	for name, into := range map[string]*[]string{"master_list": &s.masters, "agent_list": &s.agents, "public_agent_list": &s.public} {
		if items, ok := list(parameters[name].Text); ok {
			*into = items
		}
	}
	s.user = parameters["ssh_user"].Text
	if port, err := strconv.ParseUint(parameters["ssh_port"].Text, 10, 16); err == nil {
		s.port = int(port)
	}
}

func there(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// read reads a file that is not larger than a config.yaml may be.
func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxConfig {
		return nil, fmt.Errorf("%s has more than %d MiB", path, maxConfig>>20)
	}
	return os.ReadFile(path)
}
