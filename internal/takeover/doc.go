// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package takeover writes the configuration with which Terraform and OpenTofu take over a
// running cluster, whoever installed it.
//
// What a cluster was configured with is either in the genconf directory from which it was
// installed, or on its nodes, where DC/OS keeps config.yaml and the scripts (see
// [node.Given]); a running cluster says itself which nodes it has. Both become a [site],
// and that becomes main.tf, imports.tf and variables.tf: parameters in their types,
// references instead of repetitions, a variable for each secret, and a comment that
// starts with DECIDE where a person has to.
//
// Nothing is changed on a host, and no file is written over. The plan is empty but for
// the imports if genconf is what the cluster was installed from and the release is given:
// what is imported is read from the hosts then, and compared with what is written here.
package takeover
