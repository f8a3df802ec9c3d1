// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package node takes one DC/OS node through its life: looked at, checked,
// installed, upgraded in place, repaired, drained and removed without a trace.
//
// # Stages
//
// Work is cut into stages: preflight, transfer, install, postflight, upgrade,
// drain, uninstall, verify. A stage is one POSIX sh script, or a few that belong
// together. They are kept under scripts/ with a header that says what each reads,
// prints and changes, and each costs one round trip. Scripts print a framed result
// (see frame.go) that is parsed strictly: a result that is cut short is an error,
// never a partial truth. What a script needs to know travels to it on its standard
// input, so that nothing secret shows in a process list.
//
// # What decides
//
// [Inspect] reads a host and changes nothing. Everything else starts with it
// and is planned from what it found, so every operation can be repeated, and
// continues after any interruption. Whether a node has work to do is decided by
// its active packages, its setup files, its role and its units
// ([State.Drift]), never by time stamps.
//
// # Ownership
//
// While an installation is on its way, a marker lies in the directory
// [StagingDirectory] that says for which cluster and bundle it is. It is what
// tells a half-finished installation of ours, which is continued or redone,
// from somebody else's, which is left alone ([ForeignError]). The marker and
// everything that was transferred go when the node is up. What the host looked
// like before, as far as DC/OS changes things that exist on any host
// (resolv.conf, sysctl settings, docker's configuration), is kept in
// [RecordDirectory] for as long as DC/OS is installed, so that [Uninstall] can
// put it back.
//
// The record also lists, within bounds, what was in each directory that DC/OS
// uses (record.sh). It is made once, with the first change. Uninstall removes
// what is not listed from DC/OS's own directories, and from a work directory of
// Mesos's whose name somebody chose what is not listed and has a name that Mesos is
// known to use: names, and then directories that are empty (rmdir), so that what
// somebody puts there meanwhile stays as well. Without a list that is whole and of
// this machine, known names go and nothing else. What stays is told ([Stayed]). A
// link or mount in the place of a directory is gone through, and stays; through one
// of another file system that comes meanwhile nothing is removed (rm
// --one-file-system). Beside the list the record says the little that versions
// before it read, which may be the ones that uninstall.
//
// # The gate
//
// A script that takes a master out of service, or writes over what its services
// read, begins with gate.sh if there is an [Options.Gate]: it says how the master
// sees its ensemble, over the connection that is open anyway, and waits for a go.
// What is to be done comes behind the go. No answer within seconds, another
// answer or a broken connection leave the master as it is; over a new connection
// the script begins again, with the question. A master that is on its way back to
// its former packages does not ask.
//
// # A node that was up
//
// It has something to lose: a master ZooKeeper's data and with it the cluster's
// id and every service's state, an agent its tasks. [State.Up] tells it, by a note
// in the record or by that data. Nothing but [Uninstall] takes it away. Programs
// that are gone are installed again with the data in its place (reset.sh, then
// what a first installation does): DC/OS's services find at that start what they
// find at any start, and neither pkgpanda's setup nor they make anything in
// /var/lib/dcos that is there (pkgpanda/__init__.py, Install.activate, makes and
// gives away a package's state directory, and no more). Taking all of DC/OS off
// first is what a host gets on which nothing shows that a node was up.
//
// [Options.Foreseen] has the caller's plan: what it does not name is not done.
//
// # Stopping
//
// Once [Options.Stop] is closed, the stage that is under way goes to its end, with
// all of its scripts and over any number of connections, and no other is begun. A
// script that waits at a closed gate ends.
// Between two stages a host may be left, since the next run sees where that was:
//
//   - in front of the first stage that changes something it is as it was found;
//   - behind transfer it has the marker, and files that are whole;
//   - behind the removal that an installation starts again with, there is no DC/OS,
//     and what was transferred is still there;
//   - behind install and upgrade, DC/OS is what the bundle says, and the marker has
//     the next run wait for it to be well. It cannot be put back on its former
//     packages any more: only the run that replaced them knows which they were;
//   - behind drain the agent is stopped and has left its cluster. It can be removed,
//     or repaired, which starts it.
//
// An upgrade is one stage from the fetching of packages, over the writing of setup
// files, to the end of the activation. Two things belong to what comes before them
// and are begun in any case: verify behind uninstall, and everything of a rollback.
//
// # A node that runs
//
// [RunChecks], [Restart], [Drain], [Resume], [Collect] and [MakeBackup] leave a node what it
// is: they need no bundle and write no claim. Each begins with a look at the host, which has to be
// the machine, of the cluster and of the role that it is taken for. What takes a master out of
// service for a time asks at the gate, as an upgrade does.
//
// # Where DC/OS's rules come from
//
// Files, modes, unit commands and checks are those of dcos_install.sh of the
// line (gen/build_deploy/bash.py in dcos/dcos), the package manager's contract
// is pkgpanda's (pkgpanda/ there).
package node
