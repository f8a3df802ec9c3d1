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

// KillProvider ends the provider that a running Terraform has started: all processes of it, since functions may have
// one of their own.
func KillProvider(terraform *os.Process) error {
	tasks, err := filepath.Glob("/proc/" + strconv.Itoa(terraform.Pid) + "/task/*/children")
	if err != nil {
		return err
	}
	killed := false
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
			if err != nil || filepath.Base(program) != "terraform-provider-dcos" {
				continue
			}
			provider, err := os.FindProcess(pid)
			if err != nil {
				return err
			}
			if err := provider.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				return err
			}
			killed = true
		}
	}
	if !killed {
		return errors.New("terraform has started no provider")
	}
	return nil
}
