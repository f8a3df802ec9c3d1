// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// patience is how long a first installation waits for what only other nodes
// can give: the rest of an ensemble, a leader.
const patience = 20 * time.Second

// postflight waits until the node does its work. upgrade says that it did so
// before, so that nothing can be missing that is still to come.
func (s *session) postflight(ctx context.Context, upgrade bool) error {
	st, err := s.enter(stagePostflight)
	if err != nil {
		return err
	}
	s.outage() // nothing need have been done, but whether the node serves is open
	limit := orDefault(s.opts.PostflightTimeout, DefaultPostflightTimeout)
	mode := "first"
	if upgrade {
		limit = orDefault(s.opts.PostflightTimeout, DefaultUpgradePostflightTimeout)
		mode = "ensemble"
	}
	if s.opts.Ensemble.Exists && s.opts.Role == Master {
		mode = "ensemble"
	}
	deadline := time.Now().Add(limit)
	var waited string
	f, err := s.steady(ctx, stagePostflight, func() call {
		left := max(time.Until(deadline), time.Second)
		return call{
			scripts: []string{"postflight"},
			doing:   "waiting for the node to do its work",
			args: []string{s.opts.Role.OnDisk(), mode, strconv.Itoa(s.opts.size()), fmt.Sprint(int(left.Seconds())),
				fmt.Sprint(int(patience.Seconds()))},
			timeout: left + 3*time.Minute, // a check that hangs has its own limit
			on: func(key, value string) {
				switch key {
				case "progress":
					waited = value
					st.Progress(value, 0)
				case "warning":
					st.Progress("warning: "+value, 0)
				}
			},
		}
	})
	if err != nil {
		return s.unwellError(stagePostflight, f, err, limit, waited)
	}
	return nil
}

// unwellError says what a postflight was waiting for when it gave up.
func (s *session) unwellError(stage string, f *frame, err error, limit time.Duration, waited string) error {
	err = s.explain(stage, "waiting for the node to do its work", f, err)
	var e *StageError
	if !errors.As(err, &e) {
		return err
	}
	if f.yes("timeout") {
		e.Err = fmt.Errorf("gave up after %s", limit)
		e.Hint = "the journal of the units named shows why; the next apply goes on from here"
	} else if waited != "" {
		e.Doing += " (" + waited + ")"
	}
	if out := f.get("check_output"); out != "" {
		what := unwell(out, "")
		if what == "" {
			what = clip(strings.TrimSpace(out), 600)
		}
		e.Doing += ": " + what
	}
	if failed := f.all("failed_unit"); len(failed) > 0 {
		e.Doing += "; failed units: " + strings.Join(failed, ", ")
	}
	return err
}

// Health is how a master sees its ensemble.
type Health struct {
	Size      int      // entries of the ensemble
	Serving   int      // those that serve
	Down      []string // addresses of those that do not
	Leader    string   // Mesos leader; "" if none is known
	Recovered bool     // this master's registrar has recovered
	Agents    int      // active agents; -1 if not known
}

// Quorum says whether more than half of the ensemble serves.
func (h Health) Quorum() bool { return h.Size > 0 && h.Serving > h.Size/2 }

// Trouble says what keeps the ensemble from taking the loss of one master, in
// words; "" if nothing does. An ensemble of one has nothing to lose but itself.
func (h Health) Trouble() string {
	switch {
	case h.Size == 0:
		return "exhibitor does not answer or lists no master"
	case !h.Quorum():
		return fmt.Sprintf("ZooKeeper has no quorum: %d of %d masters serve (not: %s)", h.Serving, h.Size, strings.Join(h.Down, ", "))
	case h.Size > 1 && h.Serving < h.Size:
		return fmt.Sprintf("%d of %d masters serve (not: %s)", h.Serving, h.Size, strings.Join(h.Down, ", "))
	case h.Leader == "":
		return "there is no leading Mesos master"
	}
	return ""
}

// MasterHealth asks a master for the ensemble's health. It costs one round
// trip and changes nothing.
func MasterHealth(ctx context.Context, conn Conn) (Health, error) {
	c := call{scripts: []string{"health"}, doing: "looking at the ensemble", timeout: 2 * time.Minute}
	f, err := run(ctx, conn, c)
	if err != nil {
		return Health{}, stageError(conn.Target().Address, stageInspect, c.doing, f, err)
	}
	return parseHealth(f), nil
}

func parseHealth(f *frame) Health {
	h := Health{Leader: f.get("leader"), Recovered: f.yes("recovered"), Agents: -1}
	for _, e := range f.all("entry") {
		host := between(e, `"hostname":"`, `"`)
		if host == "" {
			continue
		}
		h.Size++
		if strings.Contains(e, `"description":"serving"`) {
			h.Serving++
		} else {
			h.Down = append(h.Down, host)
		}
	}
	if n, err := strconv.Atoi(f.get("agents")); err == nil {
		h.Agents = n
	}
	return h
}

func between(s, before, after string) string {
	_, rest, ok := strings.Cut(s, before)
	if !ok {
		return ""
	}
	found, _, _ := strings.Cut(rest, after)
	return found
}
