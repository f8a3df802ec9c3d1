// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remotetest

import (
	"bufio"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// A Raw is an SSH server made of packets, each of which it shows before it goes
// out, so that it can stop at any of them, and whose channels have the windows
// that it is told. It does no I/O but on the connections that it is given, so it
// works in a bubble of testing/synctest.
//
// It knows what clients of package remote say: one key exchange and cipher, login
// by a public key, sessions with exec and subsystem, direct-tcpip. It has no
// terminals, no key exchange after the first one, and holds nobody to its own
// windows.
type Raw struct {
	HostKey ssh.Signer
	// Send sees each packet before it goes out; false drops it. It is called for
	// one packet of a connection at a time. nil: all go out.
	Send func(p Packet) bool
	// Deaf is asked before each packet that is read; true: nothing more is, though the
	// connection stays. It needs one of MemoryPipe.
	Deaf func() bool
	// Windows gives that of a channel when it is opened, what is added to it when
	// something runs there, and whether nothing is added for what was taken. nil: as
	// OpenSSH's sessions, 0, 2 MiB, and what was taken.
	Windows func(channel int) (opened, started uint32, stingy bool)
	// Starts says whether a command or a subsystem can be started; nil: all can.
	Starts func(kind, command string) bool
	// Run runs it, and gives its exit code, -1 for none. As with OpenSSH, a channel
	// that the client closes is not closed before.
	Run func(ch *RawChannel, kind, command string) (code int)
	// Dial opens what is behind it; nil: nothing is.
	Dial func(address string) (net.Conn, error)
}

// A Packet is what a Raw is about to send.
type Packet struct {
	Type    byte
	Channel int // its number, from 0; -1 for none
}

// Numbers of messages (RFC 4250, section 4.1.2).
const (
	MsgServiceAccept       = 6
	MsgKexInit             = 20
	MsgNewKeys             = 21
	MsgKexReply            = 31
	MsgAuthFailure         = 51
	MsgAuthSuccess         = 52
	MsgAuthPKOK            = 60
	MsgRequestFailure      = 82
	MsgChannelOpenConfirm  = 91
	MsgChannelOpenFailure  = 92
	MsgChannelWindowAdjust = 93
	MsgChannelData         = 94
	MsgChannelExtendedData = 95
	MsgChannelEOF          = 96
	MsgChannelClose        = 97
	MsgChannelRequest      = 98
	MsgChannelSuccess      = 99
	MsgChannelFailure      = 100

	msgServiceRequest = 5
	msgKexECDHInit    = 30
	msgAuthRequest    = 50
	msgGlobalRequest  = 80
	msgChannelOpen    = 90
)

const (
	rawVersion   = "SSH-2.0-OpenSSH_remotetest" // as far as packets and windows go
	rawMaxPacket = 32 << 10
)

// rawConn is a connection to a Raw.
type rawConn struct {
	*Raw
	nc      net.Conn
	r       *bufio.Reader
	in      *sealer // nil before the keys are there
	session []byte  // the session's id

	wg sync.WaitGroup

	mu       sync.Mutex // of what goes out
	out      *sealer
	channels []*RawChannel
}

// Serve serves one connection until it ends, and waits for all that was run.
func (s *Raw) Serve(nc net.Conn) error {
	c := &rawConn{Raw: s, nc: nc, r: bufio.NewReader(nc)}
	err := c.serve()
	_ = nc.Close() // it has ended
	c.mu.Lock()
	channels := c.channels
	c.mu.Unlock()
	for _, ch := range channels {
		ch.end()
		close(ch.gone)
	}
	c.wg.Wait()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

func (c *rawConn) serve() error {
	if err := c.exchangeKeys(); err != nil {
		return err
	}
	if err := c.logIn(); err != nil {
		return err
	}
	for {
		p, err := c.read()
		if err != nil {
			return err
		}
		if err := c.handle(p); err != nil {
			return err
		}
	}
}

// A sealer is AES-GCM as RFC 5647 has it.
type sealer struct {
	cipher.AEAD
	nonce [12]byte
}

func newSealer(key, iv []byte) (*sealer, error) {
	block, err := aes.NewCipher(key[:16])
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	s := &sealer{AEAD: gcm}
	copy(s.nonce[:], iv)
	return s, nil
}

func (s *sealer) next() {
	binary.BigEndian.PutUint64(s.nonce[4:], binary.BigEndian.Uint64(s.nonce[4:])+1)
}

// read reads a packet (RFC 4253, section 6).
func (c *rawConn) read() ([]byte, error) {
	if memory, ok := c.nc.(*memoryConn); ok && c.Deaf != nil && c.Deaf() {
		<-memory.in.gone
		return nil, io.EOF
	}
	var head [4]byte
	if _, err := io.ReadFull(c.r, head[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint32(head[:]))
	if n > 1<<20 {
		return nil, fmt.Errorf("a packet of %d bytes", n)
	}
	if c.in != nil {
		n += c.in.Overhead()
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(c.r, body); err != nil {
		return nil, err
	}
	if c.in != nil {
		var err error
		if body, err = c.in.Open(body[:0], c.in.nonce[:], body, head[:]); err != nil {
			return nil, err
		}
		c.in.next()
	}
	padding := int(body[0])
	if padding+2 > len(body) {
		return nil, errors.New("a packet of padding")
	}
	return body[1 : len(body)-padding], nil
}

// send sends a packet, if it may go out.
func (c *rawConn) send(channel int, payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Send != nil && !c.Send(Packet{Type: payload[0], Channel: channel}) {
		return
	}
	block, head := 8, 5
	if c.out != nil {
		block, head = 16, 1
	}
	padding := block - (head+len(payload))%block
	if padding < 4 {
		padding += block
	}
	body := make([]byte, 1+len(payload)+padding)
	body[0] = byte(padding)
	copy(body[1:], payload)
	p := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	if c.out != nil {
		p = c.out.Seal(p, c.out.nonce[:], body, p[:4])
		c.out.next()
	} else {
		p = append(p, body...)
	}
	_, _ = c.nc.Write(p) // its end shows in what is read
}

// exchangeKeys does the one exchange of keys (RFC 4253, RFC 8731).
func (c *rawConn) exchangeKeys() error {
	if _, err := io.WriteString(c.nc, rawVersion+"\r\n"); err != nil {
		return err
	}
	line, err := c.r.ReadString('\n')
	if err != nil {
		return err
	}
	ours := ssh.Marshal(&struct {
		Type                                                              byte
		Cookie                                                            [16]byte
		Kex, HostKey, CipherIn, CipherOut, MACIn, MACOut, CompIn, CompOut string
		LangIn, LangOut                                                   string
		First                                                             bool
		Reserved                                                          uint32
	}{
		Type: MsgKexInit, Kex: ssh.KeyExchangeCurve25519, HostKey: c.HostKey.PublicKey().Type(), CipherIn: ssh.CipherAES128GCM,
		CipherOut: ssh.CipherAES128GCM, MACIn: ssh.HMACSHA256, MACOut: ssh.HMACSHA256, CompIn: "none", CompOut: "none",
	})
	c.send(-1, ours)
	theirs, err := c.expect(MsgKexInit)
	if err != nil {
		return err
	}
	asked, err := c.expect(msgKexECDHInit)
	if err != nil {
		return err
	}
	var theirKey struct {
		Key []byte `sshtype:"30"`
	}
	if err := ssh.Unmarshal(asked, &theirKey); err != nil {
		return err
	}
	peer, err := ecdh.X25519().NewPublicKey(theirKey.Key)
	if err != nil {
		return err
	}
	ourKey, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	shared, err := ourKey.ECDH(peer)
	if err != nil {
		return err
	}
	secret := ssh.Marshal(&struct{ K *big.Int }{new(big.Int).SetBytes(shared)})
	hostKey := c.HostKey.PublicKey().Marshal()
	hash := sha256.New()
	for _, part := range [][]byte{trimLine(line), []byte(rawVersion), theirs, ours, hostKey, theirKey.Key, ourKey.PublicKey().Bytes()} {
		hash.Write(ssh.Marshal(&struct{ B []byte }{part}))
	}
	hash.Write(secret)
	c.session = hash.Sum(nil)
	signature, err := c.HostKey.Sign(rand.Reader, c.session)
	if err != nil {
		return err
	}
	c.send(-1, ssh.Marshal(&struct {
		Type                    byte
		HostKey, Key, Signature []byte
	}{MsgKexReply, hostKey, ourKey.PublicKey().Bytes(), ssh.Marshal(signature)}))
	c.send(-1, []byte{MsgNewKeys})
	derive := func(letter byte) []byte {
		h := sha256.New()
		h.Write(secret)
		h.Write(c.session)
		h.Write([]byte{letter})
		h.Write(c.session)
		return h.Sum(nil)
	}
	out, err := newSealer(derive('D'), derive('B'))
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.out = out
	c.mu.Unlock()
	if _, err := c.expect(MsgNewKeys); err != nil {
		return err
	}
	c.in, err = newSealer(derive('C'), derive('A'))
	return err
}

func trimLine(line string) []byte {
	return []byte(strings.TrimRight(line, "\r\n"))
}

// expect reads a packet of a type.
func (c *rawConn) expect(kind byte) ([]byte, error) {
	p, err := c.read()
	if err == nil && p[0] != kind {
		err = fmt.Errorf("message %d where %d is due", p[0], kind)
	}
	return p, err
}

// logIn lets in whoever has a key (RFC 4252, section 7).
func (c *rawConn) logIn() error {
	if _, err := c.expect(msgServiceRequest); err != nil {
		return err
	}
	c.send(-1, ssh.Marshal(&struct {
		Type    byte
		Service string
	}{MsgServiceAccept, "ssh-userauth"}))
	for {
		p, err := c.expect(msgAuthRequest)
		if err != nil {
			return err
		}
		var m struct {
			User            string `sshtype:"50"`
			Service, Method string
			Rest            []byte `ssh:"rest"`
		}
		if err := ssh.Unmarshal(p, &m); err != nil {
			return err
		}
		if m.Method != "publickey" {
			c.send(-1, ssh.Marshal(&struct {
				Type    byte
				Methods string
				Partial bool
			}{MsgAuthFailure, "publickey", false}))
			continue
		}
		done, err := c.tryKey(m.User, m.Service, m.Rest)
		if done || err != nil {
			return err
		}
	}
}

func (c *rawConn) tryKey(user, service string, rest []byte) (done bool, err error) {
	var m struct {
		Signed    bool
		Algorithm string
		Key       []byte
		Rest      []byte `ssh:"rest"`
	}
	if err := ssh.Unmarshal(rest, &m); err != nil {
		return false, err
	}
	if !m.Signed {
		c.send(-1, ssh.Marshal(&struct {
			Type      byte
			Algorithm string
			Key       []byte
		}{MsgAuthPKOK, m.Algorithm, m.Key}))
		return false, nil
	}
	var signature struct{ Blob []byte }
	if err := ssh.Unmarshal(m.Rest, &signature); err != nil {
		return false, err
	}
	var parsed ssh.Signature
	if err := ssh.Unmarshal(signature.Blob, &parsed); err != nil {
		return false, err
	}
	key, err := ssh.ParsePublicKey(m.Key)
	if err != nil {
		return false, err
	}
	signed := ssh.Marshal(&struct {
		Session               []byte
		Type                  byte
		User, Service, Method string
		Signed                bool
		Algorithm             string
		Key                   []byte
	}{c.session, msgAuthRequest, user, service, "publickey", true, m.Algorithm, m.Key})
	if err := key.Verify(signed, &parsed); err != nil {
		return false, err
	}
	c.send(-1, []byte{MsgAuthSuccess})
	return true, nil
}

// handle takes one message of the connection (RFC 4254).
func (c *rawConn) handle(p []byte) error {
	switch p[0] {
	case msgGlobalRequest:
		var m struct {
			Name string `sshtype:"80"`
			Want bool
			Rest []byte `ssh:"rest"`
		}
		if err := ssh.Unmarshal(p, &m); err != nil {
			return err
		}
		if m.Want {
			c.send(-1, []byte{MsgRequestFailure}) // as OpenSSH answers a keepalive
		}
		return nil
	case msgChannelOpen:
		return c.open(p)
	}
	if len(p) < 5 {
		return fmt.Errorf("message %d is too short", p[0])
	}
	n := binary.BigEndian.Uint32(p[1:])
	c.mu.Lock()
	if int64(n) >= int64(len(c.channels)) {
		c.mu.Unlock()
		return fmt.Errorf("message %d for channel %d, which is not open", p[0], n)
	}
	ch := c.channels[n]
	c.mu.Unlock()
	return ch.handle(p)
}

func (c *rawConn) open(p []byte) error {
	var m struct {
		Kind         string `sshtype:"90"`
		Sender       uint32
		Window, Most uint32
		Rest         []byte `ssh:"rest"`
	}
	if err := ssh.Unmarshal(p, &m); err != nil {
		return err
	}
	ch := &RawChannel{c: c, to: m.Sender, cond: sync.NewCond(new(sync.Mutex)), gone: make(chan struct{}), started: 2 << 20}
	c.mu.Lock()
	ch.N = len(c.channels)
	c.channels = append(c.channels, ch)
	c.mu.Unlock()
	opened := uint32(0)
	if m.Kind == "direct-tcpip" {
		opened = 2 << 20
	}
	if c.Windows != nil {
		opened, ch.started, ch.stingy = c.Windows(ch.N)
	}
	refuse := func(reason ssh.RejectionReason, why string) {
		ch.send(&struct {
			Type          byte
			To, Reason    uint32
			Why, Language string
		}{MsgChannelOpenFailure, m.Sender, uint32(reason), why, ""})
	}
	var behind net.Conn
	switch {
	case m.Kind == "session":
	case m.Kind == "direct-tcpip" && c.Dial != nil:
		var to struct {
			Host       string
			Port       uint32
			Origin     string
			OriginPort uint32
		}
		if err := ssh.Unmarshal(m.Rest, &to); err != nil {
			return err
		}
		var err error
		if behind, err = c.Dial(net.JoinHostPort(to.Host, fmt.Sprint(to.Port))); err != nil {
			refuse(ssh.ConnectionFailed, err.Error())
			return nil
		}
	default:
		refuse(ssh.UnknownChannelType, "unknown")
		return nil
	}
	ch.send(&struct {
		Type                byte
		To, From, Win, Most uint32
	}{MsgChannelOpenConfirm, m.Sender, uint32(ch.N), opened, rawMaxPacket})
	if behind != nil {
		c.wg.Go(func() { ch.forward(behind) })
	}
	return nil
}

// A RawChannel is a channel of a Raw.
type RawChannel struct {
	N int // which of its connection, from 0

	c       *rawConn
	to      uint32 // the client's number of it
	started uint32 // for the window, when something is
	stingy  bool
	gone    chan struct{}

	cond  *sync.Cond
	buf   []byte // what has come
	taken uint32 // of it, since the window was adjusted
	eof   bool
	runs  bool
	shut  bool // closed by us
}

// Gone is closed when the connection has ended.
func (ch *RawChannel) Gone() <-chan struct{} { return ch.gone }

func (ch *RawChannel) send(m any) { ch.c.send(ch.N, ssh.Marshal(m)) }

// say sends a message that has nothing in it.
func (ch *RawChannel) say(kind byte) {
	ch.send(&struct {
		Type byte
		To   uint32
	}{kind, ch.to})
}

func (ch *RawChannel) adjust(n uint32) {
	ch.send(&struct {
		Type  byte
		To, N uint32
	}{MsgChannelWindowAdjust, ch.to, n})
}

// Request sends a request that wants no reply.
func (ch *RawChannel) Request(name string) {
	ch.send(&struct {
		Type byte
		To   uint32
		Name string
		Want bool
	}{MsgChannelRequest, ch.to, name, false})
}

// Read gives what the client sends.
func (ch *RawChannel) Read(p []byte) (int, error) {
	ch.cond.L.Lock()
	for len(ch.buf) == 0 && !ch.eof {
		ch.cond.Wait()
	}
	n := copy(p, ch.buf)
	ch.buf = ch.buf[n:]
	ch.taken += uint32(n)
	more := uint32(0)
	if ch.taken >= rawMaxPacket && !ch.stingy && !ch.shut {
		more, ch.taken = ch.taken, 0
	}
	ch.cond.L.Unlock()
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	if more > 0 {
		ch.adjust(more)
	}
	return n, nil
}

// Write sends to the client's stdout.
func (ch *RawChannel) Write(p []byte) (int, error) {
	ch.send(&struct {
		Type byte
		To   uint32
		Data []byte
	}{MsgChannelData, ch.to, p})
	return len(p), nil
}

// Close says that there is no more of the channel.
func (ch *RawChannel) Close() error {
	ch.cond.L.Lock()
	was := ch.shut
	ch.shut, ch.eof = true, true
	ch.cond.Broadcast()
	ch.cond.L.Unlock()
	if !was {
		ch.say(MsgChannelClose)
	}
	return nil
}

// Stderr sends to the client's stderr.
func (ch *RawChannel) Stderr() io.Writer { return rawStderr{ch} }

type rawStderr struct{ ch *RawChannel }

func (w rawStderr) Write(p []byte) (int, error) {
	w.ch.send(&struct {
		Type     byte
		To, Code uint32
		Data     []byte
	}{MsgChannelExtendedData, w.ch.to, 1, p})
	return len(p), nil
}

// end is the end of all that comes.
func (ch *RawChannel) end() {
	ch.cond.L.Lock()
	defer ch.cond.L.Unlock()
	ch.eof = true
	ch.cond.Broadcast()
}

func (ch *RawChannel) handle(p []byte) error {
	switch p[0] {
	case MsgChannelData:
		var m struct {
			To   uint32 `sshtype:"94"`
			Data []byte
		}
		if err := ssh.Unmarshal(p, &m); err != nil {
			return err
		}
		ch.cond.L.Lock()
		defer ch.cond.L.Unlock()
		ch.buf = append(ch.buf, m.Data...)
		ch.cond.Broadcast()
	case MsgChannelEOF:
		ch.end()
	case MsgChannelClose:
		ch.end()
		ch.cond.L.Lock()
		runs := ch.runs
		ch.cond.L.Unlock()
		if !runs {
			return ch.Close()
		}
	case MsgChannelRequest:
		return ch.request(p)
	}
	return nil
}

func (ch *RawChannel) request(p []byte) error {
	var m struct {
		To   uint32 `sshtype:"98"`
		Name string
		Want bool
		Rest []byte `ssh:"rest"`
	}
	if err := ssh.Unmarshal(p, &m); err != nil {
		return err
	}
	var what struct{ Text string }
	runs := m.Name == "exec" || m.Name == "subsystem"
	if runs {
		if err := ssh.Unmarshal(m.Rest, &what); err != nil {
			return err
		}
		runs = ch.c.Starts == nil || ch.c.Starts(m.Name, what.Text)
	}
	if m.Want {
		kind := byte(MsgChannelFailure)
		if runs {
			kind = MsgChannelSuccess
		}
		ch.say(kind)
	}
	if !runs {
		return nil
	}
	if ch.started > 0 {
		ch.adjust(ch.started)
	}
	ch.cond.L.Lock()
	ch.runs = true
	ch.cond.L.Unlock()
	ch.c.wg.Go(func() {
		code := ch.c.Run(ch, m.Name, what.Text)
		if code >= 0 {
			ch.send(&struct {
				Type byte
				To   uint32
				Name string
				Want bool
				Code uint32
			}{MsgChannelRequest, ch.to, "exit-status", false, uint32(code)})
		}
		ch.say(MsgChannelEOF)
		_ = ch.Close() // it never fails
	})
	return nil
}

// forward passes bytes both ways.
func (ch *RawChannel) forward(nc net.Conn) {
	ch.c.wg.Go(func() {
		<-ch.gone
		_ = nc.Close() // whatever it waits for
	})
	ch.c.wg.Go(func() {
		_, _ = io.Copy(nc, ch) // either side may end it
		_ = nc.Close()
	})
	buf := make([]byte, rawMaxPacket)
	for {
		n, err := nc.Read(buf)
		if n > 0 {
			_, _ = ch.Write(buf[:n]) // it never fails
		}
		if err != nil {
			break
		}
	}
	_ = ch.Close() // as above
	_ = nc.Close()
}

// MemoryPipe gives both ends of a connection in memory that has room for so many
// bytes each way. It has no deadlines.
func MemoryPipe(room int) (near, far net.Conn) {
	a, b := newHalf(room), newHalf(room)
	return &memoryConn{a, b}, &memoryConn{b, a}
}

// half is one direction.
type half struct {
	room   int
	cond   *sync.Cond
	buf    []byte
	closed bool
	gone   chan struct{} // closed with it
}

func newHalf(room int) *half {
	return &half{room: room, cond: sync.NewCond(new(sync.Mutex)), gone: make(chan struct{})}
}

type memoryConn struct{ in, out *half }

var _ net.Conn = (*memoryConn)(nil)

func (c *memoryConn) Read(p []byte) (int, error) {
	h := c.in
	h.cond.L.Lock()
	defer h.cond.L.Unlock()
	for len(h.buf) == 0 && !h.closed {
		h.cond.Wait()
	}
	if len(h.buf) == 0 {
		return 0, io.EOF
	}
	n := copy(p, h.buf)
	h.buf = h.buf[n:]
	h.cond.Broadcast()
	return n, nil
}

func (c *memoryConn) Write(p []byte) (n int, err error) {
	h := c.out
	h.cond.L.Lock()
	defer h.cond.L.Unlock()
	for n < len(p) {
		for len(h.buf) >= h.room && !h.closed {
			h.cond.Wait()
		}
		if h.closed {
			return n, io.ErrClosedPipe
		}
		k := min(len(p)-n, h.room-len(h.buf))
		h.buf = append(h.buf, p[n:n+k]...)
		n += k
		h.cond.Broadcast()
	}
	return n, nil
}

func (c *memoryConn) Close() error {
	for _, h := range []*half{c.in, c.out} {
		h.cond.L.Lock()
		if !h.closed {
			close(h.gone)
		}
		h.closed = true
		h.cond.Broadcast()
		h.cond.L.Unlock()
	}
	return nil
}

// The rest of a net.Conn.
func (*memoryConn) LocalAddr() net.Addr              { return memoryAddr{} }
func (*memoryConn) RemoteAddr() net.Addr             { return memoryAddr{} }
func (*memoryConn) SetDeadline(time.Time) error      { return errors.ErrUnsupported }
func (*memoryConn) SetReadDeadline(time.Time) error  { return errors.ErrUnsupported }
func (*memoryConn) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }

type memoryAddr struct{}

func (memoryAddr) Network() string { return "memory" }
func (memoryAddr) String() string  { return "memory" }
