// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

// shared is what the resources of one configured provider have in common.
type shared struct{}

// sharedFrom takes it out of what the framework hands to a resource, which is
// nil until the provider is configured.
func sharedFrom(data any) *shared {
	s, ok := data.(*shared)
	if !ok {
		return nil
	}
	return s
}
