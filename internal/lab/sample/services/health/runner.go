// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package health

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/host"
)

// A check is one entry of the site's check configuration.
type check struct {
	Description string   `json:"description"`
	Cmd         []string `json:"cmd"`
	Timeout     string   `json:"timeout"`
	Roles       []string `json:"roles,omitempty"`
}

type checkConfig struct {
	Cluster map[string]check `json:"cluster_checks"`
	Node    struct {
		Checks    map[string]check `json:"checks"`
		Prestart  []string         `json:"prestart"`
		Poststart []string         `json:"poststart"`
	} `json:"node_checks"`
	Env map[string]string `json:"check_env"`
}

// A checkResult is how one check went.
type checkResult struct {
	Status int    `json:"status"`
	Output string `json:"output"`
}

// checkFailure is what is printed when checks could not be run. The exit code
// does not tell of it.
type checkFailure struct {
	Error  string   `json:"error"`
	Checks []string `json:"checks"`
}

// Runner is the dcos-check-runner command; it returns its exit code.
func Runner(ctx context.Context, h host.Host, args []string, out, stderr io.Writer) int {
	list, words := false, []string{}
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "--list":
			list = true
		case args[i] == "--config":
			i++ // where the role is does not vary here
		case strings.HasPrefix(args[i], "--config="), args[i] == "--verbose":
		default:
			words = append(words, args[i])
		}
	}
	if len(words) < 2 || words[0] != "check" {
		fmt.Fprintln(stderr, "usage: dcos-check-runner check node-prestart|node-poststart|cluster [NAME...] [--list]")
		return 1
	}
	config, role, err := load(h)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	checks, err := config.choose(words[1], role, words[2:])
	if err == nil && list {
		return printJSON(out, checks, ok)
	}
	if err != nil {
		return printJSON(out, checkFailure{Error: err.Error(), Checks: words[2:]}, ok)
	}
	return run(ctx, config.Env, checks, out)
}

func printJSON(out io.Writer, v any, code int) int {
	text, err := json.Marshal(v)
	if err != nil {
		text, code = []byte(err.Error()), 1
	}
	fmt.Fprintf(out, "%s\n", text)
	return code
}

func load(h host.Host) (*checkConfig, string, error) {
	text, err := os.ReadFile(h.Etc("dcos-check-config.json"))
	if err != nil {
		return nil, "", err
	}
	c := &checkConfig{}
	if err := json.Unmarshal(text, c); err != nil {
		return nil, "", fmt.Errorf("dcos-check-config.json: %w", err)
	}
	role, err := os.ReadFile(h.Etc("dcos-check-runner.yaml"))
	if err != nil {
		return nil, "", err
	}
	return c, strings.TrimSpace(strings.TrimPrefix(string(role), "role:")), nil
}

// choose gives the checks of a kind that are for this role; with names, only
// those.
func (c *checkConfig) choose(kind, role string, names []string) (map[string]check, error) {
	chosen := map[string]check{}
	var listed []string
	switch kind {
	case "cluster":
		for name, ch := range c.Cluster {
			chosen[name] = ch
		}
	case "node-prestart":
		listed = c.Node.Prestart
	case "node-poststart":
		listed = c.Node.Poststart
	default:
		return nil, fmt.Errorf("there are no checks of the kind %q", kind)
	}
	for _, name := range listed {
		if ch, ok := c.Node.Checks[name]; ok && (len(ch.Roles) == 0 || slices.Contains(ch.Roles, role)) {
			chosen[name] = ch
		}
	}
	if len(names) == 0 {
		return chosen, nil
	}
	only := map[string]check{}
	for _, name := range names {
		ch, ok := chosen[name]
		if !ok {
			return nil, errors.New("one or more of the requested checks are not on this node")
		}
		only[name] = ch
	}
	return only, nil
}

// run runs checks side by side and prints how they went.
func run(ctx context.Context, env map[string]string, checks map[string]check, out io.Writer) int {
	var (
		mu      sync.Mutex
		wg      sync.WaitGroup
		results = map[string]checkResult{}
		broken  []string
		worst   = ok
	)
	for name, ch := range checks {
		wg.Go(func() {
			r, err := ch.run(ctx, env)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				broken = append(broken, fmt.Sprintf("%s: %v", name, err))
				return
			}
			results[name] = r
			worst = max(worst, r.Status)
		})
	}
	wg.Wait()
	if len(broken) > 0 {
		slices.Sort(broken)
		return printJSON(out, checkFailure{Error: "one or more checks failed to execute", Checks: broken}, worst)
	}
	return printJSON(out, struct {
		Status int                    `json:"status"`
		Checks map[string]checkResult `json:"checks"`
	}{worst, results}, worst)
}

func (ch check) run(ctx context.Context, env map[string]string) (checkResult, error) {
	limit, err := time.ParseDuration(ch.Timeout)
	if err != nil {
		return checkResult{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	path, err := lookPath(ch.Cmd[0], env["PATH"])
	if err != nil {
		return checkResult{}, err
	}
	cmd := exec.CommandContext(ctx, path, ch.Cmd[1:]...)
	cmd.WaitDelay = time.Second
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return checkResult{unknown, fmt.Sprintf("the command took longer than %s and was ended", ch.Timeout)}, nil
	case errors.As(err, &exit):
		return checkResult{min(max(exit.ExitCode(), 1), unknown), string(text)}, nil
	case err != nil:
		return checkResult{}, err
	}
	return checkResult{ok, string(text)}, nil
}

// lookPath finds a program on the checks' own search path.
func lookPath(name, path string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for dir := range strings.SplitSeq(path, ":") {
		if info, err := os.Stat(dir + "/" + name); err == nil && info.Mode()&0o111 != 0 {
			return dir + "/" + name, nil
		}
	}
	return "", fmt.Errorf("%s is not on %s", name, path)
}
