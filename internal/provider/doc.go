// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package provider is Terraform's face of the product: schemas, models, plan
// logic and diagnostics. It is the only package that knows Terraform; what it
// says to a user it takes from the packages below it, and it decides nothing
// about DC/OS or SSH itself.
//
// One file per resource, data source and function holds its life cycle; the
// schema, the plan and the conversion of values have files beside it where
// they are long.
//
//   - dcosProvider reads the provider block. What is shared by everything of
//     one process (the fleet, bundles, run log, redactor) is made there and
//     handed on as *shared.
//   - clusterConfigResource renders a cluster's configuration. Its schema is
//     made from the table in internal/config.
//   - nodeResource installs, upgrades and removes DC/OS on one host,
//     nodePoolResource on many: they make hosts of their models (host.go), hand
//     them to internal/fleet, and take over what has become of them.
//   - diagnostics.go words every message.
//
// # Whose a node is
//
// A node belongs to one resource. A random claim says to which: it is in that
// resource's private state and on the host, written there by the operation that
// makes the node the resource's. Refresh, plan and import never write to a host,
// since a plan may be thrown away; what they read of a claim goes into private
// state. Who comes with another claim than the host's has been followed by
// somebody, by a renamed resource, or in another state.
//
//	in state × on the host | refresh          | update, repair   | destroy               | create
//	equal, or none × none  |                  | goes on          | uninstalls            | installs, or adopts with a warning
//	none × some            | takes it into    | goes on          | leaves the node,      | adopts and takes over, with a
//	                       | state, warns     |                  | warns                 | warning that names the former owner
//	some × none            | warns            | goes on          | uninstalls            | adopts
//	some × another         | warns            | an error at plan | leaves the node,      | adopts and takes over, as above
//	                       |                  |                  | says whose it is      |
//
// Update, repair and create write the claim with their first change. The cluster
// counts before the claim: a node of another cluster is foreign to every
// operation. The rules are [node.Holding]'s; here is what of them is Terraform's.
//
// Terraform plans each resource by itself, in any order. What several of them do
// to one host in one plan is seen by whichever is planned last (planRegister): it
// tells a removal to leave a node that another resource has, or refuses. A host is
// told by the way to it, and a node that is in the state by its machine too, since
// one machine may be reached in two ways. What is made anew learns its machine at
// apply, which knows from the files below where the plan of the same run keeps nodes.
//
// A provider block has a process of its own, and these tell each other what they plan
// in files (planExchange). Whose process says something while another one is there is
// another block of the same plan, whatever is in the two. Of a process that was over
// before, only the settings tell whether it was of this block, in an earlier plan of
// the same run; secrets are none of them. So one thing is not seen: a move between two
// blocks that differ in secrets alone, the process of one of which is over before that
// of the other begins, as where the one's configuration waits for the other's
// resources. The claims on the hosts decide then: a node that its new resource has
// made its own first is left, one whose old resource is removed first is uninstalled.
//
// # How values of parameters are typed
//
// DC/OS turns every value of config.yaml into text and judges the text: true
// and the text "true" are the same to it, the text "yes" or "1" is refused.
// Terraform's own bool would take "1" for true and would stop at the first
// wrong type, before the provider can report the rest. Parameters that are
// written as a bool, a number or text are therefore strings to Terraform, which
// converts true to "true" and 3 to "3" on the way, and the table's rule judges
// them. Lists and JSON values are dynamic to Terraform: a list, an object,
// jsonencode(...) and JSON text are all taken, as config.yaml takes them, and
// are compared by meaning.
package provider
