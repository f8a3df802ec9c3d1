// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package exhibitor

import (
	"context"
	"log"
	"time"
)

// A State is what exhibitor last saw of its own ZooKeeper, by exhibitor's numbers.
type State int

// The states.
const (
	Latent     State = iota // it has not looked yet
	Down                    // it does not answer
	NotServing              // it answers, and has no quorum
	Serving
)

func (s State) String() string {
	return [...]string{"latent", "down", "not serving", "serving"}[s]
}

// An Instance is a member's own ZooKeeper.
type Instance interface {
	// Restart ends it, if it runs, and starts it as server number own of these. It
	// starts alone where there are none yet; as number 0 of some it cannot start.
	Restart(ctx context.Context, servers Servers, own int) error
	// Ask asks it how it is.
	Ask(ctx context.Context) (s State, leads bool)
}

// A Pace is how often exhibitor does things.
type Pace struct {
	Check    time.Duration // between two looks at its own ZooKeeper
	Config   time.Duration // between two looks at what is stored
	Manage   time.Duration // between two looks at whether to join; up to so much more, at random
	Lock     time.Duration // how long a lock has to settle
	Patience time.Duration // after which a ZooKeeper that does not serve is started again
}

// Real is the pace of DC/OS: its start script's (check_ms), and exhibitor's defaults for
// what that does not say. Patience is twice initLimit times tickTime of the script.
func Real(masters int) Pace {
	p := Pace{Check: 30 * time.Second, Config: 30 * time.Second, Manage: time.Minute, Lock: 5 * time.Second, Patience: 40 * time.Second}
	if masters == 1 {
		p.Check = 2 * time.Second
	}
	return p
}

// Quick is the pace where no ZooKeeper has to start.
func Quick() Pace {
	return Pace{
		Check: 200 * time.Millisecond, Config: 500 * time.Millisecond, Manage: 500 * time.Millisecond, Lock: 100 * time.Millisecond,
		Patience: 40 * time.Second,
	}
}

// Faster is the pace so many times as fast, but for patience: a ZooKeeper takes its time
// to start.
func (p Pace) Faster(times int) Pace {
	n := time.Duration(times)
	return Pace{p.Check / n, p.Config / n, p.Manage / n, p.Lock / n, p.Patience}
}

// seen is what was last seen of the own instance.
type seen struct {
	state   State
	servers Servers // those that were in force then
	since   time.Time
}

// check looks at the own instance, and starts it again where that helps: when it is
// found to be down, when the servers are others, and when it has not served for long.
func (s *Server) check(ctx context.Context) {
	state, leads := s.cfg.Instance.Ask(ctx)
	s.mu.Lock()
	before, servers := s.seen, s.settings.Servers
	own, patience := servers.number(s.cfg.Hostname), s.cfg.Pace().Patience
	first := before.state == Latent
	s.leads = leads
	again := false
	if state != before.state || !servers.same(before.servers) {
		s.seen = seen{state, servers, time.Now()}
		others := !first && (!servers.same(before.servers) || own == 0)
		again = others || state == Down
		log.Printf("state: %s, servers %v", state, servers)
	} else if state != Serving && (own > 0 || len(servers) == 0) && time.Since(before.since) > patience {
		again, s.seen.since = true, time.Now()
	}
	s.mu.Unlock()
	if !again {
		return
	}
	log.Printf("starting ZooKeeper again, as number %d of %v", own, servers)
	if err := s.cfg.Instance.Restart(ctx, servers, own); err != nil {
		log.Printf("ZooKeeper: %v", err)
	}
}

// reload sees whether what is stored has changed.
func (s *Server) reload(ctx context.Context) (changed bool, err error) {
	if s.cfg.Storage == nil {
		return false, nil
	}
	text, version, err := s.cfg.Storage.Load(ctx)
	if err != nil {
		return false, err
	}
	settings, err := parseSettings(text, s.cfg.Defaults)
	if err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	changed = version != s.version
	s.settings, s.version = settings, version
	return changed, nil
}
