// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"fmt"
	"math/big"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/dcos-install/terraform-provider-dcos/internal/render"
)

// A computeFunc works a value out. The inputs that it asks for are known.
// What it returns as an error completes a message about the parameter.
type computeFunc func(c *calculation) (string, error)

// A calculation is what a computeFunc sees.
type calculation struct {
	line  string
	site  *Site
	facts *Facts
	value func(name string) string
}

// errWaits says that a value depends on something that is not known yet.
var errWaits = errors.New("not known yet")

// A missingError says that something has to be given that is not there.
type missingError struct{ error }

// A derivation is a parameter that DC/OS works out itself and that must not
// be given.
type derivation struct {
	name    string
	on      span
	inputs  []string
	text    string // or
	compute computeFunc
	// from is the parameter to name when the value is refused.
	from string
	// when limits it to sites where a parameter has a value.
	when *condition
}

type condition struct{ name, value string }

func fixed(name, text string, on span) derivation {
	return derivation{name: name, text: text, on: on}
}

// isSet derives whether a parameter is not empty.
func isSet(name, of string, on span) derivation {
	return derivation{name: name, on: on, inputs: []string{of}, from: of, compute: func(c *calculation) (string, error) {
		return trueIf(c.value(of) != "")
	}}
}

func derive(name string, on span, compute func(value string) (string, error), from string) derivation {
	return derivation{name: name, on: on, inputs: []string{from}, from: from, compute: func(c *calculation) (string, error) {
		return compute(c.value(from))
	}}
}

func trueIf(b bool) (string, error) {
	if b {
		return "true", nil
	}
	return "false", nil
}

// copyOf gives another parameter's value.
func copyOf(name string) computeFunc {
	return func(c *calculation) (string, error) { return c.value(name), nil }
}

// placeholder stands, while arguments are worked out, for those that are
// worked out from the others; it enters the config id.
var placeholder = render.QuoteJSON("DO NOT USE THIS AS AN ARGUMENT TO OTHER ARGUMENTS. IT IS TEMPORARY")

// TemplateNames are the templates of an on-premises site, in the order in
// which they enter the ids.
func TemplateNames() []string {
	return []string{"dcos-config.yaml", "cloud-config.yaml", "dcos-metadata.yaml", "dcos-services.yaml"}
}

// ConfigPackageNames are the packages that are made for each site.
func ConfigPackageNames() []string { return []string{"dcos-config", "dcos-metadata"} }

func prettyList(items []string) string {
	list := make([]any, len(items))
	for i, item := range items {
		list[i] = item
	}
	text, err := render.EncodePrettyJSON(list)
	if err != nil {
		return "[]" // a list of texts always has a form
	}
	return text
}

func jsonList(items []string) (string, error) {
	list := make([]any, len(items))
	for i, item := range items {
		list[i] = item
	}
	return render.EncodeJSON(list)
}

// derivations holds everything that DC/OS works out.
var derivations = sync.OnceValue(func() []derivation {
	return slices.Concat(fixedDerivations(), siteDerivations(), serviceDerivations(), checkDerivations(), oldDerivations())
})

func fixedDerivations() []derivation {
	list := []derivation{
		fixed("template_filenames", prettyList(TemplateNames()), everywhere),
		fixed("config_package_names", prettyList(ConfigPackageNames()), everywhere),
		fixed("cluster_packages", placeholder, since("1.11")),
		fixed("cluster_package_list_id", placeholder, since("1.11")),
	}
	for _, name := range []string{"user_arguments_full", "user_arguments", "config_yaml_full", "config_yaml", "expanded_config",
		"expanded_config_full"} {
		list = append(list, fixed(name, placeholder, everywhere))
	}
	for _, f := range [][2]string{
		{"custom_auth", "false"}, {"curly_pound", "{#"}, {"provider", "onprem"},
		{"ui_branding", "false"}, {"ui_external_links", "false"}, {"ui_networking", "false"}, {"ui_organization", "false"},
		{"ui_telemetry_metadata", `{"openBuild": true}`},
		{"profile_symlink_source", "/opt/mesosphere/bin/add_dcos_path.sh"}, {"profile_symlink_target", "/etc/profile.d/dcos.sh"},
		{"check_ld_library_path", "/opt/mesosphere/lib"},
	} {
		list = append(list, fixed(f[0], f[1], everywhere))
	}
	for _, f := range [][2]string{
		{"fault_domain_enabled", "false"}, {"licensing_enabled", "false"}, {"dcos_l4lb_forward_metrics", "false"},
		{"dcos_variant", "open"}, {"marathon_port", "8080"},
		{"mesos_agent_log_file", "/var/log/mesos/mesos-agent.log"}, {"mesos_master_log_file", "/var/lib/dcos/mesos/log/mesos-master.log"},
		{"custom_check_bins_package_name", CheckPackageName},
	} {
		list = append(list, fixed(f[0], f[1], since("1.11")))
	}
	for _, f := range [][2]string{
		{"mesos_dns_port", "8123"}, {"mesos_agent_port", "5051"}, {"mesos_master_port", "5050"}, {"exhibitor_port", "8181"},
		{"metronome_port", "9000"},
	} {
		list = append(list, fixed(f[0], f[1], since("2.0")))
	}
	return append(list,
		fixed("minuteman_forward_metrics", "false", only("1.10")),
		derive("profile_symlink_target_dir", everywhere, func(v string) (string, error) { return path.Dir(v), nil }, "profile_symlink_target"),
		derivation{name: "dcos_version", compute: func(c *calculation) (string, error) { return c.facts.Version, nil }},
		derivation{name: "dcos_image_commit", compute: func(c *calculation) (string, error) { return c.facts.Commit, nil }},
	)
}

func siteDerivations() []derivation {
	return []derivation{
		{
			name: "num_masters", inputs: []string{"master_list"}, from: "master_list", when: &condition{"master_discovery", "static"},
			compute: func(c *calculation) (string, error) {
				list, err := texts(c.value("master_list"))
				if err == nil && !slices.Contains(ensembleSizes, int64(len(list))) {
					err = fmt.Errorf("must have %s entries, and has %d", listed(sizeWords(), "or"), len(list))
				}
				return strconv.Itoa(len(list)), err
			},
		},
		derive("master_quorum", everywhere, func(v string) (string, error) {
			n, ok := integer("", v)
			if !ok {
				return "", errors.New("must be an integer")
			}
			return n.Add(n.Rsh(n, 1), big.NewInt(1)).String(), nil
		}, "num_masters"),
		derive("exhibitor_static_ensemble", everywhere, func(v string) (string, error) {
			list, err := texts(v)
			slices.Sort(list)
			for i, master := range list {
				list[i] = fmt.Sprintf("%d:%s", i+1, master)
			}
			return strings.Join(list, ","), err
		}, "master_list"),
		isSet("exhibitor_admin_password_enabled", "exhibitor_admin_password", everywhere),
		isSet("has_master_external_loadbalancer", "master_external_loadbalancer", everywhere),
		derive("resolvers_str", everywhere, func(v string) (string, error) {
			list, err := texts(v)
			return strings.Join(list, ","), err
		}, "resolvers"),
		derive("mesos_dns_resolvers_str", everywhere, func(v string) (string, error) {
			list, err := texts(v)
			if len(list) == 0 {
				return `"externalOn": false`, err
			}
			return `"resolvers": ` + v, err
		}, "resolvers"),
		{
			name: "dns_bind_ip_blacklist_json", on: since("1.11"), inputs: []string{"dns_bind_ip_blacklist", "dns_bind_ip_reserved"},
			from: "dns_bind_ip_reserved",
			compute: func(c *calculation) (string, error) {
				list, err := texts(c.value("dns_bind_ip_blacklist"))
				if err != nil {
					return "", err
				}
				reserved, err := texts(c.value("dns_bind_ip_reserved"))
				if err != nil {
					return "", err
				}
				return jsonList(append(reserved, list...))
			},
		},
		derive("dcos_gen_resolvconf_search_str", everywhere, func(v string) (string, error) {
			if v == "" {
				return "", nil
			}
			return "SEARCH=" + v, nil
		}, "dns_search"),
		derive("no_proxy_final", everywhere, func(v string) (string, error) {
			if v == "" {
				return "", missingError{errors.New("must be a list with use_proxy; it may be empty: []")}
			}
			list, err := texts(v)
			return strings.Join(append([]string{".mesos,.thisdcos.directory,.dcos.directory,.zk,127.0.0.1,localhost"}, list...), ","), err
		}, "no_proxy"),
		derive("dcos_l4lb_min_named_ip_erltuple", since("1.11"), erlangIPv4, "dcos_l4lb_min_named_ip"),
		derive("dcos_l4lb_max_named_ip_erltuple", since("1.11"), erlangIPv4, "dcos_l4lb_max_named_ip"),
		derive("dcos_l4lb_min_named_ip6_erltuple", since("1.11"), erlangIPv6, "dcos_l4lb_min_named_ip6"),
		derive("dcos_l4lb_max_named_ip6_erltuple", since("1.11"), erlangIPv6, "dcos_l4lb_max_named_ip6"),
		{
			name: "adminrouter_tls_version_override", on: since("1.11"), from: "adminrouter_tls_1_2_enabled", inputs: tlsSwitches,
			compute: func(c *calculation) (string, error) {
				var versions []string
				for i, version := range []string{"TLSv1", "TLSv1.1", "TLSv1.2"} {
					if c.value(tlsSwitches[i]) == "true" {
						versions = append(versions, version)
					}
				}
				return strings.Join(versions, " "), nil
			},
		},
		isSet("adminrouter_tls_cipher_override", "adminrouter_tls_cipher_suite", since("1.11")),
	}
}

// ensembleSizes are the numbers of masters that DC/OS takes.
var ensembleSizes = []int64{1, 3, 5, 7, 9}

func sizeWords() []string {
	words := make([]string, len(ensembleSizes))
	for i, size := range ensembleSizes {
		words[i] = strconv.FormatInt(size, 10)
	}
	return words
}

var tlsSwitches = []string{"adminrouter_tls_1_0_enabled", "adminrouter_tls_1_1_enabled", "adminrouter_tls_1_2_enabled"}

// erlangIPv4 writes an address as an Erlang tuple.
func erlangIPv4(address string) (string, error) {
	return "{" + strings.ReplaceAll(address, ".", ",") + "}", nil
}

// erlangIPv6 writes an IPv6 address as DC/OS does: every "000" is taken out
// of the full form, wherever it stands, so a group like 1000 comes out as 1.
func erlangIPv6(address string) (string, error) {
	a, ok := ipv6(address)
	if !ok {
		return "", errors.New("must be an IPv6 address")
	}
	full := strings.ReplaceAll(fullIPv6(a.As16()), "000", "")
	return "{16#" + strings.ReplaceAll(full, ":", ",16#") + "}", nil
}

func fullIPv6(b [16]byte) string {
	groups := make([]string, 8)
	for i := range groups {
		groups[i] = fmt.Sprintf("%02x%02x", b[2*i], b[2*i+1])
	}
	return strings.Join(groups, ":")
}
