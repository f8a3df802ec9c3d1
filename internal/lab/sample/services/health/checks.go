// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/host"
)

// The states of a check, which are the exit codes of its command.
const (
	ok       = 0
	critical = 2
	unknown  = 3
)

// Checks is the dcos-checks command; it returns its exit code.
func Checks(ctx context.Context, h host.Host, args []string, out io.Writer) int {
	flags, words := map[string]string{"role": "agent", "port": "1050", "exclude": ""}, []string{}
	for i := 0; i < len(args); i++ {
		name, isFlag := strings.CutPrefix(args[i], "--")
		if !isFlag {
			words = append(words, args[i])
			continue
		}
		name, value, given := strings.Cut(name, "=")
		if !given {
			if i++; i < len(args) {
				value = args[i]
			}
		}
		flags[name] = value
	}
	if len(words) == 0 {
		words = []string{""}
	}
	var err error
	switch words[0] {
	case "components":
		err = components(ctx, flags["port"], strings.Split(flags["exclude"], ","))
	case "executable":
		for _, name := range words[1:] {
			if _, e := exec.LookPath(name); e != nil {
				err = errors.Join(err, e)
			}
		}
	case "ip":
		_, err = h.IP(ctx)
	case "mesos-metrics":
		err = metrics(ctx, flags["role"])
	case "journald":
		err = journal()
	case "time":
		err = clock()
	case "cockroachdb":
		err = cockroach(ctx)
	default:
		fmt.Fprintf(out, "there is no check called %q\n", words[0])
		return unknown
	}
	if err != nil {
		fmt.Fprintln(out, err)
		return critical
	}
	fmt.Fprintf(out, "%s: well\n", words[0])
	return ok
}

// components asks dcos-diagnostics whether all units are well.
func components(ctx context.Context, port string, exclude []string) error {
	var r Report
	if err := host.Get(ctx, "http://127.0.0.1:"+port+basePath, &r); err != nil {
		return err
	}
	skip := map[string]bool{}
	for _, name := range exclude {
		skip[name] = true
	}
	var errs []error
	for _, u := range r.Units {
		if u.Health != 0 && !skip[u.ID] {
			errs = append(errs, errors.New(u.Output))
		}
	}
	return errors.Join(errs...)
}

func metrics(ctx context.Context, role string) error {
	port, key := "5051", "slave/registered"
	if role == "master" {
		port, key = "5050", "registrar/log/recovered"
	}
	var all map[string]float64
	if err := host.Get(ctx, "http://127.0.0.1:"+port+"/metrics/snapshot", &all); err != nil {
		return err
	}
	if all[key] != 1 {
		return fmt.Errorf("%s is %v", key, all[key])
	}
	return nil
}

// journal looks at the owner and mode of the journal's directory.
func journal() error {
	path := "/var/log/journal"
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		path = "/run/log/journal"
		info, err = os.Stat(path)
	}
	if err != nil {
		return err
	}
	group, err := user.LookupGroup("systemd-journal")
	if err != nil {
		return err
	}
	st, isUnix := info.Sys().(*syscall.Stat_t)
	if !isUnix || st.Uid != 0 || strconv.Itoa(int(st.Gid)) != group.Gid || info.Mode()&0o050 != 0o050 {
		return fmt.Errorf("%s is not owned by root:systemd-journal or not readable by the group", path)
	}
	return nil
}

// CheckTime is the check-time command, which units run before they start.
func CheckTime(h host.Host, out io.Writer) int {
	if h.Getenv("ENABLE_CHECK_TIME") != "true" {
		return ok
	}
	if err := clock(); err != nil {
		fmt.Fprintln(out, err)
		return 1
	}
	return ok
}

func cockroach(ctx context.Context) error {
	var status struct{ Nodes []any }
	return host.Get(ctx, "http://127.0.0.1:8090/_status/nodes", &status)
}
