// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An EnsembleMaster is one entry of what exhibitor answers under
// /exhibitor/v1/cluster/status: a JSON list of these.
type EnsembleMaster struct {
	Address         string `json:"hostname"`
	Status          string `json:"description"` // exhibitor's word: "serving", "down", …
	ZooKeeperLeader bool   `json:"isLeader"`
}

// Serving reports whether the master's ZooKeeper serves.
func (m EnsembleMaster) Serving() bool { return m.Status == "serving" }

// decodeEnsemble reads exhibitor's answer. What is no such list says nothing
// of any master: it is what a service gives that is only about to start.
func decodeEnsemble(text string) []EnsembleMaster {
	var masters []EnsembleMaster
	if err := json.Unmarshal([]byte(text), &masters); err != nil {
		return nil
	}
	return slices.DeleteFunc(masters, func(m EnsembleMaster) bool { return m.Address == "" })
}

// Health is how an ensemble of masters is, as one of them sees it. The rule of
// quorum is its methods', and nobody else's.
type Health struct {
	Self      string           // this master, as its exhibitor knows it; "" if it does not say
	Masters   []EnsembleMaster // none: exhibitor is silent
	Leader    string           // Mesos leader; "" if none is known
	Recovered bool             // this master's registrar has recovered
	Agents    int              // active agents; -1 if not known
}

// Serving returns how many masters serve.
func (h Health) Serving() int { return len(h.Masters) - len(h.Down()) }

// Down returns the addresses of the masters that do not serve.
func (h Health) Down() []string {
	var down []string
	for _, m := range h.Masters {
		if !m.Serving() {
			down = append(down, m.Address)
		}
	}
	return down
}

// Quorum reports whether more than half of the ensemble serves.
func (h Health) Quorum() bool { return h.Serving() > len(h.Masters)/2 }

// Spare returns how many of the masters that serve can be taken out of service
// at once while the rest keeps the quorum. It is never less than none.
func (h Health) Spare() int { return max(0, h.Serving()-(len(h.Masters)/2+1)) }

// RiskWithout says what keeps a master from being taken out of service, in
// words; "" if nothing does. names are the addresses under which the ensemble
// may know it. One that does not serve as it is can be taken out at any time,
// and one that is alone has nothing to lose but itself. Exhibitor is what knows
// who serves: where it is silent although the master that was asked takes part,
// nobody knows what depends on it.
func (h Health) RiskWithout(names ...string) string {
	switch size := len(h.Masters); {
	case size == 0 && (h.Leader != "" || h.Recovered):
		return "exhibitor does not say which masters serve, and this one does"
	case size <= 1 || h.down(names) || h.Spare() > 0:
		return ""
	default:
		return fmt.Sprintf("%d of %d masters serve (not serving: %s); without this one there would be no quorum",
			h.Serving(), size, strings.Join(h.Down(), ", "))
	}
}

// Unwell says what is wrong with an ensemble after one of its masters was
// changed, in words; "" if nothing is. names are that master's, as in
// RiskWithout.
func (h Health) Unwell(names ...string) string {
	switch {
	case h.down(names):
		return "this master does not serve"
	case !h.Quorum():
		return fmt.Sprintf("%d of %d masters serve, which is no quorum", h.Serving(), len(h.Masters))
	case h.Leader == "":
		return "no Mesos leader is known"
	case !h.Recovered:
		return "the registrar of the Mesos master has not recovered"
	}
	return ""
}

// down reports whether one of the names is that of a master that does not serve.
func (h Health) down(names []string) bool {
	m, listed := h.Find(names...)
	return listed && !m.Serving()
}

// Find gives what is said of the master that has one of these names, of one that
// does not serve if there are several.
func (h Health) Find(names ...string) (m EnsembleMaster, listed bool) {
	for _, one := range h.Masters {
		if one.Address != "" && slices.Contains(names, one.Address) && (!listed || !one.Serving()) {
			m, listed = one, true
		}
	}
	return m, listed
}

// MasterHealth asks a master for the ensemble's health. It costs one round
// trip and changes nothing.
func MasterHealth(ctx context.Context, conn Conn) (Health, error) {
	f, err := askEnsemble(ctx, conn)
	if err != nil {
		return Health{}, stageError(conn.Target().Address, stageInspect, lookingAtEnsemble, f, err)
	}
	return parseHealth(f), nil
}

const lookingAtEnsemble = "looking at the ensemble"

func askEnsemble(ctx context.Context, conn Conn) (*frame, error) {
	return run(ctx, conn, call{scripts: []string{"health"}, doing: lookingAtEnsemble, timeout: 2 * time.Minute})
}

func parseHealth(f *frame) Health {
	h := Health{Self: f.get("ip"), Leader: f.get("leader"), Recovered: f.yes("recovered"), Agents: -1}
	h.Masters = decodeEnsemble(f.get("ensemble"))
	if n, err := strconv.Atoi(f.get("agents")); err == nil {
		h.Agents = n
	}
	return h
}
