// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package network

import (
	"context"
	"encoding/binary"
	"errors"
	"log"
	"math/rand/v2"
	"net"
	"strings"
	"time"
)

// A resolver answers DNS questions: for the names of the cluster itself, and
// with the site's resolvers' answers for all others. Of the cluster it knows
// ready.spartan, leader.mesos and master.mesos, IPv4 addresses only.
type resolver struct {
	masters  func(context.Context) ([]string, error)
	leader   func(context.Context) (string, error)
	upstream []string
}

// Numbers of the DNS protocol (RFC 1035, section 4.1).
const (
	headerSize   = 12
	typeA        = 1
	typeAny      = 255
	classIN      = 1
	flagResponse = 0x8000
	flagAuth     = 0x0400
	flagRecurse  = 0x0100
	flagCan      = 0x0080
	codeFail     = 2
	codeNoName   = 3
	maxMessage   = 4096
	ttl          = 5
)

func listenUDP(ctx context.Context, address string) (net.PacketConn, error) {
	var lc net.ListenConfig
	return lc.ListenPacket(ctx, "udp", address)
}

func (r *resolver) serve(ctx context.Context, conn net.PacketConn) error {
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	for {
		question := make([]byte, maxMessage)
		n, from, err := conn.ReadFrom(question)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
			defer cancel()
			if reply := r.answer(ctx, question[:n]); reply != nil {
				if _, err := conn.WriteTo(reply, from); err != nil {
					log.Printf("answer a question of %s: %v", from, err)
				}
			}
		}()
	}
}

// question reads the one question of a message: its name, its type, and where
// it ends.
func question(msg []byte) (name string, kind uint16, end int, ok bool) {
	if len(msg) < headerSize || binary.BigEndian.Uint16(msg[4:]) != 1 {
		return "", 0, 0, false
	}
	var labels []string
	i := headerSize
	for {
		if i >= len(msg) {
			return "", 0, 0, false
		}
		n := int(msg[i])
		i++
		if n == 0 {
			break
		}
		if n > 63 || i+n > len(msg) {
			return "", 0, 0, false
		}
		labels = append(labels, strings.ToLower(string(msg[i:i+n])))
		i += n
	}
	if i+4 > len(msg) {
		return "", 0, 0, false
	}
	return strings.Join(labels, "."), binary.BigEndian.Uint16(msg[i:]), i + 4, true
}

// answer gives the reply to a message, nil if it is none that can be replied
// to.
func (r *resolver) answer(ctx context.Context, msg []byte) []byte {
	name, kind, end, ok := question(msg)
	if !ok {
		return nil
	}
	addresses, ours := r.lookup(ctx, name)
	if !ours {
		return r.forward(ctx, msg, end)
	}
	code := uint16(0)
	if len(addresses) == 0 {
		code = codeNoName
	}
	if kind != typeA && kind != typeAny {
		addresses = nil
	}
	return reply(msg[:end], code, addresses)
}

// lookup finds the addresses of a name of the cluster.
func (r *resolver) lookup(ctx context.Context, name string) (addresses []string, ours bool) {
	switch name {
	case "ready.spartan":
		return []string{"127.0.0.1"}, true
	case "leader.mesos":
		if ip, err := r.leader(ctx); err == nil {
			addresses = []string{ip}
		}
		return addresses, true
	case "master.mesos":
		// Without masters there is no such name.
		addresses, _ = r.masters(ctx)
		return addresses, true
	}
	for _, zone := range []string{".mesos", ".spartan", ".zk"} {
		if strings.HasSuffix(name, zone) {
			return nil, true
		}
	}
	return nil, false
}

// reply makes a message out of a question.
func reply(question []byte, code uint16, addresses []string) []byte {
	msg := append([]byte{}, question...)
	flags := flagResponse | flagAuth | flagCan | binary.BigEndian.Uint16(question[2:])&flagRecurse | code
	binary.BigEndian.PutUint16(msg[2:], flags)
	for i := 6; i < headerSize; i++ {
		msg[i] = 0
	}
	n := uint16(0)
	for _, address := range addresses {
		ip := net.ParseIP(address).To4()
		if ip == nil {
			continue
		}
		n++
		msg = append(msg, 0xc0, headerSize) // the name is that of the question
		msg = binary.BigEndian.AppendUint16(msg, typeA)
		msg = binary.BigEndian.AppendUint16(msg, classIN)
		msg = binary.BigEndian.AppendUint32(msg, ttl)
		msg = binary.BigEndian.AppendUint16(msg, uint16(len(ip)))
		msg = append(msg, ip...)
	}
	binary.BigEndian.PutUint16(msg[6:], n)
	return msg
}

// forward asks one of the site's resolvers.
func (r *resolver) forward(ctx context.Context, msg []byte, end int) []byte {
	failed := reply(msg[:end], codeFail, nil)
	if len(r.upstream) == 0 {
		return failed
	}
	text, err := exchange(ctx, r.upstream[rand.IntN(len(r.upstream))], msg)
	if err != nil {
		return failed
	}
	return text
}

// exchange asks one name server.
func exchange(ctx context.Context, address string, msg []byte) ([]byte, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "udp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, err
		}
	}
	if _, err := conn.Write(msg); err != nil {
		return nil, err
	}
	text := make([]byte, maxMessage)
	n, err := conn.Read(text)
	return text[:n], err
}

// answers tells whether the name server at an address is one of ours and up.
func answers(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	msg := []byte{0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 5, 'r', 'e', 'a', 'd', 'y', 7, 's', 'p', 'a', 'r', 't', 'a', 'n', 0, 0, typeA,
		0, classIN}
	text, err := exchange(ctx, address, msg)
	return err == nil && len(text) >= headerSize && binary.BigEndian.Uint16(text[6:]) > 0
}
