// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package exhibitor

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/host"
)

// ZooKeeper is a path in a ZooKeeper that is not the ensemble's own.
type ZooKeeper struct {
	Hosts []string // HOST:PORT each
	Path  string
}

func (z ZooKeeper) node() string  { return strings.TrimRight(z.Path, "/") + "/configs/config" }
func (z ZooKeeper) locks() string { return strings.TrimRight(z.Path, "/") + "/locks" }

// Load reads the node. Its version is ZooKeeper's.
func (z ZooKeeper) Load(ctx context.Context) (text []byte, version string, err error) {
	err = z.session(ctx, func(c *zkConn) error {
		var number int32
		text, number, err = c.get(z.node())
		if errors.Is(err, errNoNode) {
			return nil
		}
		version = strconv.Itoa(int(number))
		return err
	})
	return text, version, err
}

// Store writes the node, or makes it.
func (z ZooKeeper) Store(ctx context.Context, text []byte, version string) (stored string, err error) {
	err = z.session(ctx, func(c *zkConn) error {
		if version == "" {
			err := c.make(z.node(), text)
			if err == nil {
				stored = "0"
			}
			return err
		}
		before, err := strconv.ParseInt(version, 10, 32)
		if err != nil {
			return err
		}
		now, err := c.set(z.node(), text, int32(before))
		if err == nil {
			stored = strconv.Itoa(int(now))
		}
		return err
	})
	if errors.Is(err, errNodeExists) || errors.Is(err, errVersion) {
		return "", nil
	}
	return stored, err
}

// Lock has a node that goes with its session: the one with the lowest number has the
// lock.
func (z ZooKeeper) Lock(ctx context.Context, _, patience time.Duration) (free func() error, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience+5*time.Second)
	defer cancel()
	c, err := z.dial(ctx)
	if err != nil {
		return nil, err
	}
	own, err := c.makeNumbered(z.locks())
	for begun := time.Now(); err == nil; {
		var names []string
		if names, err = c.children(z.locks()); err != nil {
			break
		}
		if len(names) > 0 && z.locks()+"/"+slices.Min(names) == own {
			return c.close, nil
		}
		if time.Since(begun) > patience || !host.Wait(ctx, lockPoll) {
			return nil, c.close()
		}
	}
	return nil, errors.Join(err, c.close())
}

// session has a session with the first server that answers.
func (z ZooKeeper) session(ctx context.Context, do func(c *zkConn) error) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second*time.Duration(len(z.Hosts)))
	defer cancel()
	c, err := z.dial(ctx)
	if err != nil {
		return err
	}
	return errors.Join(do(c), c.close())
}

func (z ZooKeeper) dial(ctx context.Context) (*zkConn, error) {
	var errs []error
	for _, server := range z.Hosts {
		c, err := dialZooKeeper(ctx, server)
		if err == nil {
			return c, nil
		}
		errs = append(errs, fmt.Errorf("zookeeper %s: %w", server, err))
	}
	return nil, errors.Join(errs...)
}

// Numbers of ZooKeeper's protocol (zookeeper.jute, ZooDefs.OpCode and
// KeeperException.Code of 3.4).
const (
	zkCreate      = 1
	zkGetData     = 4
	zkSetData     = 5
	zkGetChildren = 8
	zkClose       = -11

	zkEphemeralSequential = 3

	zkNoNode     = -101
	zkBadVersion = -103
	zkNodeExists = -110
	zkMaxMessage = 1 << 20
)

var (
	errNoNode     = errors.New("no such node")
	errNodeExists = errors.New("the node exists")
	errVersion    = errors.New("the node has another version")
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
	deadline, _ := ctx.Deadline() // all callers set one
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

// get reads a node's data and version.
func (c *zkConn) get(path string) (data []byte, version int32, err error) {
	reply, err := c.call(zkGetData, new(jute).string(path).bool(false))
	if err != nil {
		return nil, 0, fmt.Errorf("read %s: %w", path, err)
	}
	if data, err = reply.readBytes(); err != nil {
		return nil, 0, err
	}
	version, err = reply.readVersion()
	return data, version, err
}

// set writes a node's data if it has that version, and gives its new one.
func (c *zkConn) set(path string, data []byte, version int32) (int32, error) {
	reply, err := c.call(zkSetData, new(jute).string(path).bytes(data).int32(version))
	if err != nil {
		return 0, fmt.Errorf("write %s: %w", path, err)
	}
	return reply.readVersion()
}

// make makes a node and those above it.
func (c *zkConn) make(path string, data []byte) error {
	for i := 1; i < len(path); i++ {
		if path[i] == '/' {
			if _, err := c.create(path[:i], nil, 0); err != nil && !errors.Is(err, errNodeExists) {
				return fmt.Errorf("make %s: %w", path[:i], err)
			}
		}
	}
	_, err := c.create(path, data, 0)
	return err
}

// makeNumbered makes a node below path that goes with the session, and gives its path.
func (c *zkConn) makeNumbered(path string) (string, error) {
	if err := c.make(path, nil); err != nil && !errors.Is(err, errNodeExists) {
		return "", err
	}
	return c.create(path+"/lock-", nil, zkEphemeralSequential)
}

// create makes a node that anybody may use, as exhibitor does, and gives its path.
func (c *zkConn) create(path string, data []byte, flags int32) (string, error) {
	const allRights = 31
	acl := new(jute).int32(1).int32(allRights).string("world").string("anyone")
	reply, err := c.call(zkCreate, new(jute).string(path).bytes(data).raw(acl.Bytes()).int32(flags))
	if err != nil {
		return "", err
	}
	made, err := reply.readBytes()
	return string(made), err
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
	case header.Code == zkBadVersion:
		return nil, errVersion
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

// readVersion reads a node's version from what the server says of it (Stat in
// zookeeper.jute): it comes after two transactions' and two times of eight bytes.
func (j *jute) readVersion() (int32, error) {
	if j.Len() < 36 {
		return 0, io.ErrUnexpectedEOF
	}
	j.Next(32)
	return j.readInt32()
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
