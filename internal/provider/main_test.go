// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// TestMain makes sure that tests use the Terraform that is here and never
// download one, and that real hosts are taken down at the end.
func TestMain(m *testing.M) {
	if err := overlap(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(terraform.Main(func() int { return lab.Main(m) }))
}

// overlap runs two tests for each core, unless -parallel says how many: on
// real hosts they wait for half of their time. Eight take some 40 hosts and
// 4 GiB of memory.
func overlap() error {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return nil
	}
	return flag.Set("test.parallel", strconv.Itoa(min(2*runtime.GOMAXPROCS(0), 8)))
}
