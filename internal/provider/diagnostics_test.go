// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// TestHostErrors holds that each error of the packages below becomes a message
// that says where, what and what to do, without secrets.
func TestHostErrors(t *testing.T) {
	t.Parallel()
	redactor := runlog.NewRedactor()
	redactor.Add("hush-hush")
	w := &shared{redactor: redactor}
	master := fleet.Host{Target: remote.Target{Address: "10.0.0.1"}, Role: node.Master}
	const host = "10.0.0.1"
	auth := &remote.AuthError{Host: host, User: "centos", Tried: []string{"public key SHA256:abc"}, Err: errors.New("unable to authenticate")}
	exit := &remote.ExitError{Host: host, Script: "apply", Code: 3, Stderr: "no space left on device\nhush-hush"}
	tests := map[string]struct {
		err     error
		summary string
		want    []string
	}{
		"unreachable": {&remote.ConnectError{Host: host, Attempts: 7, Elapsed: time.Minute, Stage: remote.StepTCP,
			Err: errors.New("connection refused")},
			"Host Not Reachable", []string{"connect", "7 attempts", "connection refused", "What to do:"}},
		"no such name": {&remote.ConnectError{Host: "m1.example", Stage: remote.StepTCP,
			Err: &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "m1.example", IsNotFound: true}}},
			"Host Not Reachable", []string{"name servers have no address for m1.example", "there is no such name"}},
		"key refused": {&remote.ConnectError{Host: host, Attempts: 2, Stage: remote.StepAuthentication, Err: auth},
			"Login Refused", []string{"centos", "SHA256:abc", "authorized_keys"}},
		"host key": {&remote.HostKeyError{Host: host, Want: []string{"SHA256:old"}, Got: "SHA256:new", Key: "ssh-ed25519 AAAA"},
			"Host Key Refused", []string{"SHA256:old", "SHA256:new", "ssh-ed25519 AAAA"}},
		"sudo": {&remote.SudoError{Host: host, User: "nora", Command: "sudo", Reason: remote.SudoNotAllowed, Detail: "not in the sudoers file"},
			"No Root On The Host", []string{"nora", "sudoers"}},
		"another's password": {&remote.SudoError{Host: host, User: "nora", Command: "sudo", Reason: remote.SudoPasswordWrong, Whose: "root"},
			"No Root On The Host", []string{"root's password rather than nora's", "rootpw"}},
		"sudo without programs": {&remote.SudoError{Host: host, User: "nora", Command: "sudo", Reason: remote.SudoNoExec},
			"No Root On The Host", []string{"no programs", "noexec"}},
		"sudo expired": {&remote.SudoError{Host: host, User: "nora", Command: "sudo", Reason: remote.SudoExpired},
			"No Root On The Host", []string{"has expired", "chage"}},
		"nologin": {&remote.ShellError{Host: host, User: "nora", Output: "This account is currently not available."},
			"Account Runs No Commands", []string{"currently not available", "usermod -s"}},
		"expired": {&remote.ShellError{Host: host, User: "nora", Output: "WARNING: Your password has expired."},
			"Account Runs No Commands", []string{"has expired", "ssh nora@10.0.0.1"}},
		"forced command": {&remote.ShellError{Host: host, User: "nora", Output: "Backups only."},
			"Account Runs No Commands", []string{"Backups only.", "ForceCommand"}},
		"no flock": {&remote.ToolError{Host: host, Tool: "flock", Why: "the host has none", Use: "the lock needs it"},
			"Host Lacks A Command", []string{"flock", "the host has none", "Install flock"}},
		"second factor": {&remote.ConnectError{Host: host, Attempts: 1, Stage: remote.StepAuthentication,
			Err: &remote.AuthError{Host: host, User: "centos", Accepted: []string{"publickey"}, Offered: []string{"keyboard-interactive"}}},
			"Login Refused", []string{"second factor", "keyboard-interactive", "AuthenticationMethods"}},
		"certificate": {&remote.ConnectError{Host: host, Attempts: 1, Stage: remote.StepAuthentication,
			Err: &remote.AuthError{Host: host, User: "centos", Tried: []string{"certificate x"},
				Invalid: []string{"the certificate x has expired at y"}}},
			"Login Refused", []string{"has expired at y", "ssh-keygen -s"}},
		"account ended": {&remote.ConnectError{Host: host, Attempts: 1, Stage: remote.StepAuthentication,
			Err: &remote.AuthError{Host: host, User: "centos", Tried: []string{"key x"}, Said: []string{"Your account has expired."}}},
			"Login Refused", []string{"the server said: Your account has expired.", "chage"}},
		"no SSH server": {&remote.ConnectError{Host: host, Attempts: 1, Stage: remote.StepHandshake, Err: &remote.NotSSHError{Said: "220 mail"}},
			"Host Not Reachable", []string{"no SSH server", "220 mail", "ssh.port"}},
		"no common algorithm": {&remote.ConnectError{Host: host, Attempts: 1, Stage: remote.StepHandshake,
			Err: &ssh.AlgorithmNegotiationError{What: "key exchange", RequestedAlgorithms: []string{"theirs"},
				SupportedAlgorithms: []string{"ours"}}},
			"Host Not Reachable", []string{`"theirs"`, `"ours"`, "KexAlgorithms"}},
		"locked": {&remote.LockedError{Host: host, Owner: "ci run 5", Since: "2026-01-01T00:00:00Z"}, "Host Locked By Another Run",
			[]string{"ci run 5"}},
		"lost": {&remote.LostError{Host: host, Work: "script apply", Err: errors.New("EOF")}, "Connection Lost", []string{"script apply"}},
		"stage": {&node.StageError{Host: host, Stage: "install", Doing: "starting dcos-setup", ExitCode: 3, Stderr: exit.Stderr,
			Journal: "dcos-setup: failed", Hint: "look at it", Err: exit},
			"Installation Failed", []string{"install", "starting dcos-setup", "Exit code: 3", "  no space left on device", "  dcos-setup: failed",
				"What to do: Look at it"}},
		"stage over a lost connection": {&node.StageError{Host: host, Stage: "transfer",
			Err: &remote.LostError{Host: host, Work: "upload", Err: errors.New("EOF")}},
			"Connection Lost", []string{"transfer", "upload"}},
		"preflight": {&node.PreflightError{Host: host,
			Findings: []node.Finding{{Name: "docker", Found: "none", Needed: "1.6", Hint: "install it"},
				{Name: "port-80", Found: "used", Needed: "free"}}},
			"Preflight Checks Failed", []string{"docker: found none; needed: 1.6; what to do: install it\n", "port-80: found used",
				"preflight.skip"}},
		"foreign": {&node.ForeignError{Host: host, Cluster: "other", Version: "2.1.0", Installed: node.Complete, Why: "no marker"},
			"DC/OS Is Already On The Host", []string{"other", "terraform import"}},
		"strangers": {&node.StrangersError{Host: host, Names: []string{"notes.txt"}},
			"DC/OS's Directory Is In Use", []string{`"notes.txt"`, "/opt/mesosphere is empty or gone"}},
		"replaced": {&node.ReplacedError{Host: host, Want: "aaa", Got: "bbb"}, "Machine Replaced", []string{"aaa", "bbb"}},
		"leftover": {&node.StageError{Host: host, Stage: "verify", Err: &node.LeftoverError{Left: []string{"/opt/mesosphere"}}},
			"Host Not Clean After Uninstall", []string{"/opt/mesosphere"}},
		"rollback": {&node.RollbackError{Upgrade: errors.New("it broke")}, "Upgrade Failed", []string{"It broke", "put back"}},
		"gate": {&fleet.GateError{Host: host, Err: errors.New("2 of 3 masters serve")}, "Ensemble Of Masters At Risk",
			[]string{"2 of 3 masters serve"}},
		"gate at the outage": {&fleet.GateError{Host: host, Outage: true, Err: errors.New("2 of 3 masters serve")}, "Ensemble Of Masters At Risk",
			[]string{"left in service", "2 of 3 masters serve", "Nothing was stopped"}},
		"halted": {&fleet.HaltedError{Host: host, By: "10.0.0.2", Err: errors.New("broke")}, "Not Touched, Since A Master Failed",
			[]string{"the change of the master 10.0.0.2 failed"}},
		"missed": {&fleet.HaltedError{Host: host, By: "10.0.0.2", Missed: true, Err: errors.New("refused")},
			"Not Touched, Since A Master Failed", []string{"10.0.0.2 could not be reached", "agents come after all masters"}},
		"lost places": {&fleet.UnavailableError{Host: host, Lost: 2, Most: 2}, "Not Touched, Since Agents Failed",
			[]string{"2 of the cluster's agents are out of service", "max_unavailable allows 2"}},
		"another": {fmt.Errorf("something with hush-hush in it"), "Operation On Host Failed", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := w.hostError(&master, "installing DC/OS", test.err)
			if d.Summary() != test.summary {
				t.Errorf("the summary is %q, want %q", d.Summary(), test.summary)
			}
			for _, want := range append(test.want, "Host:      10.0.0.1 (master)", "While:     installing DC/OS") {
				if !strings.Contains(d.Detail(), want) {
					t.Errorf("it does not say %q:\n%s", want, d.Detail())
				}
			}
			if strings.Contains(d.Detail(), "hush-hush") {
				t.Errorf("it shows a secret:\n%s", d.Detail())
			}
		})
	}
	for _, c := range []struct {
		ended         fleet.Ending
		summary, want string
	}{
		{fleet.ByInterrupt, "Interrupted", "Run the same again"},
		{fleet.ByTimeLimit, "Operation On Host Failed", "The time limit of the operation was reached"},
		{fleet.ByItself, "Operation On Host Failed", "It broke"},
	} {
		err, want := errors.New("it broke"), []string{c.want}
		if c.ended == fleet.ByInterrupt {
			err = &node.StageError{Host: host, Stage: "transfer", Err: fmt.Errorf("sending a file: %w", context.Canceled)}
			want = append(want, "Sending a file: interrupted by you.")
		}
		d := w.hostError(&master, "installing DC/OS", &fleet.Failure{Ended: c.ended, Err: err})
		for _, w := range want {
			if d.Summary() != c.summary || !strings.Contains(d.Detail(), w) {
				t.Errorf("an operation that ended by %v is %s, without %q: %s", c.ended, d.Summary(), w, d.Detail())
			}
		}
	}
}
