// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package remote runs scripts and puts files on hosts over SSH.
//
// A [Client] knows the credentials, what is known of host keys, the way
// through proxies and jump hosts, and the limits; it dials hosts:
//
//	client, err := remote.NewClient(cfg)                 // checks all of cfg, offline
//	conn, err := client.Dial(ctx, remote.Target{Address: "10.0.0.1"})
//	defer conn.Close()
//	res, err := conn.Run(ctx, remote.Script{Name: "inspect", Text: text, Root: true})
//	dir, err := conn.Upload(ctx, files, nil)
//
// # Connecting
//
// [Client.Dial] waits for hosts that are booting: refused, unreachable, reset
// and closed connections are tried again until the ConnectTimeout, with growing
// waits and jitter. So are refused logins, since sshd is often up before
// authorized_keys is there, but by count, since hosts ban whoever is refused often:
// eight times, or Target.Logins; a password three times at most. Who has nothing to
// log in with is refused once.
// A wrong host key, or a credential that cannot be used, ends it at once. The
// last error is the one that is shown, as a [ConnectError] with the step it
// came from. TCP, handshake and authentication each have a limit of their own, the
// agent that of authentication.
//
// All keys go into one public-key method, in this order: certificate, private
// key, keys of the agent. If the server cuts off before it has seen them all
// (MaxAuthTries), the next attempt begins with those that it has not seen.
// Then come the password and, with it, keyboard-interactive, which answers one
// hidden question. Servers that want several of these get them.
//
// Host keys are looked for in Target.HostKey, which stands in for all else, in
// known_hosts lines and files, and among the authorities. The algorithms of
// the known keys are asked for first, so that the host shows a key that can be
// compared. Under [AcceptNew] a host that nothing is known of is believed the
// first time; [Conn.HostKey] gives its key, to be pinned from then on. A key
// that differs from a known one is a [HostKeyError] under each policy but
// [Ignore].
//
// [Conn.JumpKeys] gives those of the jump hosts on the way, to be given to later
// runs as Target.JumpKeys: what nothing else is known of has to show them again. A
// jump host that no known key, authority or such a note vouches for is given no
// password.
//
// Jump hosts are dialled once, however many hosts are behind them, and shared
// until 30 seconds after their last use. The first host on the way may be reached
// through a proxy or a command (ProxyCommand), a process group that ends with the
// connection.
//
// Config.ConfigFile is OpenSSH's client configuration. What it means for a host is
// asked of the machine's ssh (package sshconfig); it counts where Config and Target
// say nothing, and of the policies on host keys the stricter one counts. Its
// identities come before the other keys of the agent, each as a certificate first;
// its known_hosts files, lists of revoked keys and KnownHostsCommand are asked beside
// those of the Config. A certificate that is not valid does not stand in the way of a
// key that is known.
//
// A peer that says nothing for four keepalive intervals, though it is asked
// after each, is given up; what was under way fails with a [LostError]. TinySSH, which
// has one session for a connection, gets a connection for each.
//
// # Scripts
//
// A [Script] travels on standard input, never in a command line, an
// environment or a file, and is run by the host's sh, whatever the login shell
// is. It finds LC_ALL=C, the directories of system commands at the end of PATH,
// no standard input but Script.Stdin, and root's home directory if it runs as
// root. It is not run at all unless it has arrived whole. $0 is "dcos"; line
// numbers in the shell's messages are off by the lines that come before.
//
// [Conn.Run] takes one round trip for a script, opening the channel aside. The
// output comes back exact to the byte, stdout and stderr apart, without what
// banners, profiles and sudo say before. How to become root is learned from
// the first root script itself, without asking before: sudo without a password
// costs nothing more; with Sudo.Password the password goes to "sudo -S" ahead
// of the script, once, and what sudo does not read of it is thrown away; where
// sudo wants a terminal (requiretty) the script gets one, in raw mode, and its
// output comes in frames, so that it is as exact as without. Before anything of the
// script is run its shell sees that it has the user that was asked for, real and
// effective, whatever sudoers or a wrapper have made of that. A refusal is a
// [SudoError], and nothing of the script was run: what was sent ahead of the answer
// is nothing that another shell would run.
//
// The exit code comes with the end of the output, from the script's own shell: servers
// differ in when they say it, and some do not before the input has ended, which is
// sent as soon as the output has.
//
// A script's processes are one process group on the host (two, where sudo
// makes a terminal), which is made where the server has not made one (ownGroup), and
// which ends when the context is done, when Script.Timeout
// is over, when the connection breaks, and when the host has not heard from us
// for one and a half times as long as we would wait for it: first with SIGTERM
// and two seconds later with SIGKILL. What a script starts in a session of its
// own (setsid, systemd-run) lives on. What it leaves in the background lives
// on too, but on a terminal it goes with the terminal, and its output is not
// waited for longer than two seconds.
//
// # Files
//
// [Conn.Upload] puts files into the connection's work directory: mode 0700,
// owned by the user that is logged in, in /var/tmp or, if nothing can be
// written there, in /tmp, the home directory or /dev/shm. Nothing in it needs
// to be executable by the file system's mount options. Files travel by SFTP, or
// through a cat where SFTP is off or does not let us write, are verified by sha256 on the host and get
// their names then.
//
// The directory is held by a keeper, a small process on the host that runs for
// as long as the connection: as root where that is possible, so that it can
// remove whatever ends up there. It removes the directory on [Conn.Close]; on
// SIGTERM; and half a minute after a connection broke, unless another
// connection of the same user has taken the directory over by then. If the
// keeper itself is killed or the power fails, the next connection's keeper
// does so: a lock (flock) on a file in the directory shows that nobody holds
// it any more. So an upload that was broken off continues where it ended.
//
// [Conn.Lock] keeps other operators away, through the keeper as well: the lock
// goes when its owner does, for whatever reason.
//
// # Ends
//
// Every call ends within its limit and two seconds, and two seconds after its context
// at the latest, whatever the host does or does not; other hosts go on, and so does
// whatever else is behind the same jump host. The libraries know no contexts, and of
// most of their calls nothing is sure to end them but the end of their connection.
// So each one that can wait for a peer is made in one of these ways:
//
//   - net.Dialer, the SOCKS dialer, the agent's socket: they take the context.
//   - CONNECT to a proxy: the context sets a deadline (proxy.go).
//   - programs that are run here: ssh -G is waited for aside, and ends with its limit or
//     the [Client]; the context ends the process group of a KnownHostsCommand, and what
//     ends the connection that of a ProxyCommand, which is made to end after two seconds.
//   - ssh.NewClientConn and, within it, whatever the agent is asked for (List, Sign):
//     context and step limits close the connection, and the agent's (handshake).
//   - Conn.OpenChannel: waited for aside. For a session, the connection is closed if
//     there is no answer a moment after the context is done; a channel through a jump
//     host is given up, as is one through a host ([Conn.DialThrough]).
//   - Channel.SendRequest and Write for a script's start, its text, a password, an order
//     to the keeper and an upload by cat, Channel.CloseWrite, and all calls of sftp.Client
//     and sftp.File once it is ready: guard, which closes the channel, which servers
//     other than stuck ones agree to, and then the connection.
//   - Channel.Write of a script's input, of heartbeats and of the order to end it, and
//     Channel.Close: in goroutines that nobody waits for, or not for long.
//   - Channel.Read: in goroutines of each process, which end when the host agrees to
//     the end of the channel, and with the connection.
//   - the start of SFTP (subsystem, sftp.NewClientPipe), and the question whether a host
//     can start anything: aside, and given up, once for a connection each.
//   - Conn.SendRequest, a keepalive: aside.
//   - Read, Write and Close of a channel through a jump host, on which another
//     connection stands: by copies aside (endable), so that the ends here end at once.
//   - what comes by itself (requests, channels that a peer opens): is always taken, for
//     the library stops reading for all when nobody takes it for one.
//
// What is given up on a connection to a jump host is counted, ends when the peer
// answers and with the connection, and is bounded: then others behind the jump host
// get a new connection. Who waits here for another one's turn (a connection that is
// being made, the keeper, an upload, a limit) waits for its own context too. What the
// caller gives is not interrupted: Script.Stdin is left to wait, and Script.Stdout, Stderr
// and the progress of an upload must not.
//
// A script without a Timeout may take for ever if its context allows it. Without
// either, a host has a minute to give the first sign of a script, two to take what is
// sent, to answer as a keeper and, besides what the size allows, to check an upload.
//
// # Bounds
//
// Who answers may be anybody, so nothing that is read is kept or waited for
// without end:
//
//   - an SSH packet has 256 KiB at most, and a channel holds 2 MiB that are not read
//     yet (x/crypto/ssh); of banners five lines are kept; a peer that opens channels is
//     refused.
//   - what comes before a script: 1 MiB, of which 16 KiB are kept.
//   - a script's stdout and stderr: Script.Most each, 256 MiB unless it says so, of
//     which Script.MaxOutput are kept; a copy is its taker's. What internal/node
//     runs may print 64 MiB, and 8 MiB of results.
//   - the keeper, an upload's cat and the error output of SFTP: 16 MiB each. An
//     answer of SFTP has 256 KiB at most (pkg/sftp).
//   - the answer of an HTTP proxy: 16 KiB.
//   - programs that are run here: ssh -G 1 MiB and 30 s, KnownHostsCommand 4 MiB and
//     30 s, of the error output of each the last 4 KiB.
//   - texts of the host in messages: a line, or the last ten of error output.
//
// What sends more is given up with a [FloodError], and with it the work that asked:
// the host's other scripts and all other hosts go on.
//
// # Errors
//
// A reason is whose it is: what sudo did not say itself is a [ShellError], with what
// was said instead; a refused login comes with the server's banners; what is no SSH
// server is a [NotSSHError] at once. What was to be run is in no message.
//
// Every error type has a Hint method (see [Hinter]): what the user can do. No
// error has a secret in it, and every secret of the Config is made known to
// Config.Redactor. [IsUnreachable] tells a host that could not be asked from
// one that gave an answer.
package remote
