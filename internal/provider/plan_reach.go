// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// atOnceReached is how many hosts are looked up at once.
const atOnceReached = 32

// planReach says at plan what the OpenSSH configuration means for hosts that will
// be reached, as far as it is an error, or something in it that is not honoured.
func (s *shared) planReach(ctx context.Context, targets []remote.Target, at func(i int) tfpath.Path) (diags diag.Diagnostics) {
	options, failed := s.lookUp(ctx, targets)
	var found foldedDiagnostics
	for i, err := range failed {
		if err != nil {
			found.add(unreachableByConfiguration(targets[i].Address, at(i), err))
		}
	}
	diags.Append(found.diagnostics()...)
	diags.Append(s.tellOptions(targets, options)...)
	return diags
}

// tellReach is planReach for hosts that are connected to at once: what is wrong is
// said then.
func (s *shared) tellReach(ctx context.Context, targets ...remote.Target) diag.Diagnostics {
	options, _ := s.lookUp(ctx, targets)
	return s.tellOptions(targets, options)
}

// lookUp asks the OpenSSH configuration, if there is one, about the ways to hosts:
// for each the options on its way that are not honoured, or what is wrong.
func (s *shared) lookUp(ctx context.Context, targets []remote.Target) (options [][]string, failed []error) {
	if s.reach == nil {
		return nil, nil
	}
	options, failed = make([][]string, len(targets)), make([]error, len(targets))
	turns := make(chan struct{}, atOnceReached)
	var all sync.WaitGroup
	for i, t := range targets {
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			options[i], failed[i] = s.reach(ctx, t)
		})
	}
	all.Wait()
	return options, failed
}

// tellOptions warns of options that are not honoured: of each once in a run, with one
// of the hosts.
func (s *shared) tellOptions(targets []remote.Target, options [][]string) (diags diag.Diagnostics) {
	var news []string
	host := ""
	for i, names := range options {
		for _, name := range names {
			if _, told := s.told.LoadOrStore(name, true); !told {
				news = append(news, name)
				if host == "" {
					host = targets[i].Address
				}
			}
		}
	}
	if len(news) > 0 {
		slices.Sort(news)
		diags.Append(notHonoured(s.config.ConfigFile, host, news))
	}
	return diags
}

// unreachableByConfiguration words a host to which the configuration leads no way.
func unreachableByConfiguration(address string, at tfpath.Path, err error) diag.Diagnostic {
	detail := fmt.Sprintf("Host:      %s\n\n%s", address, sentence(err.Error()))
	var bad *remote.ConfigError
	if errors.As(err, &bad) {
		detail = fmt.Sprintf("Host:      %s\n\n%s\n\nWhat to do: %s", address,
			sentence(fmt.Sprintf("%s cannot be used: %v", bad.Field, bad.Err)), bad.Hint())
	}
	return diag.NewAttributeErrorDiagnostic(at, "Invalid SSH Configuration", detail)
}

// notHonoured words options that would change something with ssh.
func notHonoured(file, host string, options []string) diag.Diagnostic {
	return diag.NewWarningDiagnostic("SSH Options Not Honoured",
		fmt.Sprintf("Host:      %s\n\nFor this host, and perhaps for others, %s has options that count for ssh and not here: %s.\n\n"+
			"What to do: Nothing, if the host is reached as it should be. What does count is in the description of ssh.config_file.",
			host, file, strings.Join(options, ", ")))
}
