// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package exhibitor is the sample's stand-in for exhibitor: it forms the masters'
// ensemble from the configured storage backend, runs the master's ZooKeeper, tells
// about the ensemble, and elects leaders for the masters' services.
//
// It manages its instance as the real one does (AutomaticInstanceManagement,
// FixedEnsembleBuilder, ConfigManager and MonitorRunningInstance of dcos/exhibitor),
// with what DC/OS's start script tells it:
//
//   - It looks at its own ZooKeeper every 30 s, every 2 s where it is the only one
//     (check-ms), first that long after it has started: "latent" until then, and what
//     it says of it is as old as its last look. What it finds down it starts, and it
//     starts it again when the servers have become others, or when it has not served
//     for 40 s (twice initLimit by tickTime).
//   - Each minute or two it sees whether it is in the ensemble. If not, and there is
//     room, or one of the members is down, it joins: all that are down leave at once,
//     and it gets a number that none had. One member does so at a time, under the
//     storage's lock, which has to settle for 5 s, and not where the storage has
//     changed since it was last read, every 30 s. A static ensemble never changes.
//   - All members take a change up as soon as they see it (apply-all-at-once is
//     exhibitor's default, which the script leaves), each within a minute: nobody waits
//     for anybody's ZooKeeper, and there is no settling period (0 in the script).
//   - What others say of themselves is asked at each question for the ensemble. One
//     that cannot be connected to is waited for 10 s, one that does not answer 3 s.
//
// Where the host has a Java runtime and a ZooKeeper, that runs, in all backends, and a
// file on the host says how many times as fast exhibitor is to be (paceFile). Where it
// has none, a stand-in serves while a majority is there, and exhibitor is quick.
//
// With real times, three masters and a real ZooKeeper (TestRealTimes of internal/node
// tells them; these are of 2026-11): another server leads 0.6 s after the leader was
// stopped. One that is started again follows after 33 s, and exhibitor says that it
// serves 28 s later. With two of three out the last one ceases to serve at once, and
// its exhibitor says for 30 s that it serves. An upgrade of all takes 75 s for each.
//
// The masters' services have no ZooKeeper in either case: members ask each other
// several times a second what they see, and each votes for one leader of each group of
// candidates: the one that a majority votes for, else the one it voted for before,
// else the one that has been there longest. A leader is who a majority votes for, so
// there is one at most, and it stays as long as it is there, and as long as a session
// with a real ZooKeeper would last.
//
// Left out: rolling changes of an ensemble, observers and backups, which DC/OS does not
// have done; TLS; the rest of exhibitor's interface. Masters that are not there are
// waited for at the same time, where a machine with few processors does so one after
// the other. The stand-in for ZooKeeper answers ruok and srvr at port 2181 and keeps
// nothing; the services replicate their little data themselves.
//
// Compared: by reading, in 2026-11, with dcos/exhibitor at the commits that 1.10 and
// 2.2.1 have, which manage instances alike, and with DC/OS's start script of both;
// never with the real one run beside it. ZooKeeper is the real one, Debian's 3.8 (DC/OS
// has 3.4.14), on hosts that have it: those of the tests of ensembles.
package exhibitor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/host"
)

// Config is what a member needs to know.
type Config struct {
	Hostname string // this member's address
	Count    int    // how many masters there are to be
	Defaults Settings
	Storage  Storage  // nil: the defaults are in force
	Instance Instance // nil: a stand-in
	Pace     func() Pace
	Version  string
	URL      func(hostname string) string // where a member's HTTP server is
	Interval time.Duration                // between two looks at the other members
	Realm    map[string]string            // users' passwords; nil: nobody has to log in
	Local    func() bool                  // whether sessions with this member's own ZooKeeper live; nil: it has none
}

// administrator is the user by which members ask each other.
const administrator = "admin"

// zookeeper is the group of the exhibitors themselves.
const zookeeper = "zookeeper"

const (
	candidateLife = 2 * time.Second // how long a candidate counts after it was heard of
	patience      = time.Second     // how long a member that does not answer still counts
)

// A Candidate is one process that could lead; after a restart it is another.
type Candidate struct {
	Hostname string    `json:"hostname"`
	Started  time.Time `json:"started"`
}

// A Report is what a member says of itself.
type Report struct {
	Hostname   string               `json:"hostname"`
	Serving    bool                 `json:"serving"`
	Candidates map[string]time.Time `json:"candidates"` // group → since when
	Votes      map[string]Candidate `json:"votes"`
}

// A View is what a member knows of one group.
type View struct {
	Leader  string   `json:"leader"` // "" = none
	Quorum  bool     `json:"quorum"`
	Members []string `json:"members"`
}

type peer struct {
	report Report
	heard  time.Time
}

type local struct{ started, heard time.Time }

// Server is one member.
type Server struct {
	cfg     Config
	started time.Time

	stable struct { // for how long the members have been as they are; only run has it
		statuses []Status
		since    time.Time
	}

	mu         sync.Mutex
	settings   Settings
	version    string // of what is stored
	seen       seen
	leads      bool // the own instance, as it was last seen
	peers      map[string]peer
	candidates map[string]local
	votes      map[string]Candidate
}

// New makes a member; Run starts it.
func New(cfg Config) *Server {
	s := &Server{
		cfg: cfg, started: time.Now(), settings: cfg.Defaults,
		peers: map[string]peer{}, candidates: map[string]local{}, votes: map[string]Candidate{},
	}
	if cfg.Instance == nil {
		s.cfg.Instance = &standIn{member: s}
	}
	if cfg.Pace == nil {
		s.cfg.Pace = Quick
	}
	return s
}

// Run keeps the member's view of the ensemble until ctx is done. It ends at once where
// what is stored cannot be read.
func (s *Server) Run(ctx context.Context) error {
	if _, err := s.reload(ctx); err != nil {
		return fmt.Errorf("storage: %w", err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { s.run(ctx) })
	wg.Go(func() {
		for {
			s.look(ctx)
			if !host.Wait(ctx, s.cfg.Interval) {
				return
			}
		}
	})
	wg.Wait()
	return nil
}

// look asks the other members once and votes.
func (s *Server) look(ctx context.Context) {
	s.mu.Lock()
	ensemble := s.ensemble()
	s.mu.Unlock()
	var wg sync.WaitGroup
	for _, name := range ensemble {
		if name == s.cfg.Hostname {
			continue
		}
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			var r Report
			err := host.Get(ctx, s.cfg.URL(name)+"/sample/v1/self", &r)
			s.mu.Lock()
			defer s.mu.Unlock()
			switch {
			case err == nil:
				s.peers[name] = peer{r, time.Now()}
			case errors.Is(err, syscall.ECONNREFUSED):
				delete(s.peers, name) // it is not there; others may only be slow
			}
		})
	}
	wg.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.vote()
}

func (s *Server) ensemble() []string { return s.settings.Servers.Hostnames() }

// there counts those of some servers that are there, this one among them.
func (s *Server) there(servers Servers) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, one := range servers {
		if p, ok := s.peers[one.Hostname]; one.Hostname == s.cfg.Hostname || ok && time.Since(p.heard) < 2*patience {
			n++
		}
	}
	return n
}

// reports are those of the members that are there, this one among them.
func (s *Server) reports() map[string]Report {
	now, all := time.Now(), map[string]Report{}
	for _, name := range s.ensemble() {
		if name == s.cfg.Hostname {
			all[name] = s.self()
		} else if p, ok := s.peers[name]; ok && now.Sub(p.heard) < 2*patience {
			all[name] = p.report
		}
	}
	return all
}

func (s *Server) self() Report {
	r := Report{Hostname: s.cfg.Hostname, Serving: s.serving(), Candidates: map[string]time.Time{zookeeper: s.started},
		Votes: maps.Clone(s.votes)}
	for group, c := range s.candidates {
		if time.Since(c.heard) < candidateLife {
			r.Candidates[group] = c.started
		}
	}
	return r
}

func (s *Server) majority() int { return s.cfg.Count/2 + 1 }

// serving tells whether this member sees a majority, and its own ZooKeeper serves.
func (s *Server) serving() bool {
	if s.cfg.Local != nil && !s.cfg.Local() {
		return false
	}
	now, n := time.Now(), 0
	for _, name := range s.ensemble() {
		if p, ok := s.peers[name]; name == s.cfg.Hostname || ok && now.Sub(p.heard) < 2*patience {
			n++
		}
	}
	return n >= s.majority() && s.settings.Servers.number(s.cfg.Hostname) > 0
}

// standing are a group's candidates, the one that has been there longest
// first.
func standing(group string, reports map[string]Report) []Candidate {
	var all []Candidate
	for name, r := range reports {
		if started, ok := r.Candidates[group]; ok {
			all = append(all, Candidate{name, started})
		}
	}
	slices.SortFunc(all, func(a, b Candidate) int {
		return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.Hostname, b.Hostname))
	})
	return all
}

// elected is the candidate that a majority votes for.
func (s *Server) elected(group string, reports map[string]Report) (Candidate, bool) {
	for _, c := range standing(group, reports) {
		n := 0
		for _, r := range reports {
			if v, ok := r.Votes[group]; ok && v.Hostname == c.Hostname && v.Started.Equal(c.Started) {
				n++
			}
		}
		if n >= s.majority() {
			return c, true
		}
	}
	return Candidate{}, false
}

func (s *Server) vote() {
	reports := s.reports()
	groups := map[string]bool{}
	for _, r := range reports {
		for group := range r.Candidates {
			groups[group] = true
		}
	}
	maps.DeleteFunc(s.votes, func(group string, _ Candidate) bool { return !groups[group] })
	for group := range groups {
		all := standing(group, reports)
		choice := all[0]
		before, voted := s.votes[group]
		same := func(c Candidate) bool { return c.Hostname == before.Hostname && c.Started.Equal(before.Started) }
		if c, ok := s.elected(group, reports); ok {
			choice = c
		} else if voted && slices.ContainsFunc(all, same) && !s.split(group, reports) {
			choice = before
		}
		s.votes[group] = choice
	}
}

// split tells whether everybody has voted and nobody has a majority: then all
// must fall back on the same rule, or they would stay as they are.
func (s *Server) split(group string, reports map[string]Report) bool {
	for _, r := range reports {
		if _, ok := r.Votes[group]; !ok {
			return false
		}
	}
	return len(reports) >= s.majority()
}

// View is what this member knows of a group.
func (s *Server) View(group string) View {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := View{Quorum: s.serving(), Members: s.ensemble()}
	if v.Quorum {
		c, _ := s.elected(group, s.reports())
		v.Leader = c.Hostname
	}
	return v
}

// Stand makes the local service a candidate of a group for a while; it must be
// repeated. Withdraw ends it at once.
func (s *Server) Stand(group string, started time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.candidates[group] = local{started, time.Now()}
}

// Withdraw takes the local candidate back.
func (s *Server) Withdraw(group string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.candidates, group)
}

// Handler serves exhibitor's paths and those by which members and the local
// services talk.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /exhibitor/v1/cluster/status", func(w http.ResponseWriter, r *http.Request) {
		host.JSON(w, http.StatusOK, s.Status(r.Context()))
	})
	mux.HandleFunc("GET /exhibitor/v1/cluster/state", s.guard(func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		st := ownState{int(s.seen.state), s.seen.state.String(), s.leads}
		s.mu.Unlock()
		host.JSON(w, http.StatusOK, st)
	}))
	mux.HandleFunc("GET /exhibitor/v1/cluster/list", s.guard(func(w http.ResponseWriter, _ *http.Request) {
		host.JSON(w, http.StatusOK, map[string]any{"servers": s.View(zookeeper).Members, "port": 2181})
	}))
	mux.HandleFunc("GET /exhibitor/v1/config/get-state", s.guard(func(w http.ResponseWriter, _ *http.Request) {
		host.JSON(w, http.StatusOK,
			map[string]any{"config": map[string]any{"hostname": s.cfg.Hostname, "ensembleSize": s.cfg.Count, "version": s.cfg.Version},
				"running": true})
	}))
	mux.HandleFunc("GET /sample/v1/self", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		r := s.self()
		s.mu.Unlock()
		host.JSON(w, http.StatusOK, r)
	})
	mux.HandleFunc("GET /sample/v1/group/{group}", func(w http.ResponseWriter, r *http.Request) {
		host.JSON(w, http.StatusOK, s.View(r.PathValue("group")))
	})
	mux.HandleFunc("POST /sample/v1/group/{group}", func(w http.ResponseWriter, r *http.Request) {
		var c Candidate
		if host.Read(w, r, &c) {
			s.Stand(r.PathValue("group"), c.Started)
			host.JSON(w, http.StatusOK, s.View(r.PathValue("group")))
		}
	})
	mux.HandleFunc("DELETE /sample/v1/group/{group}", func(w http.ResponseWriter, r *http.Request) {
		s.Withdraw(r.PathValue("group"))
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

// guard asks for the administrator's password where the site has set one.
func (s *Server) guard(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if want, known := s.cfg.Realm[user]; s.cfg.Realm != nil && (!known || password != want) {
			w.Header().Set("WWW-Authenticate", `Basic realm="DCOS"`)
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
		next(w, r)
	}
}
