// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package exhibitor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/ec2"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/host"
)

const (
	port          = "8181"
	zookeeperPort = "2181"
	account       = "dcos_exhibitor"
)

// Main is the service. With the argument prepare it does what must be done as
// root before the service starts.
func Main(ctx context.Context, h host.Host, args []string) error {
	if len(args) > 0 && args[0] == "prepare" {
		return prepare(h)
	}
	if len(args) > 0 && args[0] == "listening" {
		return listening(ctx, h)
	}
	cfg, err := configure(ctx, h)
	if err != nil {
		return err
	}
	own := findZooKeeper(h)
	if err := writeState(h, cfg, own == nil); err != nil {
		return err
	}
	if own != nil {
		cfg.Instance, cfg.Local = own, own.serves
		cfg.Pace = func() Pace { return paced(cfg.Count) }
	}
	s := New(cfg)
	web, err := host.Listen(ctx, "tcp", ":"+port)
	if err != nil {
		return err
	}
	if own != nil {
		go own.watch(ctx)
	} else {
		zk, err := host.Listen(ctx, "tcp", ":"+zookeeperPort)
		if err != nil {
			return errors.Join(err, web.Close())
		}
		alone, ok := s.cfg.Instance.(*standIn)
		if !ok {
			return errors.Join(fmt.Errorf("without a ZooKeeper of its own it has a %T", s.cfg.Instance), zk.Close(), web.Close())
		}
		go alone.serve(ctx, zk, cfg.Version)
	}
	log.Printf("exhibitor %s on %s: ensemble of %d, storage %T", cfg.Version, cfg.Hostname, cfg.Count, cfg.Storage)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { cancel(s.Run(ctx)) }()
	err = host.Serve(ctx, web, s.Handler())
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		err = errors.Join(err, cause)
	}
	return err
}

// listening waits until a real ZooKeeper listens, a minute at most: systemd counts the
// service as started then only (ExecStartPost in dcos-exhibitor.service of DC/OS 2.2).
func listening(ctx context.Context, h host.Host) error {
	if findZooKeeper(h) == nil || !strings.HasPrefix(h.Getenv("SAMPLE_VERSION"), "2.2") {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for ask(ctx, "ruok") == "" && host.Wait(ctx, 5*time.Second) {
	}
	return nil
}

// configure reads the rendered configuration as exhibitor's start does.
func configure(ctx context.Context, h host.Host) (Config, error) {
	ip, err := h.IP(ctx)
	if err != nil {
		return Config{}, err
	}
	n, err := h.MasterCount()
	if err != nil {
		return Config{}, err
	}
	cfg := Config{
		Hostname: ip, Count: n, Defaults: Settings{Size: n}, Version: h.Getenv("SAMPLE_VERSION"), Interval: 300 * time.Millisecond,
		URL: func(hostname string) string { return host.Address(hostname, port) },
	}
	if text, err := os.ReadFile(h.Etc("exhibitor_realm")); err == nil {
		cfg.Realm = realm(string(text))
	}
	switch backend := h.Getenv("EXHIBITOR_BACKEND"); {
	case backend == "STATIC":
		if cfg.Defaults.Servers, err = ParseServers(h.Getenv("EXHIBITOR_STATICENSEMBLE")); err != nil {
			return Config{}, err
		}
		if cfg.Defaults.Servers.number(ip) == 0 {
			return Config{}, fmt.Errorf("ip-detect says %s, which is not among the masters %s", ip, cfg.Defaults.Servers)
		}
	case n == 1:
		// One master is an ensemble by itself, whatever the backend.
		cfg.Defaults.Servers = Servers{{1, ip}}
	case backend == "SHARED_FS":
		cfg.Storage = Shared{Dir: h.Getenv("EXHIBITOR_FSCONFIGDIR")}
	case backend == "ZK":
		cfg.Storage = ZooKeeper{Hosts: strings.Split(h.Getenv("ZK_CONFIG_CONNECT"), ","), Path: h.Getenv("ZK_CONFIG_ZPATH")}
	case backend == "AWS_S3":
		region := h.Getenv("AWS_REGION")
		s3 := S3{
			Endpoint: "https://s3." + region + ".amazonaws.com", Region: region,
			Bucket: h.Getenv("AWS_S3_BUCKET"), Prefix: h.Getenv("AWS_S3_PREFIX"), Credentials: ec2.RoleKeys,
		}
		if text, err := os.ReadFile(h.Etc("exhibitor.properties")); err == nil {
			keys := explicitKeys(string(text))
			s3.Credentials = func(context.Context) (ec2.Keys, error) { return keys, nil }
		}
		cfg.Storage = s3
	default:
		return Config{}, fmt.Errorf("the sample has no exhibitor backend %q", backend)
	}
	return cfg, nil
}

// realm reads "USER: PASSWORD,ROLE" lines.
func realm(text string) map[string]string {
	users := map[string]string{}
	for line := range strings.Lines(text) {
		name, rest, ok := strings.Cut(strings.TrimSpace(line), ":")
		if i := strings.LastIndexByte(rest, ','); ok && i >= 0 {
			users[name] = strings.TrimSpace(rest[:i])
		}
	}
	return users
}

// prepare makes the directories that the service's user could not make. A
// shared directory that is new or empty is opened to that user, whose number
// may be another on every master.
func prepare(h host.Host) error {
	u, err := user.Lookup(account)
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(h.State("exhibitor"), 0o755); err != nil {
		return err
	}
	if err := os.Chown(h.State("exhibitor"), uid, -1); err != nil {
		return err
	}
	dir := h.Getenv("EXHIBITOR_FSCONFIGDIR")
	if h.Getenv("EXHIBITOR_BACKEND") != "SHARED_FS" || dir == "" {
		return nil
	}
	switch entries, err := os.ReadDir(dir); {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	case err != nil || len(entries) > 0:
		return err
	}
	return os.Chmod(dir, 0o777)
}

// writeState leaves what exhibitor leaves, and in a small way what ZooKeeper does where
// there is none.
func writeState(h host.Host, cfg Config, all bool) error {
	for _, dir := range []string{"conf", "zookeeper/snapshot", "zookeeper/transactions"} {
		if err := os.MkdirAll(filepath.Join(h.State("exhibitor"), dir), 0o700); err != nil {
			return err
		}
	}
	if !all {
		return nil
	}
	return errors.Join(
		host.WriteFile(h.State("exhibitor/zookeeper/snapshot/myid"), []byte(cfg.Hostname+"\n"), 0o600),
		host.WriteFile(h.State("exhibitor/zk.pid"), fmt.Appendln(nil, os.Getpid()), 0o644),
	)
}
