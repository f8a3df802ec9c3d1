// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/config"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/release"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// runChild says that this process is to do one operation and to be killed.
const runChild = "DCOS_NODE_TEST_CHILD"

// A childTask is what such a process does.
type childTask struct {
	Operation, Script     string
	Address, HostKey, Key string
	Site                  map[string]string
	Release, Cache        string
	Role                  node.Role
	MachineID             string
}

// killed does the operation in a process of its own, which is killed with -9
// when it is where the fault strikes.
func (l *lane) killed(t *testing.T, s stage, op operation) error {
	t.Helper()
	key, err := l.lab.PrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	path, cache := sampleRelease(t, sample.V22)
	task := childTask{Operation: op.what, Script: s.script, Address: l.h.Address, HostKey: l.h.HostKey, Key: string(key),
		Site: map[string]string{}, Release: path, Cache: cache, Role: l.role, MachineID: l.id}
	for k, v := range l.site {
		task.Site[k] = v
	}
	if op.bundle == l.next {
		task.Site[changed[0]] = changed[1]
	}
	text, err := json.Marshal(task)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), runChild+"=1")
	cmd.Stdin = strings.NewReader(string(text))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "now" {
		t.Errorf("%s did not get to %s: %q", op.what, s.name, lines.Text())
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Errorf("it was not killed: %v", err)
	}
	return errors.New("(nothing: it was killed)")
}

// beChild does the task on standard input and says "now" when it is where it
// is to be killed.
func beChild() error {
	var task childTask
	if err := json.NewDecoder(os.Stdin).Decode(&task); err != nil {
		return err
	}
	ctx := context.Background()
	rel, err := release.Open(ctx, task.Release, release.Options{CacheDirectory: task.Cache})
	if err != nil {
		return err
	}
	site := config.Site{Given: map[string]config.Value{},
		Files: map[string]config.File{"genconf/ip-detect": {Content: []byte(ipDetectScript)}}}
	for k, v := range task.Site {
		site.Given[k] = config.Value{Text: v}
	}
	b, err := bundle.Build(ctx, rel, site)
	if err != nil {
		return err
	}
	client, err := remote.NewClient(remote.Config{
		User: lab.UserNoPassword, Credentials: remote.Credentials{PrivateKey: remote.Secret(task.Key)}, HostKeyPolicy: remote.Strict,
	})
	if err != nil {
		return err
	}
	now := func() {
		fmt.Println("now")
		select {} // until it is killed
	}
	if task.Script == inConnection {
		go now()
	}
	conn, err := client.Dial(ctx, remote.Target{Address: task.Address, HostKey: task.HostKey})
	if err != nil {
		return err
	}
	_, err = perform(ctx, &struckConn{Conn: conn, script: task.Script, hit: now}, task.Operation,
		node.Options{Role: task.Role, Bundle: b, Run: "killed", MachineID: task.MachineID})
	return fmt.Errorf("it came to its end: %w", err)
}
