// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"

	"golang.org/x/crypto/ssh"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote/program"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/sshconfig"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// configFile is an OpenSSH client configuration, and what it names. What the
// Config or the Target says comes before it.
type configFile struct {
	file *sshconfig.File

	mu       sync.Mutex
	settings map[sshconfig.Question]*hostSettings
	logins   map[string]*login      // by what they are made of
	known    map[string]*knownHosts // by path
	revoked  map[string]*revokedKeys
}

// openConfigFile reads the words of a configuration. client is the path of ssh, ""
// if there is none; env is the environment for it and what it runs.
func openConfigFile(path, client string, env []string) (*configFile, error) {
	if path == "" {
		return nil, nil
	}
	file, err := sshconfig.Open(path, client, env)
	if err != nil {
		return nil, &ConfigError{Field: "ssh.config_file", Err: err, hint: "Give the path of a file that can be read."}
	}
	return &configFile{file: file, settings: map[sshconfig.Question]*hostSettings{}, logins: map[string]*login{},
		known: map[string]*knownHosts{}, revoked: map[string]*revokedKeys{}}, nil
}

// hostSettings is what the file says of one host, and what it names for it. One
// question has one answer, which may stand for it.
type hostSettings struct {
	*sshconfig.Settings
	login   *login // nil: the file has no credentials for it
	known   []*knownHosts
	revoked []*revokedKeys
	policy  HostKeyPolicy // "": it has none
	// transport is what is offered in the key exchange.
	transport ssh.Config
}

// maxJumpDepth bounds jump hosts that are reached through jump hosts.
const maxJumpDepth = 8

// of looks a host up by the name that the user gave.
func (f *configFile) of(ctx context.Context, c *Client, q sshconfig.Question) (*hostSettings, error) {
	f.mu.Lock()
	known := f.settings[q]
	f.mu.Unlock()
	if known != nil {
		return known, nil
	}
	bad := func(err error) (*hostSettings, error) {
		return nil, &ConfigError{Field: "ssh.config_file", Err: err,
			hint: "Correct the file. What it means for a host is shown by: ssh -G -F " + f.file.Path() + " -- " + q.Host}
	}
	of, err := f.file.Settings(ctx, q)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("asking what %s means for %s: %w", f.file.Path(), q.Host, err)
	}
	if err != nil {
		return bad(err)
	}
	s := &hostSettings{Settings: of, policy: policyOf(of.StrictHostKeyChecking)}
	if s.transport, err = limit(c.transportConfig, of); err != nil {
		return bad(err)
	}
	s.login = f.login(c, of)
	if err := f.readKnown(s); err != nil {
		return bad(err)
	}
	for _, path := range of.RevokedHostKeys {
		keys, err := f.revokedKeys(path)
		if err != nil {
			return bad(fmt.Errorf("RevokedHostKeys: %w", err))
		}
		s.revoked = append(s.revoked, keys)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if first := f.settings[q]; first != nil {
		return first, nil
	}
	f.settings[q] = s
	return s, nil
}

// policyOf is StrictHostKeyChecking in our words. There is nobody to ask, so what
// would be asked is refused.
func policyOf(checking string) HostKeyPolicy {
	switch checking {
	case "yes", "ask":
		return Strict
	case "accept-new":
		return AcceptNew
	case "no":
		return Ignore
	}
	return ""
}

// stricter is the stricter one of two policies; "" is none.
func stricter(a, b HostKeyPolicy) HostKeyPolicy {
	rank := map[HostKeyPolicy]int{Ignore: 1, AcceptNew: 2, Strict: 3}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// readKnown reads what is known of host keys. A file that is named has to be readable
// if it is there, since what is in it could refuse a key; of the usual ones one that is
// not is none, as to ssh.
func (f *configFile) readKnown(s *hostSettings) error {
	for i, path := range slices.Concat(s.UserKnownHostsFiles, s.GlobalKnownHostsFiles) {
		usual := s.UsualGlobal
		if i < len(s.UserKnownHostsFiles) {
			usual = s.UsualUser
		}
		db, err := f.knownHosts(path)
		switch {
		case err == nil:
			s.known = append(s.known, db)
		case !usual:
			return err
		}
	}
	return nil
}

func (f *configFile) knownHosts(path string) (*knownHosts, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if db := f.known[path]; db != nil {
		return db, nil
	}
	db := &knownHosts{}
	text, err := os.ReadFile(path)
	if err == nil {
		err = db.add(text, path, false)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f.known[path] = db
	return db, nil
}

// revokedKeys reads a file of keys. One that cannot be read revokes all, as it
// does to ssh (sshconnect.c, verify_host_key).
func (f *configFile) revokedKeys(path string) (*revokedKeys, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if keys := f.revoked[path]; keys != nil {
		return keys, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	keys, err := parseRevokedKeys(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f.revoked[path] = keys
	return keys, nil
}

// environment is that of programs that are run here for a connection.
func (c *Client) environment() []string {
	return program.Environment(func(value string) bool {
		return value != "" && c.cfg.Redactor.Redact(value) == runlog.Redacted
	})
}
