#!/usr/bin/env bash
# golang.org/x/crypto/ssh 0.59.0: ClientConfig.HostKeyCallback is called again at each further key exchange.
#
# Its documentation speaks of the handshake. It is called again, in the connection's own goroutine, whenever either side
# exchanges keys anew (RekeyLimit of sshd, Config.RekeyThreshold, a gigabyte of data): hours later, when whatever the
# callback closed over (a context, a timer of the login, a question to the user) may be over. OpenSSH compares the key of
# a further exchange with that of the first, and asks nobody.
#
# Seen: "host key callbacks: 1 after the login, more after 64 KiB".
set -euo pipefail
command -v go >/dev/null || { echo "needs go"; exit 2; }
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir" && rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'MOD'
module example.com/probe

go 1.25.0

require golang.org/x/crypto v0.59.0
MOD
cat >main.go <<'GO'
package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"net"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
)

func serve(l net.Listener) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		log.Fatal(err)
	}
	cfg := &ssh.ServerConfig{NoClientAuth: true}
	cfg.AddHostKey(signer)
	nc, err := l.Accept()
	if err != nil {
		log.Fatal(err)
	}
	_, channels, requests, err := ssh.NewServerConn(nc, cfg)
	if err != nil {
		log.Fatal(err)
	}
	go ssh.DiscardRequests(requests)
	for c := range channels {
		ch, reqs, err := c.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go ssh.DiscardRequests(reqs)
		go func() { _, _ = io.Copy(ch, ch) }() // an echo
	}
}

func main() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go serve(l)
	var calls atomic.Int32
	cfg := &ssh.ClientConfig{User: "user", HostKeyCallback: func(string, net.Addr, ssh.PublicKey) error {
		calls.Add(1)
		return nil
	}}
	cfg.RekeyThreshold = 4096 // bytes; as sshd's RekeyLimit
	client, err := ssh.Dial("tcp", l.Addr().String(), cfg)
	if err != nil {
		log.Fatal(err)
	}
	login := calls.Load()
	ch, reqs, err := client.OpenChannel("echo", nil)
	if err != nil {
		log.Fatal(err)
	}
	go ssh.DiscardRequests(reqs)
	buf := make([]byte, 1024)
	for range 64 {
		if _, err := ch.Write(buf); err != nil {
			log.Fatal(err)
		}
		if _, err := io.ReadFull(ch, buf); err != nil {
			log.Fatal(err)
		}
	}
	more := "no more"
	if calls.Load() > login {
		more = "more"
	}
	fmt.Printf("host key callbacks: %d after the login, %s after 64 KiB\n", login, more)
}
GO
go mod tidy >/dev/null 2>&1
seen=$(go run .)
echo "$seen"
[ "$seen" = "host key callbacks: 1 after the login, more after 64 KiB" ] || {
  echo "this has changed"
  exit 1
}
