// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// filesChange checks which files a plan of dcos_cluster_config.test touches.
type filesChange struct{ only []string }

// CheckPlan compares the files before and after.
func (c filesChange) CheckPlan(_ context.Context, req plancheck.CheckPlanRequest, resp *plancheck.CheckPlanResponse) {
	for _, change := range req.Plan.ResourceChanges {
		if change.Address != testConfig {
			continue
		}
		before, _ := change.Change.Before.(map[string]any)
		after, _ := change.Change.After.(map[string]any)
		touched := touchedFiles(before, after)
		if !slices.Equal(touched, c.only) {
			resp.Error = fmt.Errorf("the plan touches %v, want %v", touched, c.only)
		}
		return
	}
	resp.Error = fmt.Errorf("%s is not in the plan", testConfig)
}

// touchedFiles gives the files that differ between two states of a
// dcos_cluster_config, sorted.
func touchedFiles(before, after map[string]any) []string {
	was, _ := before["files"].(map[string]any)
	is, _ := after["files"].(map[string]any)
	names := map[string]bool{}
	for name, sum := range was {
		if is[name] != sum {
			names[name] = true
		}
	}
	for name := range is {
		if _, ok := was[name]; !ok {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// nowhere checks that a text is not in the state.
type nowhere struct{ text string }

// CheckState looks for the text.
func (c nowhere) CheckState(_ context.Context, req statecheck.CheckStateRequest, resp *statecheck.CheckStateResponse) {
	text, err := json.Marshal(req.State)
	if err != nil {
		resp.Error = err
	} else if bytes.Contains(text, []byte(c.text)) {
		resp.Error = fmt.Errorf("%q is in the state", c.text)
	}
}

// diagnostics are what terraform reported with -json.
type diagnostics []diagnostic

type diagnostic struct {
	Severity string `json:"severity"`
	Summary  string `json:"summary"`
	Detail   string `json:"detail"`
	Range    struct {
		Start struct{ Line int }
	} `json:"range"`
	Snippet struct {
		Code string `json:"code"`
	} `json:"snippet"`
}

// diagnosticsOf runs terraform with -json and gives what it reported, whatever
// its exit code.
func diagnosticsOf(d *terraform.Dir, args ...string) diagnostics {
	d.T.Helper()
	out, _ := d.Try(append(args, "-json")...) // an error is what is being looked for
	var found diagnostics
	lines := bufio.NewScanner(strings.NewReader(out))
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var line struct {
			Type       string     `json:"type"`
			Diagnostic diagnostic `json:"diagnostic"`
		}
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Type == "diagnostic" {
			found = append(found, line.Diagnostic)
		}
	}
	if err := lines.Err(); err != nil {
		d.T.Fatal(err)
	}
	return found
}

// at says whether there is a diagnostic at a line of the configuration.
func (ds diagnostics) at(severity, code string) bool {
	return slices.ContainsFunc(ds, func(d diagnostic) bool {
		return d.Severity == severity && strings.Contains(d.Snippet.Code, code)
	})
}

// mentions says whether there is a diagnostic with a text in it.
func (ds diagnostics) mentions(severity, text string) bool {
	return slices.ContainsFunc(ds, func(d diagnostic) bool {
		return d.Severity == severity && strings.Contains(d.Summary+"\n"+d.Detail, text)
	})
}
