// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package runlog

// Bound makes the files of a log smaller than it is made for.
func (l *Log) Bound(most int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.most = most
}

// Reopen has the log look now whether it still has the file of its name.
func (l *Log) Reopen() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fresh()
	return l.err
}
