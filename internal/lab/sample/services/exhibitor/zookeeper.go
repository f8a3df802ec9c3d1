// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package exhibitor

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// ZooKeeper is a path in a ZooKeeper that is not the ensemble's own. Each
// member has a node below it. Like exhibitor's, the nodes stay when DC/OS
// goes.
type ZooKeeper struct {
	Hosts []string // HOST:PORT each
	Path  string
}

// Join writes this member's node and reads all. It connects to the first
// server that answers.
func (z ZooKeeper) Join(ctx context.Context, hostname string) ([]Member, error) {
	var errs []error
	for _, server := range z.Hosts {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		members, err := z.join(ctx, server, hostname)
		cancel()
		if err == nil {
			return members, nil
		}
		errs = append(errs, fmt.Errorf("zookeeper %s: %w", server, err))
	}
	return nil, errors.Join(errs...)
}

func (z ZooKeeper) join(ctx context.Context, server, hostname string) (all []Member, err error) {
	c, err := dialZooKeeper(ctx, server)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	top := strings.TrimRight(z.Path, "/") + "/members"
	path := top + "/" + hostname
	before, err := z.member(c, path)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(renewed(before, hostname, time.Now()))
	if err != nil {
		return nil, err
	}
	if err := c.put(path, text); err != nil {
		return nil, err
	}
	names, err := c.children(top)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		m, err := z.member(c, top+"/"+name)
		if err != nil {
			return nil, err
		}
		if m != nil {
			all = append(all, *m)
		}
	}
	return all, nil
}

// member reads a member's node, nil if there is none.
func (z ZooKeeper) member(c *zkConn, path string) (*Member, error) {
	text, err := c.get(path)
	if errors.Is(err, errNoNode) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return decodeMember(path, text)
}

// Numbers of ZooKeeper's protocol (zookeeper.jute, ZooDefs.OpCode and
// KeeperException.Code of 3.4).
const (
	zkCreate      = 1
	zkGetData     = 4
	zkSetData     = 5
	zkGetChildren = 8
	zkClose       = -11

	zkNoNode     = -101
	zkNodeExists = -110
	zkAnyVersion = -1
	zkMaxMessage = 1 << 20
)

var (
	errNoNode     = errors.New("no such node")
	errNodeExists = errors.New("the node exists")
)

// zkConn is a session with one server, used by one call at a time.
type zkConn struct {
	conn net.Conn
	xid  int32
}

// dialZooKeeper begins a session, which ends with ctx's time at the latest.
func dialZooKeeper(ctx context.Context, server string) (*zkConn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", server)
	if err != nil {
		return nil, err
	}
	c := &zkConn{conn: conn}
	deadline, _ := ctx.Deadline() // Join set one
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	hello := new(jute).int32(0).int64(0).int32(10_000).int64(0).bytes(make([]byte, 16))
	_, err = c.roundTrip(hello)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return c, nil
}

func (c *zkConn) close() error {
	_, err := c.call(zkClose, new(jute))
	return errors.Join(err, c.conn.Close())
}

// get reads a node's data.
func (c *zkConn) get(path string) ([]byte, error) {
	reply, err := c.call(zkGetData, new(jute).string(path).bool(false))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return reply.readBytes()
}

// put writes a node's data, and makes the node and those above it.
func (c *zkConn) put(path string, data []byte) error {
	_, err := c.call(zkSetData, new(jute).string(path).bytes(data).int32(zkAnyVersion))
	if !errors.Is(err, errNoNode) {
		return err
	}
	for i := 1; i < len(path); i++ {
		if path[i] == '/' {
			if err := c.create(path[:i], nil); err != nil && !errors.Is(err, errNodeExists) {
				return fmt.Errorf("make %s: %w", path[:i], err)
			}
		}
	}
	return c.create(path, data)
}

// create makes a node that lasts and that anybody may use, as exhibitor does.
func (c *zkConn) create(path string, data []byte) error {
	const allRights = 31
	acl := new(jute).int32(1).int32(allRights).string("world").string("anyone")
	_, err := c.call(zkCreate, new(jute).string(path).bytes(data).raw(acl.Bytes()).int32(0))
	return err
}

func (c *zkConn) children(path string) ([]string, error) {
	reply, err := c.call(zkGetChildren, new(jute).string(path).bool(false))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", path, err)
	}
	n, err := reply.readInt32()
	var names []string
	for i := int32(0); i < n && err == nil; i++ {
		var name []byte
		name, err = reply.readBytes()
		names = append(names, string(name))
	}
	return names, err
}

// call sends a request and reads its reply.
func (c *zkConn) call(operation int32, request *jute) (*jute, error) {
	c.xid++
	reply, err := c.roundTrip(new(jute).int32(c.xid).int32(operation).raw(request.Bytes()))
	if err != nil {
		return nil, err
	}
	var header struct {
		XID  int32
		ZXID int64
		Code int32
	}
	if err := binary.Read(reply, binary.BigEndian, &header); err != nil {
		return nil, err
	}
	switch {
	case header.XID != c.xid:
		return nil, fmt.Errorf("reply %d to request %d", header.XID, c.xid)
	case header.Code == zkNoNode:
		return nil, errNoNode
	case header.Code == zkNodeExists:
		return nil, errNodeExists
	case header.Code != 0:
		return nil, fmt.Errorf("error %d", header.Code)
	}
	return reply, nil
}

// roundTrip sends a frame and reads one.
func (c *zkConn) roundTrip(request *jute) (*jute, error) {
	frame := new(jute).bytes(request.Bytes())
	if _, err := c.conn.Write(frame.Bytes()); err != nil {
		return nil, err
	}
	var size int32
	if err := binary.Read(c.conn, binary.BigEndian, &size); err != nil {
		return nil, err
	}
	if size < 0 || size > zkMaxMessage {
		return nil, fmt.Errorf("a frame of %d bytes", size)
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(c.conn, text); err != nil {
		return nil, err
	}
	reply := new(jute)
	return reply.raw(text), nil
}

// jute is a buffer in the format of ZooKeeper's messages.
type jute struct{ bytes.Buffer }

func (j *jute) int32(v int32) *jute {
	j.Write(binary.BigEndian.AppendUint32(nil, uint32(v)))
	return j
}

func (j *jute) int64(v int64) *jute {
	j.Write(binary.BigEndian.AppendUint64(nil, uint64(v)))
	return j
}

func (j *jute) bool(v bool) *jute {
	b := byte(0)
	if v {
		b = 1
	}
	j.WriteByte(b)
	return j
}

func (j *jute) bytes(v []byte) *jute { return j.int32(int32(len(v))).raw(v) }

func (j *jute) string(v string) *jute { return j.bytes([]byte(v)) }

func (j *jute) raw(v []byte) *jute {
	j.Write(v)
	return j
}

func (j *jute) readInt32() (v int32, err error) {
	err = binary.Read(j, binary.BigEndian, &v)
	return v, err
}

// readBytes reads bytes after their number, which is -1 for none.
func (j *jute) readBytes() ([]byte, error) {
	n, err := j.readInt32()
	if err != nil || n <= 0 {
		return nil, err
	}
	if int(n) > j.Len() {
		return nil, io.ErrUnexpectedEOF
	}
	return bytes.Clone(j.Next(int(n))), nil
}
