// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package mesos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/host"
)

// An executor runs an agent's tasks as processes. What runs is written down in
// the work directory, so that the agent finds it again after its own restart.
type executor struct {
	workDir string
	scopes  bool
	log     *log.Logger

	mu    sync.Mutex
	agent string
	tasks map[string]*process
}

type process struct {
	Task Task   `json:"task"`
	PID  int    `json:"pid"`
	Born string `json:"born"` // start time, by which a reused PID is told apart

	ended chan struct{}
}

// defaultGrace is how long a task has between SIGTERM and SIGKILL.
const defaultGrace = 3 * time.Second

func newExecutor(workDir string, scopes bool, logger *log.Logger) *executor {
	return &executor{workDir: workDir, scopes: scopes, log: logger, tasks: map[string]*process{}}
}

func (e *executor) setAgent(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.agent = id
}

// checkpoint is below a name that Mesos itself uses, so that whoever tidies up knows it.
func (e *executor) checkpoint() string { return filepath.Join(e.workDir, "meta/slaves/tasks.json") }

// save writes down what runs. The caller holds the lock.
func (e *executor) save() {
	text, err := json.Marshal(e.tasks)
	if err == nil {
		err = host.WriteFile(e.checkpoint(), text, 0o600)
	}
	if err != nil {
		e.log.Printf("write down the tasks: %v", err)
	}
}

// recover takes up the tasks of the agent's former life.
func (e *executor) recover() error {
	text, err := os.ReadFile(e.checkpoint())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &e.tasks); err != nil {
		return fmt.Errorf("%s: %w", e.checkpoint(), err)
	}
	for _, p := range e.tasks {
		p.ended = make(chan struct{})
		if p.Task.terminal() {
			close(p.ended)
			continue
		}
		e.log.Printf("task %s is taken up again", p.Task.ID)
		// It is not our child any more, so its exit code cannot be known.
		go func() {
			look := time.NewTicker(200 * time.Millisecond)
			defer look.Stop()
			for born(p.PID) == p.Born {
				<-look.C
			}
			e.end(p, Finished)
		}()
	}
	return nil
}

// born is a process's start time as the kernel counts it; "" = there is none.
func born(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The second field is in parentheses and may hold anything.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" {
		return ""
	}
	return fields[19]
}

func (e *executor) list() []Task {
	e.mu.Lock()
	defer e.mu.Unlock()
	tasks := []Task{}
	for _, p := range e.tasks {
		tasks = append(tasks, p.Task)
	}
	slices.SortFunc(tasks, func(a, b Task) int { return strings.Compare(a.ID, b.ID) })
	return tasks
}

func (e *executor) running() int {
	n := 0
	for _, t := range e.list() {
		if !t.terminal() {
			n++
		}
	}
	return n
}

// obey starts what shall run and does not, and ends what runs and shall not.
func (e *executor) obey(ctx context.Context, orders Orders) {
	e.mu.Lock()
	defer e.mu.Unlock()
	before := len(e.tasks)
	wanted := map[string]bool{}
	for _, spec := range orders.Tasks {
		wanted[spec.ID] = true
		if e.tasks[spec.ID] == nil {
			e.tasks[spec.ID] = e.start(spec)
		}
	}
	for _, id := range orders.Done {
		if p := e.tasks[id]; p != nil && p.Task.terminal() {
			delete(e.tasks, id)
		}
	}
	for id, p := range e.tasks {
		if !wanted[id] {
			e.kill(ctx, p)
		}
	}
	if before > 0 || len(e.tasks) > 0 {
		e.save()
	}
}

// start runs a task. The caller holds the lock.
func (e *executor) start(spec TaskSpec) *process {
	p := &process{Task: Task{TaskSpec: spec, State: Running, Started: time.Now()}, ended: make(chan struct{})}
	cmd, err := e.command(spec)
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		e.log.Printf("task %s: %v", spec.ID, err)
		p.Task.State = Failed
		close(p.ended)
		return p
	}
	p.PID = cmd.Process.Pid
	p.Born = born(p.PID)
	e.log.Printf("task %s runs as process %d", spec.ID, p.PID)
	go func() {
		state := Finished
		if err := cmd.Wait(); err != nil {
			state = Failed
		}
		e.end(p, state)
	}()
	return p
}

// command is the task's command in its sandbox, in a process group of its own.
func (e *executor) command(spec TaskSpec) (*exec.Cmd, error) {
	sandbox := filepath.Join(e.workDir, "slaves", e.agent, "frameworks/marathon/executors", spec.ID, "runs/latest")
	if err := os.MkdirAll(sandbox, 0o755); err != nil {
		return nil, err
	}
	out, err := os.Create(filepath.Join(sandbox, "stdout"))
	if err != nil {
		return nil, err
	}
	defer out.Close()
	args := []string{"/bin/sh", "-c", spec.Cmd}
	if e.scopes {
		args = append([]string{
			"systemd-run", "--quiet", "--scope", "--slice=mesos_executors.slice", "--unit=mesos-" + spec.ID + ".scope",
			"--description=task " + spec.ID, "--",
		}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = sandbox, out, out
	cmd.Env = []string{"PATH=/usr/bin:/bin", "MESOS_SANDBOX=" + sandbox, "MESOS_TASK_ID=" + spec.ID, "MARATHON_APP_ID=" + spec.App}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd, nil
}

func (e *executor) end(p *process, state string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if p.Task.State == Killing {
		state = Killed
	}
	p.Task.State = state
	e.log.Printf("task %s: %s", p.Task.ID, state)
	close(p.ended)
}

// kill asks a task to end, and makes it when its grace is over. The caller
// holds the lock.
func (e *executor) kill(ctx context.Context, p *process) {
	if p.Task.terminal() || p.Task.State == Killing {
		return
	}
	p.Task.State = Killing
	grace := time.Duration(p.Task.Grace * float64(time.Second))
	if grace <= 0 {
		grace = defaultGrace
	}
	e.log.Printf("task %s: ending process %d within %v", p.Task.ID, p.PID, grace)
	if err := syscall.Kill(-p.PID, syscall.SIGTERM); err != nil {
		e.log.Printf("task %s: %v", p.Task.ID, err)
	}
	go func() {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-p.ended:
		case <-ctx.Done():
		case <-timer.C:
			if err := syscall.Kill(-p.PID, syscall.SIGKILL); err != nil {
				e.log.Printf("task %s: process %d: %v", p.Task.ID, p.PID, err)
			}
		}
	}()
}

func (e *executor) killAll(ctx context.Context) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range e.tasks {
		e.kill(ctx, p)
	}
}

// finish waits until no task runs and forgets them all.
func (e *executor) finish(ctx context.Context) {
	e.mu.Lock()
	all := make([]*process, 0, len(e.tasks))
	for _, p := range e.tasks {
		all = append(all, p)
	}
	e.mu.Unlock()
	for _, p := range all {
		select {
		case <-p.ended:
		case <-ctx.Done():
			return
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.tasks)
	e.save()
}
