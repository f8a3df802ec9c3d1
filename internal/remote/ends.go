// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"
	"fmt"
	"time"
)

// limits are for how long a Client waits for whatever may not come.
type limits struct {
	// TCP's covers a SYN that is sent four times; a handshake takes a slow host
	// behind three jump hosts 5 s; PAM with a directory that is down takes its own
	// time limits, often 30 s, and who has to touch a token some seconds.
	tcp, handshake, auth time.Duration
	// start is how long the host may take from the request to the first sign of a
	// script: login shell, profile, PAM, sudo. After ask without one it is asked
	// whether it can start anything.
	start, ask time.Duration
	// end is how long is waited for the end of a script that is being ended. Most
	// end in no time, whatever they do about SIGTERM: their shell is ours. kill is
	// how long its end may take before the connection is closed, and unread after
	// how long a script that has much input is taken not to read it.
	end, unread, kill time.Duration
	// sftp is how long that subsystem may take to start, and quiet how long a
	// host may take nothing of what is being sent to it.
	sftp, quiet time.Duration
	// keeper is how long the keeper may take to answer: it removes the directories
	// of broken runs first. dismiss is how long Close waits for the host to clean
	// up.
	keeper, dismiss time.Duration
	// answer is of a connection that may have broken.
	answer time.Duration
	// grace is what a call gets to end by gentler means, when its time is over,
	// before its connection is closed.
	grace time.Duration
}

// usualLimits are those of users. What Run may still take when its time is over is
// end and grace, one after the other.
func usualLimits() limits {
	return limits{
		tcp: 15 * time.Second, handshake: 20 * time.Second, auth: time.Minute,
		start: time.Minute, ask: 5 * time.Second,
		end: 1200 * time.Millisecond, unread: 400 * time.Millisecond, kill: 10 * time.Second,
		sftp: 30 * time.Second, quiet: 2 * time.Minute,
		keeper: 2 * time.Minute, dismiss: 20 * time.Second,
		answer: 30 * time.Second, grace: 600 * time.Millisecond,
	}
}

// guard is for a call of the library that nothing but the end of its connection
// is sure to end. When ctx is done, gently is called, and a moment later, if the
// call has not ended, the connection is closed. What is returned has to be called
// when it has.
func (t *transport) guard(ctx context.Context, work string, gently func()) (over func()) {
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		go gently() // it may be stuck as well
		timer := time.NewTimer(t.limits.grace)
		defer timer.Stop()
		select {
		case <-ended:
		case <-timer.C:
			t.fail(stuck(work))
		}
	})
	return func() {
		stop()
		close(ended)
	}
}

// stuck is why a connection was closed here.
func stuck(work string) error { return fmt.Errorf("it was closed here to end %s, which hung", work) }
