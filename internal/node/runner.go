// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Kinds of DC/OS's own checks, as its check runner calls them.
const (
	NodeChecks    = "node-poststart"
	ClusterChecks = "cluster"
)

// Exit codes of DC/OS's checks, and of the runner, which gives the worst
// (dcos-check-runner, and dcos-diagnostics before 1.12). Whatever is none of these
// counts as unknown.
const (
	CheckOK = iota
	CheckWarning
	CheckCritical
	CheckUnknown
)

// A CheckResult is how one of DC/OS's checks went.
type CheckResult struct {
	Kind   string // NodeChecks or ClusterChecks
	Name   string // "" if the runner itself could not do its work
	Status int
	Output string
}

// RunChecks has the node run DC/OS's own checks of some kinds, and gives the results of
// all of them, by name. It changes nothing.
func RunChecks(ctx context.Context, conn Conn, opts Options, kinds ...string) (results []CheckResult, err error) {
	s, _, err := act(ctx, conn, opts, false)
	defer func() { s.close(err) }()
	if err != nil {
		return nil, err
	}
	f, err := s.do(ctx, stageCheck, call{
		scripts: []string{"runner"}, doing: "running DC/OS's checks", args: kinds,
		timeout: time.Duration(len(kinds))*2*time.Minute + time.Minute,
	})
	if err != nil {
		return nil, err
	}
	for _, kind := range kinds {
		results = append(results, readChecks(kind, f.get(kind+"-code"), f.get(kind))...)
	}
	return results, nil
}

// readChecks reads what the runner printed, and its exit code. A runner that could not run
// a check says so under "error" and ends with 0 all the same.
func readChecks(kind, code, output string) []CheckResult {
	var r struct {
		Error  string   `json:"error"`
		Checks checkMap `json:"checks"`
	}
	broken := func(why string) []CheckResult { return []CheckResult{{kind, "", CheckUnknown, why}} }
	output = strings.TrimSpace(output)
	if i := strings.IndexByte(output, '{'); i > 0 { // what stands before it went to standard error
		output = output[i:]
	}
	switch err := json.Unmarshal([]byte(output), &r); {
	case code == "none":
		return broken("DC/OS on this node has no runner of checks")
	case err != nil && code == "124":
		return broken("the runner did not end in time")
	case err != nil:
		return broken(fmt.Sprintf("the runner ended with exit code %s and said: %s", code, clip(output, 400)))
	case r.Error != "":
		return broken(r.Error)
	case len(r.Checks) == 0 && code != "0":
		return broken("the runner ended with exit code " + code + " and names no check")
	}
	results := make([]CheckResult, 0, len(r.Checks))
	for _, name := range slices.Sorted(maps.Keys(r.Checks)) {
		c := r.Checks[name]
		if c.Status < CheckOK || c.Status > CheckUnknown {
			c.Status = CheckUnknown
		}
		results = append(results, CheckResult{kind, name, c.Status, clip(strings.TrimSpace(c.Output), 1000)})
	}
	return results
}

// A checkMap is the checks' results by name. Beside "error" it is a list of names.
type checkMap map[string]struct {
	Status int    `json:"status"`
	Output string `json:"output"`
}

// UnmarshalJSON takes a map; what is none says nothing of a check.
func (c *checkMap) UnmarshalJSON(text []byte) error {
	type plain checkMap
	if len(text) == 0 || text[0] != '{' {
		return nil
	}
	return json.Unmarshal(text, (*plain)(c))
}
