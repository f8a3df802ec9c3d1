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
					s.tell(stagePostflight, value)
				case "warning":
					st.Progress("warning: "+value, 0)
					s.tell(stagePostflight, "warning: "+value)
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
