// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package exhibitor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/host"
)

// run does one thing after the other, as exhibitor does, each when its time has come: it
// looks at what is stored, at its own instance, and whether it is to join the ensemble.
// Each comes first after its own period.
func (s *Server) run(ctx context.Context) {
	pace := s.cfg.Pace()
	period := pace.Manage + rand.N(pace.Manage+1)
	now := time.Now()
	config, check, manage := now.Add(pace.Config), now.Add(pace.Check), now.Add(period)
	for {
		next := slices.MinFunc([]time.Time{config, check, manage}, time.Time.Compare)
		if !host.Wait(ctx, min(time.Until(next), 100*time.Millisecond)) {
			return
		}
		// The pace may have become another; then what waits has it too.
		if now := s.cfg.Pace(); now != pace {
			pace = now
			period = pace.Manage + rand.N(pace.Manage+1)
			config, check, manage = soonest(config, pace.Config), soonest(check, pace.Check), soonest(manage, period)
		}
		changed := false
		switch now := time.Now(); {
		case !now.Before(config):
			var err error
			if changed, err = s.reload(ctx); err != nil && ctx.Err() == nil {
				log.Printf("storage: %v", err)
			}
			config = time.Now().Add(pace.Config)
		case !now.Before(check):
			s.check(ctx)
			check = time.Now().Add(pace.Check)
		case !now.Before(manage):
			var err error
			if changed, err = s.manage(ctx); err != nil && ctx.Err() == nil {
				log.Printf("joining the ensemble: %v", err)
			}
			manage = time.Now().Add(period)
		}
		if changed { // exhibitor takes the new period up then, with a whole one before it
			check = time.Now().Add(pace.Check)
		}
	}
}

// soonest is a time, or the end of a period that begins now if that is sooner.
func soonest(at time.Time, period time.Duration) time.Time {
	if end := time.Now().Add(period); end.Before(at) {
		return end
	}
	return at
}

// manage joins the ensemble, if it has room, or one of its members is down: all that are
// leave it then. It changes what is stored, under the lock, unless another one has done
// so since it was last looked at.
func (s *Server) manage(ctx context.Context) (changed bool, err error) {
	s.mu.Lock()
	settings, version, state := s.settings, s.version, s.seen.state
	s.mu.Unlock()
	if s.cfg.Storage == nil || settings.Size == 0 || state == Latent {
		return false, nil
	}
	statuses := s.Status(ctx)
	down := func(hostname string) bool {
		return slices.ContainsFunc(statuses, func(st Status) bool { return st.Hostname == hostname && st.Code == int(Down) })
	}
	if !slices.Equal(statuses, s.stable.statuses) {
		s.stable.statuses, s.stable.since = statuses, time.Now()
	}
	servers := settings.Servers
	switch {
	case servers.number(s.cfg.Hostname) > 0:
		return false, nil
	case len(servers) >= settings.Size && !slices.ContainsFunc(servers.Hostnames(), down):
		log.Printf("the ensemble has its %d members, and all are there", settings.Size)
		return false, nil
	case time.Since(s.stable.since) < settings.Settling:
		return false, nil
	}
	return s.join(ctx, settings, version, down)
}

// join changes what is stored, as described in manage.
func (s *Server) join(ctx context.Context, settings Settings, version string, down func(string) bool) (changed bool, err error) {
	pace := s.cfg.Pace()
	free, err := s.cfg.Storage.Lock(ctx, pace.Lock, max(pace.Manage/2, 2*pace.Lock))
	if err != nil || free == nil {
		return false, err
	}
	defer func() {
		if ferr := free(); err == nil {
			err = ferr
		}
	}()
	next := settings
	next.Servers = settings.Servers.With(s.cfg.Hostname, settings.Size, down)
	if next.Servers.same(settings.Servers) {
		return false, nil
	}
	stored, err := s.cfg.Storage.Store(ctx, next.text(s.cfg.Hostname), version)
	if err != nil {
		return false, err
	}
	if stored == "" {
		log.Print("another one has changed the ensemble")
		return false, nil
	}
	log.Printf("the ensemble was %v, and is %v now", settings.Servers, next.Servers)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settings, s.version = next, stored
	s.stable.statuses, s.stable.since = nil, time.Now()
	return true, nil
}

// A Status is one member in exhibitor's own form.
type Status struct {
	Code        int    `json:"code"`
	Description string `json:"description"`
	Hostname    string `json:"hostname"`
	IsLeader    bool   `json:"isLeader"`
}

// asking asks other members for their state, as patiently as exhibitor does: whoever
// asks this one waits as long for one that is not there. Like Java's client, it keeps a
// connection for five seconds.
var asking = &http.Client{
	Timeout: 13 * time.Second,
	Transport: &http.Transport{
		DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext, ResponseHeaderTimeout: 3 * time.Second,
		IdleConnTimeout: 5 * time.Second,
	},
}

// Status is the ensemble: the own state as it was last seen, and those that the others
// say of themselves at this moment.
func (s *Server) Status(ctx context.Context) []Status {
	s.mu.Lock()
	servers, state, leads := s.settings.Servers, s.seen.state, s.leads
	s.mu.Unlock()
	all := make([]Status, len(servers))
	var wg sync.WaitGroup
	for i, one := range servers {
		if one.Hostname == s.cfg.Hostname {
			all[i] = Status{int(state), state.String(), one.Hostname, leads}
			continue
		}
		wg.Go(func() {
			st, err := s.stateOf(ctx, one.Hostname)
			if err != nil {
				st = ownState{State: int(Down), Description: Down.String()}
			}
			all[i] = Status{st.State, st.Description, one.Hostname, st.IsLeader}
		})
	}
	wg.Wait()
	return all
}

// ownState is what a member says of itself.
type ownState struct {
	State       int    `json:"state"`
	Description string `json:"description"`
	IsLeader    bool   `json:"isLeader"`
}

func (s *Server) stateOf(ctx context.Context, hostname string) (ownState, error) {
	var st ownState
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.cfg.URL(hostname)+"/exhibitor/v1/cluster/state", nil)
	if err != nil {
		return st, err
	}
	if s.cfg.Realm != nil {
		req.SetBasicAuth(administrator, s.cfg.Realm[administrator])
	}
	resp, err := asking.Do(req)
	if err != nil {
		return st, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return st, fmt.Errorf("%s: %s", hostname, resp.Status)
	}
	err = json.NewDecoder(io.LimitReader(resp.Body, 1<<16)).Decode(&st)
	return st, err
}
