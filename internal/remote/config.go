// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// Credentials are the ways in which a user may prove to be who it says. All
// that are given are tried, in this order: the certificate, the private key,
// the agent's keys, the password, keyboard-interactive with the password.
type Credentials struct {
	PrivateKey  Secret // PEM, PKCS #8 or OpenSSH form
	Passphrase  Secret // of an encrypted PrivateKey
	Certificate string // OpenSSH user certificate for PrivateKey or for a key of the agent
	Password    Secret
	Agent       bool // use the agent at SSH_AUTH_SOCK
	// AgentIdentity limits the agent to one key: its fingerprint (SHA256:…),
	// its comment, or its public key in authorized_keys form.
	AgentIdentity string
}

var _ fmt.Formatter = Credentials{}

// Format shows what is set, and nothing of it that is secret. A pointer to
// Credentials needs this: fmt prints what a pointer in a struct points to
// without asking it how, if the verb does not fit.
func (c Credentials) Format(f fmt.State, _ rune) {
	// The state of a fmt.Formatter has no error to give.
	_, _ = fmt.Fprintf(f, "{PrivateKey:%v Passphrase:%v Certificate:%t Password:%v Agent:%t AgentIdentity:%s}",
		c.PrivateKey, c.Passphrase, c.Certificate != "", c.Password, c.Agent, c.AgentIdentity)
}

// Hop is one jump host.
type Hop struct {
	Address string // name, IPv4 or IPv6 address
	Port    int    // 0: 22
	User    string // "": the client's
	HostKey string // pinned, in authorized_keys form; "": by the client's policy
	// Credentials of this hop; nil: the client's.
	Credentials *Credentials

	byFile bool // ConfigFile names it: what that says of its user comes before the client's
}

// Sudo says how a script gets to run as root.
type Sudo struct {
	Command  string // "sudo" (also ""), "doas" or "none"
	User     string // target user; "": root
	Password Secret // of the ssh user; "": none is needed
}

// HostKeyPolicy says what to do with the key of a host that is not known yet.
// A key that differs from a known one is an error under each policy but
// Ignore.
type HostKeyPolicy string

// The host key policies.
const (
	Strict    HostKeyPolicy = "strict"     // refuse it
	AcceptNew HostKeyPolicy = "accept_new" // accept and remember it for this process (default)
	Ignore    HostKeyPolicy = "ignore"     // accept any key at any time
)

// Limits bound what one Client does at the same time. Zero values mean the
// defaults.
type Limits struct {
	// Connections to hosts, jump hosts not counted. Default and upper limit
	// follow the process's limit of open files.
	Connections int
	// ConnectionsPerJumpHost are those that go through one jump host at once.
	// Default 64.
	ConnectionsPerJumpHost int
	// Transfers are uploads under way at once. Default 16.
	Transfers int
	// Bandwidth is how many bytes a second all uploads together may take.
	// Default: no limit.
	Bandwidth int64
}

// Config is what a Client needs to know. The zero value of each field means
// its default.
type Config struct {
	User        string // "": what ConfigFile says, else root
	Port        int    // 0: 22
	Credentials Credentials
	// AgentGiven says that Credentials.Agent is the user's word, and not what is
	// usual: then IdentityAgent in ConfigFile only says which agent it is.
	AgentGiven bool
	JumpHosts  []Hop  // in the order in which they are passed; nil: what ConfigFile says
	ProxyURL   string // socks5://[user:password@]host:port or http://…, on the way to the first host
	// ProxyCommand is a command line whose standard input and output are the
	// connection to the first host on the way, instead of ProxyURL. In it are %h, %p,
	// %r, %n and %% (ssh_config(5), "ProxyCommand"). "none": none, whatever ConfigFile
	// says; "": what ConfigFile says.
	ProxyCommand string

	HostKeyPolicy              HostKeyPolicy
	KnownHosts                 []string // lines in known_hosts form
	KnownHostsFiles            []string // files that do not exist are empty
	HostCertificateAuthorities []string // public keys in authorized_keys form, trusted for every host

	// ConfigFile is an OpenSSH client configuration (see the package comment) that
	// counts where this Config and the Target give nothing; of HostKeyPolicy and its
	// StrictHostKeyChecking the stricter one counts.
	ConfigFile string

	// ConnectTimeout is how long Dial waits for a host to come up. Default 5m.
	ConnectTimeout time.Duration
	// KeepaliveInterval is the time of silence after which a peer is asked
	// whether it is still there. After four such intervals without an answer
	// the connection is given up. Default 15s; negative: never.
	KeepaliveInterval time.Duration

	Sudo     Sudo
	Limits   Limits
	Redactor *runlog.Redactor // gets every secret of this Config; may be nil
}

// Target is one host and what is particular about it.
type Target struct {
	Address   string // name, IPv4 or IPv6 address
	Port      int    // 0: the client's
	User      string // "": the client's
	JumpHosts []Hop  // nil: the client's; empty: none
	// ProxyCommand is the way to the first host of JumpHosts or, if they are nil, to
	// this one, instead of the client's jump hosts. "none": not the client's; "": the
	// client's.
	ProxyCommand string
	// HostKey pins the host's keys, in authorized_keys form, one a line. It
	// takes the place of what known_hosts say of this host.
	HostKey string
	// JumpKeys are the keys that the jump hosts on the way have shown before, as
	// [Conn.JumpKeys] gave them. Under AcceptNew one that nothing else is known of
	// has to show that key again.
	JumpKeys       map[string]string
	ConnectTimeout time.Duration // 0: the client's
	// Logins is how often a login that is refused is tried within ConnectTimeout, after
	// the host has seen all keys. 0: 8; more than 8 logins are never tried.
	Logins int
	Log    *runlog.Scope // may be nil
}

// Script is one POSIX sh script to run on a host. See the package comment for
// the shell that it finds itself in.
type Script struct {
	Name string   // for messages and the run log
	Text string   // without NUL characters
	Args []string // its positional parameters
	Root bool     // run it as root, by the client's Sudo

	// Stdin is what the script reads on descriptor 0; nil: nothing. What the
	// reader gives goes out at once, so that it may answer what comes on Stdout.
	// A reader that waits is not interrupted when the script ends: whoever made
	// it ends it.
	Stdin io.Reader
	// Stdout and Stderr get a copy while the script runs, and must take it at once;
	// they may be nil.
	Stdout, Stderr io.Writer

	// MaxOutput bounds what Result keeps of each of stdout and stderr, in
	// bytes: of more, the first and the last half. Default 4 MiB.
	MaxOutput int
	// Most bounds what may come of each of stdout and stderr, in bytes, kept or
	// not: a script that writes more is given up ([FloodError]). Default 256 MiB.
	Most int64
	// Timeout ends the script, as a cancelled context does. 0: none.
	Timeout time.Duration
}

// Result is what a script that ended left.
type Result struct {
	Stdout, Stderr []byte
	Truncated      bool // more than Script.MaxOutput was written
	ExitCode       int
	Duration       time.Duration
}

// File is one file to upload.
type File struct {
	Name   string // slash-separated path within the work directory
	Size   int64
	SHA256 string // hex
	Mode   fs.FileMode
	// Owner is "user", "user:group" or ":group"; "": the user that is logged in.
	// Giving files away takes root.
	Owner string
	// Open gives the content from its beginning; it may be called again. If
	// what it gives is an io.Seeker too, interrupted transfers resume without
	// reading the beginning again.
	Open func() (io.ReadCloser, error)
}
