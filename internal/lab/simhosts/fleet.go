// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package simhosts

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// The stages at which hosts fail.
const (
	FailConnect    = "connect"
	FailPreflight  = "preflight"
	FailInstall    = "install"
	FailPostflight = "postflight"
)

var failStages = []string{FailConnect, FailPreflight, FailInstall, FailPostflight}

// Options say what the hosts are like.
type Options struct {
	// Listen is the address of the listener; "" means 0.0.0.0:0.
	Listen string
	// Delay is how long each script takes.
	Delay time.Duration
	// Failures is the share of hosts that fail, from 0 to 1.
	Failures float64
	// Flood is the address of a host whose results have no end, or only one after a
	// gigabyte; "": none. It is mended as the others are.
	Flood string
	// Mute is the address of a host that takes connections and never says a word,
	// Stuck one that lets in and starts no process, as one does that has reached its
	// limit of them; "": none. They stay so until they are mended.
	Mute, Stuck string
	// Transfer says that nothing of what is to be transferred is there: it is
	// taken and thrown away.
	Transfer bool
	// Stays is the path of a file of somebody's in one of DC/OS's directories, which a removal leaves where it is; "": none.
	Stays string
	// Given is what nodes say of the configuration of their cluster, as given.sh prints it.
	Given map[string]string
}

// Count is what a fleet has seen.
type Count struct {
	Connections, Scripts, Installed int64
	Input                           int64 // bytes that the scripts were sent, themselves included
	Bytes                           int64 // of files
	Most                            int64 // connections at once
}

// A Fleet is many hosts. It is safe for concurrent use.
type Fleet struct {
	opts     Options
	listener net.Listener
	mended   atomic.Bool

	connections, scripts, input, bytes, now, most atomic.Int64

	mu    sync.Mutex
	hosts map[string]*host
	conns map[net.Conn]bool
	texts map[string]string // what many hosts have alike, once
	ready map[string]bool   // the masters
	wg    sync.WaitGroup
}

// Start makes the hosts reachable.
func Start(o Options) (*Fleet, error) {
	if o.Listen == "" {
		o.Listen = "0.0.0.0:0"
	}
	l, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("listening for simulated hosts: %w", err)
	}
	f := &Fleet{opts: o, listener: l, hosts: map[string]*host{}, conns: map[net.Conn]bool{}, texts: map[string]string{},
		ready: map[string]bool{}}
	f.wg.Go(f.accept)
	return f, nil
}

// Port is the port of all hosts.
func (f *Fleet) Port() int {
	if a, ok := f.listener.Addr().(*net.TCPAddr); ok {
		return a.Port
	}
	return 0
}

// Address is the nth host's.
func Address(n int) string { return fmt.Sprintf("127.%d.%d.%d", 1+n/62500, n/250%250, 1+n%250) }

// Mend ends all failures.
func (f *Fleet) Mend() { f.mended.Store(true) }

// Count says what the fleet has seen so far.
func (f *Fleet) Count() Count {
	c := Count{Connections: f.connections.Load(), Scripts: f.scripts.Load(), Input: f.input.Load(), Bytes: f.bytes.Load(), Most: f.most.Load()}
	// What answers for a host holds its lock when it takes the fleet's.
	f.mu.Lock()
	hosts := slices.Collect(maps.Values(f.hosts))
	f.mu.Unlock()
	for _, h := range hosts {
		h.mu.Lock()
		if h.installed {
			c.Installed++
		}
		h.mu.Unlock()
	}
	return c
}

// Break begins them again.
func (f *Fleet) Break() { f.mended.Store(false) }

// Forget makes a host what it was before anything was installed: somebody has
// put a fresh machine there.
func (f *Fleet) Forget(address string) { f.fresh(address, 1) }

// Reinstall does the same, and the machine gets the key that there was before.
func (f *Fleet) Reinstall(address string) { f.fresh(address, 0) }

func (f *Fleet) fresh(address string, keys int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if h := f.hosts[address]; h != nil {
		f.hosts[address] = &host{address: address, generation: h.generation + 1, keys: h.keys + keys}
		delete(f.ready, address)
	}
}

// Rekey gives a host another key: it is the same machine, or somebody stands before it.
func (f *Fleet) Rekey(address string) {
	h := f.host(address)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keys++
}

// HostKey is a host's public key in authorized_keys form.
func (f *Fleet) HostKey(address string) (key string, ok bool) {
	signer, err := f.host(address).key()
	if err != nil {
		return "", false
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey()))), true
}

// MachineID is a host's, another one after [Fleet.Forget].
func (f *Fleet) MachineID(address string) string { return f.host(address).machineID() }

// A Node is what is on a host.
type Node struct {
	Installed     bool
	Cluster, Role string
	Claim         string // the claim as it is on the host, "" if there is none
}

// Node gives what is on a host.
func (f *Fleet) Node(address string) Node {
	h := f.host(address)
	h.mu.Lock()
	defer h.mu.Unlock()
	return Node{h.installed, h.cluster, h.role, h.claim}
}

// An Installation is what a version of the provider that knew no claims left.
type Installation struct {
	Cluster, Role, Version string            // the role as it is on disk
	Packages               []string          // ids, sorted
	Files                  map[string]string // sum and mode by path: "SHA256 644"
	Units                  []string          // enabled
}

// Install makes a host a node by such a version.
func (f *Fleet) Install(address string, i Installation) {
	h := f.host(address)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.installed, h.cluster, h.role, h.version = true, i.Cluster, i.Role, i.Version
	h.active, h.files, h.units = strings.Join(i.Packages, "\n"), maps.Clone(i.Files), ""
	for _, u := range i.Units {
		h.units += u + "\n"
	}
	if i.Role == "master" {
		f.join(address)
	}
}

// Belong has a node find masters, which answer with a cluster id: "" for none that answers.
func (f *Fleet) Belong(address, clusterID string, masters ...string) {
	h := f.host(address)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.masters, h.clusterID = masters, clusterID
}

// Stray has a node's masters answer with another cluster id after so many answers more.
func (f *Fleet) Stray(address string, after int, clusterID string) {
	h := f.host(address)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.left, h.nextID = after, clusterID
}

// Damage has a node lose one of its active packages.
func (f *Fleet) Damage(address string) {
	h := f.host(address)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.broken = true
}

// Unclaim takes the claim off a host, as an image from before does.
func (f *Fleet) Unclaim(address string) {
	h := f.host(address)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.claim = ""
}

// Alter changes one of a node's setup files, as somebody does by hand.
func (f *Fleet) Alter(address string) {
	h := f.host(address)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.files = maps.Clone(h.files) // others may share it
	for _, path := range slices.Sorted(maps.Keys(h.files)) {
		h.files[path] = strings.Repeat("0", 64) + " 644"
		return
	}
}

// Check has a host's checks end with a code.
func (f *Fleet) Check(address string, code int) {
	h := f.host(address)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.check = code
}

// Drained reports whether a host is an agent that is drained.
func (f *Fleet) Drained(address string) bool {
	h := f.host(address)
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.drained
}

// Fails gives the stage at which a host fails, "" if it does not.
func (f *Fleet) Fails(address string) string {
	if f.mended.Load() || f.opts.Failures <= 0 {
		return ""
	}
	sum := sha256.Sum256([]byte("fails " + address))
	if float64(binary.BigEndian.Uint32(sum[:]))/(1<<32) >= f.opts.Failures {
		return ""
	}
	return failStages[int(sum[4])%len(failStages)]
}

// Close takes all hosts down.
func (f *Fleet) Close() error {
	err := f.listener.Close()
	f.mu.Lock()
	for c := range f.conns {
		_ = c.Close() // it may have ended by itself
	}
	f.mu.Unlock()
	f.wg.Wait()
	return err
}

func (f *Fleet) accept() {
	for {
		nc, err := f.listener.Accept()
		if err != nil {
			return
		}
		f.connections.Add(1)
		f.mu.Lock()
		f.conns[nc] = true
		f.mu.Unlock()
		f.wg.Go(func() {
			if n := f.now.Add(1); n > f.most.Load() {
				f.most.Store(n)
			}
			f.serve(nc)
			f.now.Add(-1)
			f.mu.Lock()
			delete(f.conns, nc)
			f.mu.Unlock()
			_ = nc.Close() // it may be closed already
		})
	}
}

// host gives the host of an address.
func (f *Fleet) host(address string) *host {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.hosts[address]
	if h == nil {
		h = &host{address: address}
		f.hosts[address] = h
	}
	return h
}

// join makes a host a master that serves; there is one ensemble.
func (f *Fleet) join(address string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ready[address] = true
}

// part takes it out of the ensemble.
func (f *Fleet) part(address string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.ready, address)
}

// ensemble gives the masters.
func (f *Fleet) ensemble() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.ready))
}

// share keeps one copy of a text that many hosts have.
func (f *Fleet) share(text string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if known, ok := f.texts[text]; ok {
		return known
	}
	f.texts[text] = text
	return text
}

// key is a host's key, always the same for an address.
func (h *host) key() (ssh.Signer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	seed := sha256.Sum256(fmt.Appendf(nil, "host key of %s, %d", h.address, h.keys))
	return ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(seed[:]))
}

// machineID is a host's, always the same for an address.
func (h *host) machineID() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "machine id of %s, %d", h.address, h.generation))
	return fmt.Sprintf("%x", sum[:16])
}
