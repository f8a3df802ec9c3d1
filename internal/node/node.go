// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// A Role is what a node does in a cluster.
type Role string

// The roles of a node.
const (
	Master      Role = "master"
	Agent       Role = "agent"
	PublicAgent Role = "public_agent"
)

// OnDisk gives the name that DC/OS uses for the role on a node:
// /etc/mesosphere/roles/NAME.
func (r Role) OnDisk() string {
	switch r {
	case Agent:
		return "slave"
	case PublicAgent:
		return "slave_public"
	default:
		return string(r)
	}
}

// roleOnDisk is the inverse of [Role.OnDisk]; "" for a name that is no role.
func roleOnDisk(name string) Role {
	switch name {
	case "master":
		return Master
	case "slave":
		return Agent
	case "slave_public":
		return PublicAgent
	}
	return ""
}

// A Conn is what this package needs of a connection to a host. [remote.Conn]
// is one; tests wrap it to count round trips and to break it.
type Conn interface {
	// Run runs a script on the host in one round trip.
	Run(ctx context.Context, s remote.Script) (*remote.Result, error)
	// Upload puts files into the work directory on the host and gives that
	// directory.
	Upload(ctx context.Context, files []remote.File, progress func(sent int64)) (string, error)
	// Lock keeps other operators off the host until the connection is closed.
	Lock(ctx context.Context, owner string) error
	// Target says which host it is.
	Target() remote.Target
	// Close ends the connection and removes what it made on the host.
	Close() error
}

var _ Conn = (*remote.Conn)(nil)

// Time limits that hold where [Options] gives none.
const (
	DefaultSetupTimeout             = 15 * time.Minute // from starting dcos-setup to its end
	DefaultPostflightTimeout        = 15 * time.Minute // after an installation
	DefaultUpgradePostflightTimeout = 5 * time.Minute  // after an upgrade
	DefaultDrainTimeout             = 10 * time.Minute
	DefaultCloudInitTimeout         = 10 * time.Minute
)

// Options says what is wanted of a node.
type Options struct {
	Role   Role
	Bundle *bundle.Bundle // not needed by Uninstall, but it helps there
	// Address is the host's address as the user gave it; "" means the
	// connection's.
	Address string
	// MachineID is the machine that the node is known to be; "" while that is
	// not known. Another machine at the address is a [ReplacedError]. With it
	// given, DC/OS on the host counts as ours.
	MachineID string
	// OtherThan is the machine that the node was on, where another one is to be
	// there now: that one is a [SameMachineError]. "" if any will do.
	OtherThan string
	// Holding says whose the node is to be. Nil: no claim is looked at or
	// written.
	Holding *Holding
	// Peers is told what was found on the host, and gives what is known of the
	// cluster's other nodes. It may be nil.
	Peers func(State) Peers
	// Warn is given what the user should hear of although it stands in
	// nothing's way. It may be nil.
	Warn func(Finding)
	// Run names the run in the marker and the lock.
	Run string
	// SkipChecks names preflight checks that are not done. An unknown name is
	// an [UnknownCheckError].
	SkipChecks        []string
	SetupTimeout      time.Duration
	PostflightTimeout time.Duration
	DrainTimeout      time.Duration // negative: tasks are not waited for
	// WaitForCloudInit waits for cloud-init to end before anything else.
	WaitForCloudInit bool
	Ensemble         Ensemble
	Log              *runlog.Scope
	// Tell is told which stage is begun, with no words, and then how it goes on, in
	// words. It may be nil.
	Tell func(stage, words string)
	// OnChange is called right before the first lasting change on the host,
	// once. What it is given is the state before the change.
	OnChange func(State)
	// OnOutage is called right before the first step that can take the node
	// out of service, once. Transfer and fetching come before it.
	OnOutage func()
	// Gate is asked by the script that is about to take a master out of
	// service, or to write over what its services read, right before it does,
	// with what the master says of its ensemble at that moment. nil is a go.
	// Anything else keeps it in service: the script asks again in two seconds
	// if again says so; if not, the operation ends with that error. So it does
	// when Gate does not answer within seconds, or the connection breaks. stops
	// tells a script that stops services from one that only writes. A rollback
	// does not ask: it goes to its end. Gate may be nil.
	Gate func(h Health, stops bool) (again bool, err error)
	// GateTimeout is for how long Gate may say again.
	GateTimeout time.Duration
	// Redial makes a new connection to the same host. With it, stages that
	// wait on the host survive a connection that breaks and a host that
	// boots. The connections it makes are closed here.
	Redial func(ctx context.Context) (Conn, error)
	// Foreseen says whether the plan names what keeps the host from being
	// changed without DC/OS's programs being installed again, as [State.Drift] has
	// it. What Upgrade finds and was not foreseen is a [*WorseError]. Nil: all is.
	Foreseen func(found string) bool
	// Joins says that the node is nobody's yet, and has to be proven to be one of the
	// bundle's cluster before anything is changed ([Membership]). It is given the
	// cluster's id, and may refuse. Nil: nothing has to be proven.
	Joins func(clusterID string) error
	// Stop, when it is closed, keeps another stage from being begun: the one
	// that is under way ends as it would have, and so does a rollback. It may
	// be nil.
	Stop <-chan struct{}
	// Now is the clock that the host's is compared with; nil means time.Now.
	Now func() time.Time
}

// Ensemble is what is known of the masters as a whole.
type Ensemble struct {
	Size int // 0: the bundle's num_masters
	// Exists says that the ensemble has been complete before. A master then
	// has to find quorum and a leader, not only its own services.
	Exists bool
}

// Peers is what is known of a cluster's other nodes.
type Peers struct {
	// Twin is one with the same machine id; nil if none is known.
	Twin *Twin
	// Master says that another master is there or is being installed, so that
	// state in exhibitor's storage backend is no surprise.
	Master bool
}

// A Twin is another node with a machine's id.
type Twin struct {
	Address string
	BootID  string    // "" if not known
	Seen    time.Time // when it was looked at; zero: Terraform's state has it so
}

// size gives the number of masters, 0 if nothing says it.
func (o *Options) size() int {
	if o.Ensemble.Size > 0 {
		return o.Ensemble.Size
	}
	return EnsembleSize(o.Bundle)
}

// EnsembleSize returns the number of masters of a bundle's cluster, 0 if
// nothing says it.
func EnsembleSize(b *bundle.Bundle) int {
	if b == nil {
		return 0
	}
	n, err := strconv.Atoi(b.Arguments["num_masters"])
	if err != nil {
		return 0 // the bundle's rules have refused anything but a number
	}
	return n
}

// check says what is missing in the options.
func (o *Options) check() error {
	switch o.Role {
	case Master, Agent, PublicAgent:
	default:
		return fmt.Errorf("there is no role %q", o.Role)
	}
	if o.Bundle == nil {
		return fmt.Errorf("no bundle was given")
	}
	return checkSkips(o.SkipChecks)
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

// Stage names, as they show in errors and in the run log.
const (
	stageConnect    = "connect"
	stageInspect    = "inspect"
	stageCloudInit  = "cloud-init"
	stagePreflight  = "preflight"
	stageTransfer   = "transfer"
	stageInstall    = "install"
	stagePostflight = "postflight"
	stageUpgrade    = "upgrade"
	stageDrain      = "drain"
	stageUninstall  = "uninstall"
	stageVerify     = "verify"

	stageCheck       = "check"
	stageRestart     = "restart"
	stageResume      = "resume"
	stageDiagnostics = "diagnostics"
	stageBackup      = "backup"
)
