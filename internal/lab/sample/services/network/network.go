// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package network is the sample's stand-in for dcos-net: the links minuteman
// and spartan, name servers on 198.51.100.1 to .3 that know the names of the
// masters, and the program that keeps resolv.conf pointing at them.
//
// Left out: virtual addresses, overlay networks, packet filter rules.
//
// Compared: never with the real one run beside it.
package network

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"
	"strings"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/host"
)

// servers are the addresses of the name servers on every node.
var servers = []string{"198.51.100.1", "198.51.100.2", "198.51.100.3"}

const (
	dnsPort = "53"
	link    = "spartan"
)

// Main is the dcos-net service. Its links stay when it ends, as dcos-net's do.
func Main(ctx context.Context, h host.Host) error {
	for _, dir := range []string{"navstar/mnesia", "navstar/lashup"} {
		if err := os.MkdirAll(h.State(dir), 0o755); err != nil {
			return err
		}
	}
	for _, name := range []string{"minuteman", link} {
		if err := makeLink(ctx, name); err != nil {
			return err
		}
	}
	r := &resolver{masters: h.Masters, leader: leader(h), upstream: upstream(h)}
	ended := make(chan error, len(servers))
	for _, address := range servers {
		if err := ip(ctx, "addr", "replace", address+"/32", "dev", link); err != nil {
			return err
		}
		conn, err := listenUDP(ctx, net.JoinHostPort(address, dnsPort))
		if err != nil {
			return err
		}
		go func() { ended <- r.serve(ctx, conn) }()
	}
	if err := networkd(h); err != nil {
		return err
	}
	var errs []error
	for range servers {
		errs = append(errs, <-ended)
	}
	return errors.Join(errs...)
}

// makeLink makes a link of the kind dummy, or of the kind bridge where the
// kernel has no dummies.
func makeLink(ctx context.Context, name string) error {
	if ip(ctx, "link", "show", name) != nil {
		if err := ip(ctx, "link", "add", name, "type", "dummy"); err != nil {
			log.Printf("%v; trying a bridge", err)
			if err := ip(ctx, "link", "add", name, "type", "bridge"); err != nil {
				return err
			}
		}
	}
	return ip(ctx, "link", "set", name, "up")
}

func ip(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// networkd tells systemd-networkd, where it runs, to leave the links alone.
func networkd(h host.Host) error {
	if _, err := os.Stat("/run/systemd/netif"); err != nil {
		return nil //nolint:nilerr // networkd does not run here
	}
	text, err := os.ReadFile(h.Etc("dcos.network"))
	if err != nil {
		return err
	}
	return host.WriteFile("/etc/systemd/network/dcos.network", text, 0o644)
}

// upstream are the site's resolvers, with ports.
func upstream(h host.Host) []string {
	var all []string
	for address := range strings.SplitSeq(h.Getenv("RESOLVERS"), ",") {
		if address == "" {
			continue
		}
		if _, _, err := net.SplitHostPort(address); err != nil {
			address = net.JoinHostPort(address, dnsPort)
		}
		all = append(all, address)
	}
	return all
}

// leader asks the masters which of them leads.
func leader(h host.Host) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		masters, err := h.Masters(ctx)
		if err != nil {
			return "", err
		}
		for _, m := range masters {
			var v struct{ Leader string }
			if err := host.Get(ctx, host.Address(m, "8181")+"/sample/v1/group/mesos", &v); err == nil && v.Leader != "" {
				return v.Leader, nil
			}
		}
		return "", errors.New("no master leads")
	}
}

// Resolvconf is the gen_resolvconf program: it writes resolv.conf with the
// node's own name servers, or with the site's resolvers while those do not
// answer.
func Resolvconf(ctx context.Context, h host.Host, path string) error {
	var text strings.Builder
	text.WriteString("# Written by gen_resolvconf of the sample DC/OS every minute; do not edit.\noptions timeout:1\noptions attempts:3\n")
	if search := h.Getenv("SEARCH"); search != "" {
		fmt.Fprintf(&text, "search %s\n", search)
	}
	n := 0
	for _, address := range servers {
		if answers(ctx, net.JoinHostPort(address, dnsPort)) {
			fmt.Fprintf(&text, "nameserver %s\n", address)
			n++
		}
	}
	if n == 0 {
		for _, address := range upstream(h) {
			if ip, port, err := net.SplitHostPort(address); err == nil && port == dnsPort && n < len(servers) {
				fmt.Fprintf(&text, "nameserver %s\n", ip)
				n++
			}
		}
	}
	if before, err := os.ReadFile(path); err == nil && string(before) == text.String() {
		return nil
	}
	// Under the name that DC/OS's own uses, which stays when the disk is full.
	if err := os.WriteFile(path+".tmp", []byte(text.String()), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}
