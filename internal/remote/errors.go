// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// A Kind is what kind of thing went wrong: what a caller decides by, and what a
// message is titled by. Packages above have kinds of their own.
type Kind string

// What can go wrong with a connection, and with what runs over it.
const (
	KindConfig      Kind = "configuration"
	KindUnreachable Kind = "unreachable"
	KindHostKey     Kind = "host key"
	KindLogin       Kind = "login"
	KindShell       Kind = "shell"
	KindSudo        Kind = "sudo"
	KindLocked      Kind = "locked"
	KindLost        Kind = "connection lost"
	KindExit        Kind = "exit code"
	KindTimeout     Kind = "timeout"
	KindTransfer    Kind = "transfer"
	KindFlood       Kind = "flood"
	KindTool        Kind = "tool"
)

// A Fault is an error that says what kind of thing went wrong. Every error type
// of this package is one, and those of the packages above that somebody is told
// of.
type Fault interface {
	error
	Kind() Kind
}

// OfKind returns the outermost error of a kind in err's tree, nil if there is
// none.
func OfKind(err error, kind Kind) Fault {
	if f, ok := err.(Fault); ok && f.Kind() == kind { //nolint:errorlint // the tree is walked here
		return f
	}
	switch e := err.(type) { //nolint:errorlint // as above
	case interface{ Unwrap() error }:
		return OfKind(e.Unwrap(), kind)
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			if f := OfKind(inner, kind); f != nil {
				return f
			}
		}
	}
	return nil
}

// Hinter is implemented by every error type of this package: what the user can
// do about it, in one or two sentences.
type Hinter interface {
	error
	Hint() string
}

var (
	_ Hinter = (*ConfigError)(nil)
	_ Hinter = (*ConnectError)(nil)
	_ Hinter = (*HostKeyError)(nil)
	_ Hinter = (*AuthError)(nil)
	_ Hinter = (*NotSSHError)(nil)
	_ Hinter = (*ShellError)(nil)
	_ Hinter = (*FloodError)(nil)
	_ Hinter = (*SudoError)(nil)
	_ Hinter = (*ExitError)(nil)
	_ Hinter = (*TimeoutError)(nil)
	_ Hinter = (*LostError)(nil)
	_ Hinter = (*LockedError)(nil)
	_ Hinter = (*TransferError)(nil)
	_ Hinter = (*ToolError)(nil)

	_ Fault = (*ConfigError)(nil)
	_ Fault = (*ConnectError)(nil)
	_ Fault = (*HostKeyError)(nil)
	_ Fault = (*AuthError)(nil)
	_ Fault = (*ShellError)(nil)
	_ Fault = (*FloodError)(nil)
	_ Fault = (*SudoError)(nil)
	_ Fault = (*ExitError)(nil)
	_ Fault = (*TimeoutError)(nil)
	_ Fault = (*LostError)(nil)
	_ Fault = (*LockedError)(nil)
	_ Fault = (*TransferError)(nil)
	_ Fault = (*ToolError)(nil)
)

// ConfigError says that a value of Config or Target cannot be used.
type ConfigError struct {
	Field string // as the user names it: "ssh.private_key"
	Err   error
	hint  string
}

func (e *ConfigError) Error() string { return fmt.Sprintf("%s: %v", e.Field, e.Err) }
func (e *ConfigError) Unwrap() error { return e.Err }

// Kind is KindConfig.
func (*ConfigError) Kind() Kind { return KindConfig }

// Hint says what to put there instead.
func (e *ConfigError) Hint() string {
	if e.hint != "" {
		return e.hint
	}
	return "Correct the value of " + e.Field + "."
}

// Step is a part of connecting.
type Step string

// The steps of connecting, in order.
const (
	StepTCP            Step = "tcp"
	StepHandshake      Step = "handshake"
	StepAuthentication Step = "authentication"
)

// A ForwardError says that a host does not forward connections to an address:
// its sshd forbids it (sshd_config: AllowTcpForwarding, PermitOpen).
type ForwardError struct {
	Host    string // that does not
	To      string
	Message string // the server's
}

func (e *ForwardError) Error() string {
	return fmt.Sprintf("%s does not forward connections to %s (AllowTcpForwarding, PermitOpen): %s", e.Host, e.To, e.Message)
}

// Forbidden says that asking again changes nothing.
func (*ForwardError) Forbidden() bool { return true }

// ConnectError says that no connection came about within its time limit, or
// that the time was not worth waiting for.
type ConnectError struct {
	Host     string // the host that was to be reached
	Via      string // the jump host or proxy at which it failed, "" for the host itself
	Attempts int
	Elapsed  time.Duration
	Stage    Step // where the last attempt ended
	// Silent says that not one attempt was answered by the host itself, be it
	// with a refusal, while all that is on the way to it answered: as of a
	// machine that is gone or switched off.
	Silent bool
	Err    error
}

func (e *ConnectError) Error() string {
	at := ""
	if e.Via != "" {
		at = " at " + e.Via
	}
	return fmt.Sprintf("connecting to %s failed%s (%s, %s in %s): %v",
		e.Host, at, e.Stage, count(e.Attempts, "attempt"), e.Elapsed.Round(100*time.Millisecond), e.Err)
}

func (e *ConnectError) Unwrap() error { return e.Err }

// Kind is KindLogin if the login was refused, KindUnreachable otherwise.
func (e *ConnectError) Kind() Kind {
	var auth *AuthError
	if errors.As(e.Err, &auth) {
		return KindLogin
	}
	return KindUnreachable
}

// Hint depends on the step that failed.
func (e *ConnectError) Hint() string {
	var inner Hinter
	if errors.As(e.Err, &inner) {
		return inner.Hint()
	}
	var name *net.DNSError
	if errors.As(e.Err, &name) {
		return fmt.Sprintf("This machine's name servers have no address for %s (%s). Check its spelling, and that this machine asks the "+
			"servers which know it: getent hosts %[1]s. An IP address needs none of them.", name.Name, nameFailure(name))
	}
	switch e.Stage {
	case StepTCP:
		return "Check that the host is running, that its address and port are right, and that security groups, firewalls and routes let this " +
			"machine reach its SSH port (or set ssh.jump_hosts). A host that needs longer to boot needs a longer ssh.connect_timeout."
	case StepHandshake:
		var none *ssh.AlgorithmNegotiationError
		if errors.As(e.Err, &none) {
			return "Nothing that the host knows is known here: its SSH server is very old, or sshd_config leaves too little. Let it have one of " +
				"ours (KexAlgorithms, HostKeyAlgorithms, Ciphers, MACs), or, where ssh.config_file limits ours, allow more there."
		}
		return "Something accepts connections there but does not complete an SSH handshake. Check that the port belongs to an SSH server, " +
			"and that the server is not turning connections away (MaxStartups, hosts.deny)."
	default:
		return "The server was reached but did not let us finish logging in. Look at the host's SSH log."
	}
}

// nameFailure says whether it is known that there is no such name.
func nameFailure(name *net.DNSError) string {
	switch {
	case name.IsNotFound:
		return "there is no such name"
	case name.IsTimeout:
		return "they did not answer"
	}
	return "they could not tell"
}

// HostKeyError says that a host showed another key than it must have. It is
// never retried.
type HostKeyError struct {
	Host    string
	Want    []string // fingerprints of the keys known for it; none if it is unknown
	Got     string   // fingerprint of the key shown
	Key     string   // the key shown, in authorized_keys form
	Source  string   // where the known keys come from
	Revoked bool
	Jump    bool // it is a jump host
	ByFile  bool // ssh.config_file wants what ssh.host_key_policy does not
	// Password says that the key was not refused, but that nothing vouches for it
	// and the password was asked for.
	Password bool
	Err      error // why a host certificate was refused, if it was one
}

func (e *HostKeyError) Error() string {
	switch {
	case e.Revoked:
		return fmt.Sprintf("host key of %s is revoked: it shows %s", e.Host, e.Got)
	case e.Err != nil:
		return fmt.Sprintf("host certificate of %s is not valid: %v (key %s)", e.Host, e.Err, e.Got)
	case e.Password:
		return fmt.Sprintf("nothing vouches for the host key of %s, so it was not given the password: it shows %s", e.Host, e.Got)
	case len(e.Want) == 0:
		return fmt.Sprintf("host key of %s is not known: it shows %s", e.Host, e.Got)
	}
	from := ""
	if e.Source != "" {
		from = " (" + e.Source + ")"
	}
	return fmt.Sprintf("host key of %s has changed: known is %s%s, it shows %s", e.Host, strings.Join(e.Want, " or "), from, e.Got)
}

func (e *HostKeyError) Unwrap() error { return e.Err }

// Kind is KindHostKey.
func (*HostKeyError) Kind() Kind { return KindHostKey }

// Hint says how to tell a reinstalled host from an attack.
func (e *HostKeyError) Hint() string {
	switch {
	case e.Revoked:
		return "Do not connect to this host. Its key is revoked in " + e.Source + "."
	case e.Err != nil:
		return "Renew the host's certificate, or add the authority that signed it to ssh.host_certificate_authorities."
	case e.Password:
		return giveJumpKey
	case e.Source == fromNote:
		return "Either another machine answers as this jump host or it was reinstalled. Compare the fingerprint with the one on its " +
			"console (ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub). If it is the right machine, give the new key as host_key in " +
			"jump_hosts or in ssh.known_hosts, which count more than the key that was accepted first."
	case len(e.Want) == 0 && e.ByFile:
		return "StrictHostKeyChecking in ssh.config_file refuses it. Compare the fingerprint with the one on the host's console " +
			"(ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub), then give the key as host_key, in ssh.known_hosts or in known_hosts."
	case len(e.Want) == 0:
		return "Compare the fingerprint with the one on the host's console (ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub), " +
			"then give the key as host_key or in ssh.known_hosts, or set ssh.host_key_policy to \"accept_new\"."
	}
	return "Either another machine answers at this address or the host was reinstalled. Compare the fingerprint with the one on the host's " +
		"console (ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub). If it is the right machine, replace the known key by the new one."
}

// giveJumpKey says what a jump host that is to get a password needs.
const giveJumpKey = "Compare the fingerprint with the one on the jump host's console " +
	"(ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub), then give the key as host_key in jump_hosts or in ssh.known_hosts, or " +
	"log in to the jump host with a key."

// AuthError says that a host refused all credentials.
type AuthError struct {
	Host, User string
	Tried      []string // in words, in order: "public key SHA256:… (agent)", "password"
	Offered    []string // the methods that the server would have taken, if known
	Accepted   []string // the methods that it took, and wanted more
	Asked      []string // questions that a password does not answer
	Unused     []string // keys that a client configuration names and that could not be tried, with the reason
	Invalid    []string // what is wrong with certificates that were tried
	Said       []string // banners: what the server, or the account, had to say
	// KeptBack says that the password was asked for and not given, since nothing
	// vouches for the key of the jump host.
	KeptBack bool
	Err      error

	more   bool // keys are left that it has not seen, since it cut off before (MaxAuthTries)
	unseen int  // keys that the server has never been shown
}

// mostCuts is in how many further logins a server is shown keys before which it has cut
// off: there ssh gives up at the first cut, and hosts count such logins.
const mostCuts = 5

// cutOff reports whether the server cuts off after so few of so many keys that it would
// take too long to show it all.
func (e *AuthError) cutOff() bool {
	return e.tooMany() && e.unseen > mostCuts*len(e.Tried)
}

func (e *AuthError) tooMany() bool {
	return e.Err != nil && strings.Contains(strings.ToLower(e.Err.Error()), "too many authentication failures")
}

func (e *AuthError) Error() string {
	tried := "nothing: there are no credentials that it accepts"
	if len(e.Tried) > 0 {
		tried = strings.Join(e.Tried, ", ")
	}
	if more := slices.Concat(e.Unused, e.Invalid); len(more) > 0 {
		tried += "; " + strings.Join(more, ", ")
	}
	msg := fmt.Sprintf("%s refused to log in user %s; tried: %s: %v", e.Host, e.User, tried, e.Err)
	if e.wantsMore() {
		msg = fmt.Sprintf("%s wants a second factor of user %s", e.Host, e.User)
		if len(e.Accepted) > 0 {
			msg += " behind " + strings.Join(e.Accepted, ", ") + ", which it has accepted: " + strings.Join(e.Offered, " or ")
		}
		if len(e.Asked) > 0 {
			msg += fmt.Sprintf("; it asks %q", e.Asked)
		}
		msg += "; tried: " + tried
	}
	return msg + serverSaid(e.Said)
}

// wantsMore reports whether the credentials are right and not enough.
func (e *AuthError) wantsMore() bool { return len(e.Accepted) > 0 || len(e.Asked) > 0 }

// turnedAwayError is the end of a connection in authentication, after the server
// has said something of the credential that it was shown: that the account has
// expired, or that the system is booting (pam_nologin). Banner in sshd_config, which is
// for all, comes before any credential.
type turnedAwayError struct {
	err  error
	said string
}

func (e *turnedAwayError) Error() string { return e.err.Error() + e.said }

func (e *turnedAwayError) Unwrap() error { return e.err }

// serverSaid is how a message shows banners.
func serverSaid(said []string) string {
	if len(said) == 0 {
		return ""
	}
	return "; the server said: " + strings.Join(said, "; ")
}

func (e *AuthError) Unwrap() error { return e.Err }

// Kind is KindLogin.
func (*AuthError) Kind() Kind { return KindLogin }

// Hint depends on what was tried.
func (e *AuthError) Hint() string {
	said := strings.ToLower(strings.Join(e.Said, " "))
	switch {
	case e.wantsMore():
		return fmt.Sprintf("A second factor (a code, a touch, a password beside the key) cannot be given at an apply. Let user %s log in by a "+
			"key or a certificate alone (AuthenticationMethods publickey in sshd_config), set ssh.password if that is what is missing, or use "+
			"another user.",
			e.User)
	case e.tooMany():
		return "The server cuts off after a few keys. Limit the agent to one with ssh.agent_identity, or give ssh.private_key."
	case e.KeptBack:
		return giveJumpKey
	case strings.Contains(said, "expired"):
		return "The account, or its password, has expired on the host: chage -l " + e.User + " shows it."
	case len(e.Invalid) > 0:
		return "Have a new certificate made (ssh-keygen -s, or what hands them out), valid now and for user " + e.User + "; ssh-keygen -L " +
			"shows what is in one. The clocks of this machine and of the host count."
	case len(e.Tried) == 0:
		return "Set ssh.private_key, ssh.agent or ssh.password."
	}
	return fmt.Sprintf("Check that user %s exists on the host and that one of the keys tried is in its ~/.ssh/authorized_keys (mode 0600, "+
		"home directory not writable by others). Images differ in their user: centos, core, ec2-user, admin, ubuntu.", e.User)
}

// A NotSSHError says that what answers at an address is no SSH server.
type NotSSHError struct {
	Said string // the beginning of what it said
}

func (e *NotSSHError) Error() string { return fmt.Sprintf("it is no SSH server: it says %q", e.Said) }

// Hint says what to correct.
func (*NotSSHError) Hint() string {
	return "Correct the address or ssh.port: another service answers there (a web or mail server, a load balancer)."
}

// ShellError says that the user's login shell did not start the script.
type ShellError struct {
	Host, User string
	Output     string // what came instead
	Err        error

	startsNothing bool // the host did not so much as start it
	noSession     bool // nor would it let it be asked to
}

func (e *ShellError) Error() string {
	msg := fmt.Sprintf("%s: the login shell of user %s did not run the script", e.Host, e.User)
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	if e.Output != "" {
		msg += ": " + e.Output
	}
	return msg
}

func (e *ShellError) Unwrap() error { return e.Err }

// Kind is KindShell.
func (*ShellError) Kind() Kind { return KindShell }

// shellHints are for what is said by accounts that run nothing, in lower case.
func shellHints() []struct{ said, hint string } {
	return []struct{ said, hint string }{
		{"password has expired", expiredHint}, {"change your password", expiredHint}, {"password change required", expiredHint},
		{"account is currently not available", "The login shell of user %[1]s is nologin: give it another one (usermod -s /bin/bash %[1]s), or " +
			"use another user."},
		{"restricted", "User %[1]s has a restricted shell: give it another one (usermod -s /bin/bash %[1]s), or use another user."},
		{"unrecognized command", "User %[1]s is there for git: use another one, or give it another login shell (usermod -s /bin/bash %[1]s)."},
		{"allows sftp connections only", "User %[1]s may use SFTP alone (ForceCommand internal-sftp in sshd_config): use another one."},
		{"no such file or directory", "What is to be run is not there: the login shell of user %[1]s, or sh. Below a ChrootDirectory of " +
			"sshd_config both have to be in it; use another user."},
	}
}

const expiredHint = "Log in once and change the password of user %[1]s (ssh %[1]s@%[2]s), or let it not expire (chage -M -1 %[1]s)."

// Hint says what is needed of the login shell.
func (e *ShellError) Hint() string {
	if e.noSession {
		return fmt.Sprintf("User %s may open no session there (MaxSessions in sshd_config), as on hosts that are only to be passed through: "+
			"correct the address, use another user, or allow it.", e.User)
	}
	if e.startsNothing {
		return fmt.Sprintf("Look for what keeps the host from starting processes of user %s: a limit on them (ulimit -u in "+
			"/etc/security/limits.conf, TasksMax in systemd), or no memory. The journal of its SSH server says more.", e.User)
	}
	said := strings.ToLower(e.Output)
	for _, h := range shellHints() {
		if strings.Contains(said, h.said) {
			return strings.NewReplacer("%[1]s", e.User, "%[2]s", e.Host).Replace(h.hint)
		}
	}
	return fmt.Sprintf("Check that \"ssh %s@%s true\" works and that what it prints is nothing: the account needs a login shell that runs "+
		"commands, start-up files that do not end it (exit, exec), and no ForceCommand or command= restriction.", e.User, e.Host)
}

// Reasons of a SudoError.
const (
	SudoPasswordRequired = "password required"
	SudoPasswordWrong    = "password wrong"
	SudoNotAllowed       = "not allowed"
	SudoTTY              = "tty"
	SudoMissing          = "missing"
	SudoOther            = "another user"
	SudoExpired          = "expired"
	SudoNoExec           = "noexec"
)

// SudoError says that a script was not run because its user could not become
// root. The script has not been started.
type SudoError struct {
	Host, User string
	Command    string // "sudo" or "doas"
	Reason     string // one of the constants above
	Detail     string // what the command said
	Whose      string // the other user whose password it wants; "" if it wants User's, or that is not known
}

func (e *SudoError) Error() string {
	what := map[string]string{
		SudoPasswordRequired: "needs a password",
		SudoPasswordWrong:    "refused the password",
		SudoNotAllowed:       "is not allowed",
		SudoTTY:              "wants a terminal, and the server gives none",
		SudoMissing:          "is not installed",
		SudoOther:            "does not make it the user that was asked for",
		SudoExpired:          "says that the account or its password has expired",
		SudoNoExec:           "lets it start no programs (noexec in sudoers)",
	}[e.Reason]
	if e.Whose != "" {
		what += ", and it wants " + e.Whose + "'s password rather than " + e.User + "'s"
	}
	msg := fmt.Sprintf("%s: %s for user %s %s", e.Host, e.Command, e.User, what)
	if e.Detail != "" {
		msg += ": " + e.Detail
	}
	return msg
}

// Kind is KindSudo.
func (*SudoError) Kind() Kind { return KindSudo }

// Hint depends on the reason.
func (e *SudoError) Hint() string {
	switch e.Reason {
	case SudoPasswordRequired:
		// Also where a rule is for another user than root, sudo -n says no more than that.
		return "Set sudo.password, or allow it without one: " + e.User + " ALL=(ALL) NOPASSWD: ALL in /etc/sudoers.d. " + onlyDefault
	case SudoExpired:
		return "Log in once and change the password of user " + e.User + " (passwd), or let it not expire (chage -M -1 -E -1 " + e.User + ")."
	case SudoNoExec:
		return "Nothing of the script was run: a shell that starts no programs is of no use. Take noexec from the rule for user " + e.User +
			" in sudoers (EXEC: ALL), or log in as root."
	case SudoPasswordWrong:
		if e.Whose != "" {
			return "sudoers has rootpw, targetpw or runaspw: give the password of user " + e.Whose + " on this host as sudo.password, or take " +
				"that from sudoers."
		}
		return "Correct sudo.password: it is the password of user " + e.User + " on this host. It was tried once."
	case SudoTTY:
		return "Remove \"Defaults requiretty\" for this user from sudoers, or \"PermitTTY no\" from sshd_config."
	case SudoMissing:
		return "Install " + e.Command + ", set sudo.command to another one, or log in as root."
	}
	if e.Reason == SudoOther {
		return "Nothing of the script was run. Remove that for user " + e.User + ", or log in as root."
	}
	return "Allow it in sudoers: " + e.User + " ALL=(ALL) NOPASSWD: ALL, or log in as a user who may. " + onlyDefault
}

// onlyDefault is what a rule without a user means (sudoers(5), "Runas_Spec").
const onlyDefault = "Without (ALL) or (root) a rule is for the user of runas_default alone."

// ExitError says that a script ended with another code than 0.
type ExitError struct {
	Host   string
	Script string
	Code   int
	Signal string // that ended it, without SIG; "" if none
	Stderr string // its last lines
}

func (e *ExitError) Error() string {
	how := fmt.Sprintf("exit code %d", e.Code)
	if e.Signal != "" {
		how = "signal " + e.Signal
	}
	msg := fmt.Sprintf("%s: script %s failed: %s", e.Host, e.Script, how)
	if e.Stderr != "" {
		msg += ": " + e.Stderr
	}
	return msg
}

// Kind is KindExit.
func (*ExitError) Kind() Kind { return KindExit }

// Hint points to the output: only the script's author knows more.
func (e *ExitError) Hint() string { return "The last lines of its error output say why." }

// TimeoutError says that a script ran into Script.Timeout. Its processes on
// the host have been ended, or are being ended.
type TimeoutError struct {
	Host, Script string
	After        time.Duration
	Stderr       string // its last lines

	unbegun *notBegunError // nil if it had begun, or that is not known
}

// notBegunError says that time was over before a process that was started gave a sign of
// its script.
type notBegunError struct {
	err  error
	user string
	said string // what came instead
}

func (e *notBegunError) Error() string { return e.err.Error() }
func (e *notBegunError) Unwrap() error { return e.err }

func (e *TimeoutError) Error() string {
	msg := fmt.Sprintf("%s: script %s did not end within %s", e.Host, e.Script, e.After)
	if e.unbegun != nil {
		msg = fmt.Sprintf("%s: script %s was not begun within %s: the login shell of user %s gave no sign of it", e.Host, e.Script, e.After,
			e.unbegun.user)
		if e.unbegun.said != "" {
			msg += ", and said: " + e.unbegun.said
		}
	}
	if e.Stderr != "" {
		msg += ": " + e.Stderr
	}
	return msg
}

// Unwrap makes the error a context.DeadlineExceeded.
func (e *TimeoutError) Unwrap() error { return context.DeadlineExceeded }

// Kind is KindTimeout.
func (*TimeoutError) Kind() Kind { return KindTimeout }

// Hint says that more time may help.
func (e *TimeoutError) Hint() string {
	if e.unbegun != nil {
		return (&ShellError{Host: e.Host, User: e.unbegun.user, Output: e.unbegun.said}).Hint()
	}
	return "Look at the host for what it is waiting for, or allow it more time."
}

// LostError says that the connection broke. What was under way on the host has
// been ended there, or will be as soon as the host notices; whether it had
// its effect is not known.
type LostError struct {
	Host string
	Work string // what was under way
	Err  error
}

func (e *LostError) Error() string {
	return fmt.Sprintf("%s: connection lost during %s: %v", e.Host, e.Work, e.Err)
}

func (e *LostError) Unwrap() error { return e.Err }

// Kind is KindLost.
func (*LostError) Kind() Kind { return KindLost }

// Hint says that trying again is safe.
func (e *LostError) Hint() string {
	return "Check the host and the network between. Running the same again continues where this ended."
}

// LockedError says that another operator works on the host.
type LockedError struct {
	Host  string
	Owner string // who, in its own words
	Since string // host time in RFC 3339 form, as far as known
}

func (e *LockedError) Error() string {
	if e.Since == "" {
		return fmt.Sprintf("%s is locked by %s, who has not said since when", e.Host, e.Owner)
	}
	return fmt.Sprintf("%s is locked by %s since %s", e.Host, e.Owner, e.Since)
}

// Kind is KindLocked.
func (*LockedError) Kind() Kind { return KindLocked }

// Hint says that waiting helps.
func (e *LockedError) Hint() string {
	return "Wait until the other run has ended, then run again. The lock goes away by itself when its owner ends, also when it is killed."
}

// A ToolError says that a program of the host's is not there, or does not do what it is
// there for.
type ToolError struct {
	Host string
	Tool string
	Why  string // what is wrong with it
	Use  string // what needs it
}

func (e *ToolError) Error() string {
	return fmt.Sprintf("%s: the command %s cannot be used: %s; %s", e.Host, e.Tool, e.Why, e.Use)
}

// Kind is KindTool.
func (*ToolError) Kind() Kind { return KindTool }

// Hint says what to look at.
func (e *ToolError) Hint() string {
	return fmt.Sprintf("Install %[1]s, or put right what keeps it from its work: another program of that name first in PATH, a file system "+
		"without locks. \"command -v %[1]s\" on the host shows which one is used.", e.Tool)
}

// FloodError says that a host sends without end, and that what was run there was
// given up for it.
type FloodError struct {
	Host  string
	Work  string // what was run: "script inspect"
	Most  int64  // bytes that may come
	Noise bool   // it came before the script, which was not run, or not followed
}

func (e *FloodError) Error() string {
	if e.Noise {
		return fmt.Sprintf("%s: more than %d KiB came before %s began, which was given up", e.Host, e.Most>>10, e.Work)
	}
	return fmt.Sprintf("%s: more than %d MiB came of %s, which was given up", e.Host, e.Most>>20, e.Work)
}

// Kind is KindFlood.
func (*FloodError) Kind() Kind { return KindFlood }

// Hint says where to look.
func (e *FloodError) Hint() string {
	return "Look at what the host sends without end: a profile, a program in the place of a system command, a journal that grows. " +
		"If nothing explains it, the host may not be the one that you think."
}

// TransferError says that a file did not arrive.
type TransferError struct {
	Host string
	File string
	Err  error
}

func (e *TransferError) Error() string {
	return fmt.Sprintf("%s: uploading %s failed: %v", e.Host, e.File, e.Err)
}

func (e *TransferError) Unwrap() error { return e.Err }

// Kind is KindTransfer.
func (*TransferError) Kind() Kind { return KindTransfer }

// Hint names the usual reasons.
func (e *TransferError) Hint() string {
	return "Check that the host's /var/tmp has enough room, then run again: what has arrived is not sent again."
}

// IsUnreachable reports whether err says that a host could not be reached or
// was lost, so that nothing is known about its state. A host that answers but
// shows a wrong key or refuses the login is reachable.
func IsUnreachable(err error) bool {
	var key *HostKeyError
	var auth *AuthError
	if errors.As(err, &key) || errors.As(err, &auth) {
		return false
	}
	var connect *ConnectError
	var lost *LostError
	return errors.As(err, &connect) || errors.As(err, &lost)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
