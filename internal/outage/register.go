// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package outage

import (
	"context"
	"fmt"
	"net"
)

// A Dial opens a stream to a port of a host, as a master sees it.
type Dial func(ctx context.Context, host string, port int) (net.Conn, error)

// An Opener opens the register of an ensemble. others are the addresses of the
// masters beside the one that dial leads from. dial is asked for as long as the
// register is open. The error is a [*NoLockError] if the ensemble gives no lock.
type Opener func(ctx context.Context, dial Dial, others []string) (Register, error)

// A NoLockError says that an ensemble gives no lock, whoever asks it, and that
// waiting changes nothing in that.
type NoLockError struct {
	// Foreign says that what is there is no ZooKeeper, which nobody can mend;
	// else somebody has forbidden what the lock needs.
	Foreign bool
	Err     error
}

func (e *NoLockError) Error() string { return fmt.Sprintf("the ensemble gives no lock: %v", e.Err) }

func (e *NoLockError) Unwrap() error { return e.Err }
