// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package outage is the lock of an ensemble of masters: who is about to take one
// of them out of service takes it first, and gives it back when that master
// serves again. So two processes that know nothing of each other never take out
// two at once, whatever exhibitor has noticed by then.
//
// The lock is a record that the ensemble itself keeps (a [Register]; [Open] opens
// the one in its ZooKeeper), so that everybody who reaches any of its masters
// sees the same. The record names the master that is, or is about to be, out, and
// its holder, which is one operation of one process; the holder is announced for
// as long as its process is there.
//
//	the record            its holder   the ensemble says of its master   the lock
//	none                                                                 is created
//	names the same master                                                is taken over
//	names another one     is there     anything                          is held
//	                      is gone      it does not serve                 is held
//	                      is gone      it serves, or is none of them     is taken over after [Steady]
//	                      has removed  it does not serve, or is none     is taken over
//	                      it           it serves                         is taken over after [Steady]
//
// Taking over compares the record's version, so that one of two takes it.
package outage
