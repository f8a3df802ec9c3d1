// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A relation is a rule about several parameters. It is looked at when all of
// them were reached and have a value, and its complaint is one about each.
type relation struct {
	on         span
	parameters []string
	check      func(value func(name string) string) error
}

func relations() []relation {
	return []relation{
		{everywhere, []string{"master_discovery", "exhibitor_storage_backend"}, func(value func(string) string) error {
			if value("master_discovery") != "static" && value("exhibitor_storage_backend") == "static" {
				return errors.New("the static exhibitor backend needs static discovery: agents that find the masters through a load balancer need " +
					"an ensemble that is kept elsewhere")
			}
			return nil
		}},
		{everywhere, []string{"dcos_overlay_network_default_name", "dcos_overlay_network"}, func(value func(string) string) error {
			names := overlayNames(value("dcos_overlay_network"))
			if !slices.Contains(names, value("dcos_overlay_network_default_name")) {
				return fmt.Errorf("the default overlay must be one of the overlays: %s", either(names))
			}
			return nil
		}},
		{everywhere, []string{"custom_checks", "check_config"}, func(value func(string) string) error {
			if shared := sharedChecks(value("custom_checks"), value("check_config")); len(shared) > 0 {
				return fmt.Errorf("custom checks must not have names of built-in ones: %s", either(shared))
			}
			return nil
		}},
		{since("1.11"), []string{"dcos_l4lb_enable_ipv6", "enable_ipv6"}, func(value func(string) string) error {
			own := value("dcos_l4lb_enable_ipv6")
			if own != "true" && own != "false" {
				return errors.New(`dcos_l4lb_enable_ipv6 must be "true" or "false"`)
			}
			if value("enable_ipv6") == "false" && own == "true" {
				return errors.New("dcos_l4lb_enable_ipv6 must be false where enable_ipv6 is")
			}
			return nil
		}},
		{since("1.11"), tlsSwitches, func(value func(string) string) error {
			if !slices.ContainsFunc(tlsSwitches, func(name string) bool { return value(name) == "true" }) {
				return errors.New("at least one of them must be true: Admin Router needs a version of TLS")
			}
			return nil
		}},
		{since("1.13"), []string{"superuser_service_account_uid", "superuser_service_account_public_key"}, func(value func(string) string) error {
			if (value("superuser_service_account_uid") == "") != (value("superuser_service_account_public_key") == "") {
				return errors.New("both must be given, or neither")
			}
			return nil
		}},
		{since("2.1"), []string{"dcos_overlay_network", "dcos_overlay_enable", "calico_network_cidr", "calico_enabled"},
			func(value func(string) string) error {
				if value("calico_enabled") != "true" || value("dcos_overlay_enable") != "true" {
					return nil
				}
				if overlay, ok := overlayOverlap(value("dcos_overlay_network"), value("calico_network_cidr")); ok {
					return fmt.Errorf("the overlay subnet %s overlaps Calico's network %s; change one, or switch Calico or the overlays off", overlay,
						value("calico_network_cidr"))
				}
				return nil
			}},
	}
}

// words says what the parameters of a relation are.
func (r relation) words(value func(name string) string, secret func(name string) bool) string {
	given := make([]string, len(r.parameters))
	for i, name := range r.parameters {
		given[i] = name + " is " + quote(value(name))
		if secret(name) {
			given[i] = name + " is set"
		}
	}
	return strings.Join(given, ", ")
}
