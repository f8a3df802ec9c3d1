// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package exhibitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
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
	cfg, err := configure(ctx, h)
	if err != nil {
		return err
	}
	if err := writeState(h, cfg); err != nil {
		return err
	}
	own := findZooKeeper(h, cfg)
	if own != nil {
		if err := own.prepare(); err != nil {
			return err
		}
		cfg.Local = own.serving.Load
	}
	s := New(cfg)
	web, err := host.Listen(ctx, "tcp", ":"+port)
	if err != nil {
		return err
	}
	if own != nil {
		go own.run(ctx)
	} else {
		zk, err := host.Listen(ctx, "tcp", ":"+zookeeperPort)
		if err != nil {
			return errors.Join(err, web.Close())
		}
		go s.serveZooKeeper(ctx, zk)
	}
	log.Printf("exhibitor %s on %s: ensemble of %d, storage %T", cfg.Version, cfg.Hostname, cfg.Count, cfg.Storage)
	go s.Run(ctx)
	return host.Serve(ctx, web, s.Handler())
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
		Hostname: ip, Count: n, Version: h.Getenv("SAMPLE_VERSION"), Interval: 300 * time.Millisecond,
		URL: func(hostname string) string { return host.Address(hostname, port) },
	}
	if text, err := os.ReadFile(h.Etc("exhibitor_realm")); err == nil {
		cfg.Realm = realm(string(text))
	}
	switch backend := h.Getenv("EXHIBITOR_BACKEND"); {
	case backend == "STATIC":
		static, err := ParseStatic(h.Getenv("EXHIBITOR_STATICENSEMBLE"))
		if err != nil {
			return Config{}, err
		}
		if _, err := static.Join(ctx, ip); err != nil {
			return Config{}, err
		}
		cfg.Storage = static
	case n == 1:
		// One master is an ensemble by itself, whatever the backend.
		cfg.Storage = Static{ip}
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
func realm(text string) func(user, password string) bool {
	return func(user, password string) bool {
		for line := range strings.Lines(text) {
			name, rest, ok := strings.Cut(strings.TrimSpace(line), ":")
			i := strings.LastIndexByte(rest, ',')
			if ok && i >= 0 && user == name && password == strings.TrimSpace(rest[:i]) {
				return true
			}
		}
		return false
	}
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

// writeState leaves what exhibitor and ZooKeeper leave, in a small way.
func writeState(h host.Host, cfg Config) error {
	for _, dir := range []string{"conf", "zookeeper/snapshot", "zookeeper/transactions"} {
		if err := os.MkdirAll(filepath.Join(h.State("exhibitor"), dir), 0o700); err != nil {
			return err
		}
	}
	return errors.Join(
		host.WriteFile(h.State("exhibitor/zookeeper/snapshot/myid"), []byte(cfg.Hostname+"\n"), 0o600),
		host.WriteFile(h.State("exhibitor/zk.pid"), fmt.Appendln(nil, os.Getpid()), 0o644),
	)
}

// serveZooKeeper answers ZooKeeper's four-letter words.
func (s *Server) serveZooKeeper(ctx context.Context, ln net.Listener) {
	defer context.AfterFunc(ctx, func() { ln.Close() })()
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
				return
			}
			word := make([]byte, 4)
			if _, err := io.ReadFull(conn, word); err != nil {
				return
			}
			fmt.Fprint(conn, s.word(string(word)))
		}()
	}
}

func (s *Server) word(word string) string {
	switch word {
	case "ruok":
		return "imok"
	case "srvr", "stat", "mntr":
	default:
		return ""
	}
	v, mode := s.View(zookeeper), "follower"
	switch {
	case v.Leader == "":
		return "This ZooKeeper instance is not currently serving requests\n"
	case s.cfg.Count == 1:
		mode = "standalone"
	case v.Leader == s.cfg.Hostname:
		mode = "leader"
	}
	if word == "mntr" {
		return fmt.Sprintf("zk_version\t%s\nzk_server_state\t%s\n", s.cfg.Version, mode)
	}
	return fmt.Sprintf("Zookeeper version: %s\nMode: %s\nNode count: 0\n", s.cfg.Version, mode)
}
