// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build !linux

package remotetest

import (
	"errors"
	"os"
)

type ptyPair struct{ master, slave *os.File }

func openPTY([]byte) (*ptyPair, error) { return nil, errors.ErrUnsupported }

func (p *ptyPair) close() {}
