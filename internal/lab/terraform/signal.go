// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package terraform

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// KillProvider ends the provider that a running Terraform has started, as SignalProvider reaches it.
func KillProvider(terraform *os.Process) error { return SignalProvider(terraform, os.Kill) }

// SignalProvider sends a signal to the provider that a running Terraform has started: to all processes of it, since
// functions may have one of their own.
func SignalProvider(terraform *os.Process, signal os.Signal) error {
	tasks, err := filepath.Glob("/proc/" + strconv.Itoa(terraform.Pid) + "/task/*/children")
	if err != nil {
		return err
	}
	found := false
	for _, task := range tasks {
		children, err := os.ReadFile(task)
		if err != nil {
			continue // the thread has ended
		}
		for child := range strings.FieldsSeq(string(children)) {
			pid, err := strconv.Atoi(child)
			if err != nil {
				return fmt.Errorf("read %s: %w", task, err)
			}
			program, err := os.Readlink("/proc/" + child + "/exe")
			if err != nil || filepath.Base(program) != providerName {
				continue
			}
			provider, err := os.FindProcess(pid)
			if err != nil {
				return err
			}
			if err := provider.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
				return err
			}
			found = true
		}
	}
	if !found {
		return errors.New("terraform has started no provider")
	}
	return nil
}
