// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package pkgpanda

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Bootstrap is the program that units run before they start: it applies the
// kernel settings that the unit's package asks for. One that the kernel
// refuses is only told.
func Bootstrap(root string, units []string, out io.Writer) error {
	text, err := os.ReadFile(filepath.Join(root, "etc", serviceConfiguration))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var configuration struct {
		Sysctl map[string]map[string]any `json:"sysctl"`
	}
	if err := json.Unmarshal(text, &configuration); err != nil {
		return fmt.Errorf("%s: %w", serviceConfiguration, err)
	}
	for _, unit := range units {
		settings := configuration.Sysctl[unit]
		for _, key := range sortedKeys(settings) {
			path := filepath.Join("/proc/sys", strings.ReplaceAll(key, ".", "/"))
			if err := os.WriteFile(path, fmt.Appendln(nil, settings[key]), 0o644); err != nil {
				fmt.Fprintf(out, "sysctl %s for %s: %v\n", key, unit, err)
			}
		}
	}
	return nil
}

// BootstrapMain is the bootstrap command; it returns its exit code.
func BootstrapMain(args []string, stderr io.Writer) int {
	if err := Bootstrap("/opt/mesosphere", args, stderr); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}
