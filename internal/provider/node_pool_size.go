// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
)

const (
	// maxPoolMessage is from where on a pool comes near MaxMessage, in bytes: what
	// is estimated here may turn out a quarter larger.
	maxPoolMessage = MaxMessage / 5 * 4
	// maxRecordError bounds what is kept of why a host failed or has drifted, in
	// bytes; the run log has all.
	maxRecordError = 500
)

// A record of which nothing is known yet is estimated by what most have, in bytes:
// an ECDSA host key, ids, an error of a line. framing is what the names of a
// record's attributes take.
const (
	likelyKey     = 170
	likelyIDs     = 32 + 64 + 40 // of the machine and the bundle; version and address
	likelyError   = 200
	recordFraming = 100
)

// poolSize estimates the largest message of a pool's life, in bytes: the request to
// plan or to apply a change, which has the configuration, the state as it is, and
// as it will be, each with all hosts.
func poolSize(hosts []*poolHost) int {
	config, state := 0, 0
	for _, h := range hosts {
		given := len(h.name) + len(h.raw)
		known := max(len(h.MachineID)+len(h.BundleID)+len(h.DCOSVersion)+len(h.DetectedIP), likelyIDs) +
			max(len(h.HostKey), len(h.pinned()), likelyKey) + max(len(h.Error), likelyError)
		waiting := len(h.name) + max(len(h.Error), likelyError) // in pending
		config += given
		state += given + len(h.name) + known + recordFraming + waiting
	}
	return config + 2*state
}

// poolFits refuses a pool of which the answer to an apply might not arrive: nothing
// of it would be in state then, whatever was done on its hosts.
func poolFits(hosts []*poolHost) diag.Diagnostics {
	size := poolSize(hosts)
	if size <= maxPoolMessage {
		return nil
	}
	return diag.Diagnostics{diag.NewAttributeErrorDiagnostic(tfpath.Root("hosts"), "Pool Too Large",
		fmt.Sprintf("A pool of these %s needs messages of about %d MiB between Terraform and the provider, which have %d MiB at most: what was "+
			"done on the hosts might not get into the state.\n\nWhat to do: Make several pools of it, such as one for each rack. They may have "+
			"one bundle, and share the provider's limits.", plural(len(hosts), "host"), size>>20, MaxMessage>>20))}
}
