// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// warnings says what DC/OS takes without a word although it cannot be meant.
func (r *resolver) warnings(res *Resolution) []Problem {
	var list []Problem
	add := func(name, format string, args ...any) {
		list = append(list, Problem{Parameter: name, Message: fmt.Sprintf(format, args...)})
	}
	for name := range r.site.Given {
		if text := r.withoutEffect(name); text != "" {
			add(name, "%s", text)
		}
	}
	for name := range res.Arguments {
		if text := r.doubt(name); text != "" {
			add(name, "%s (DC/OS %s)", text, r.line)
		}
	}
	return list
}

// withoutEffect says why a given parameter changes nothing; "" if it may
// change something.
func (r *resolver) withoutEffect(name string) string {
	if _, reached := r.arguments[name]; reached || r.maybe[name] {
		return ""
	}
	if len(r.errors) > 0 || len(r.unset) > 0 {
		// What is refused may hide what would be reached.
		if r.mentions(name) {
			return ""
		}
	}
	if about, ok := retired[name]; ok {
		return fmt.Sprintf("%s has no effect here: %s", name, about)
	}
	row, ok := findRow(name)
	switch {
	case ok && !row.on.has(r.line):
		return fmt.Sprintf("%s has no effect on DC/OS %s: only %s %s it", name, r.line, listed(row.on.lines(), "and"), verb(row.on.lines()))
	case ok:
		return fmt.Sprintf("%s has no effect with the other parameters of this site (DC/OS %s)", name, r.line)
	case slices.ContainsFunc(derivations(), func(d derivation) bool { return d.name == name }):
		return fmt.Sprintf("%s has no effect: DC/OS works it out itself", name)
	}
	if near := nearest(name); near != "" {
		return fmt.Sprintf("%s is not a parameter of DC/OS and has no effect; is %s meant?", name, near)
	}
	return fmt.Sprintf("%s is not a parameter of DC/OS and has no effect", name)
}

func verb(lines []string) string {
	if len(lines) == 1 {
		return "knows"
	}
	return "know"
}

// mentions says whether anything on the line could reach a parameter.
func (r *resolver) mentions(name string) bool {
	row, ok := findRow(name)
	return ok && row.on.has(r.line)
}

// retired are parameters of installers that are no more.
var retired = map[string]string{
	"agent_list": sshInstaller, "public_agent_list": sshInstaller, "ssh_user": sshInstaller, "ssh_port": sshInstaller,
	"ssh_key_path": sshInstaller, "ssh_parallelism": sshInstaller, "extra_ssh_options": sshInstaller, "process_timeout": sshInstaller,
	"keepalived_virtual_ipaddress": vrrp, "keepalived_interface": vrrp, "keepalived_router_id": vrrp, "keepalived_pass": vrrp,
}

const (
	sshInstaller = "it was for the SSH installer that ended with DC/OS 1.13; hosts are given to dcos_node"
	vrrp         = "it was for the discovery method that ended with DC/OS 1.7; a virtual address is given as exhibitor_address with " +
		"master_http_loadbalancer"
)

// doubt says what is wrong with an argument that DC/OS takes; "" if nothing is.
func (r *resolver) doubt(name string) string {
	value := r.value(name)
	switch name {
	case "cluster_name":
		if since("1.12").has(r.line) && strings.ContainsAny(value, `"\`) {
			return fmt.Sprintf("%s has a quote or a backslash, which DC/OS puts into /etc/telegraf/telegraf.conf as it is: "+
				"telegraf cannot read that; leave it out", name)
		}
	case "dcos_l4lb_min_named_ip6", "dcos_l4lb_max_named_ip6":
		if group := mangledGroup(value); group != "" {
			return fmt.Sprintf("%s has the group %s, which DC/OS turns into %s by mistake; use an address without a group that ends in 000", name,
				group, strings.TrimSuffix(group, "000"))
		}
	case "calico_vxlan_vni":
		if i, ok := integer(r.line, value); ok && i.IsInt64() && i.Int64() == 1024 {
			return fmt.Sprintf("%s is 1024, which DC/OS's overlay networks use; DC/OS means to refuse it and does not: use another number", name)
		}
	case "gc_delay", "docker_remove_delay", "docker_stop_timeout", "mesos_recovery_timeout":
		return noDuration(name, value)
	case "mesos_container_log_sink":
		return unchecked(name, value, logSinks.on(r.line))
	case "marathon_gpu_scheduling_behavior":
		return unchecked(name, value, []string{"restricted", "unrestricted", ""})
	case "adminrouter_auth_enabled":
		return unchecked(name, value, []string{"true", "false"})
	case "aws_region":
		return r.exhibitorRegion(value)
	case "resolvers":
		if strings.Contains(value, `"127.0.0.53`) {
			return fmt.Sprintf("%s has 127.0.0.53, which is systemd-resolved on each host: it must not run on a node, "+
				"whose port 53 is DC/OS's own; name the servers that it asks", name)
		}
	case "ip_detect_contents", "ip_detect_public_contents", "ip6_detect_contents", "fault_domain_detect_contents":
		return r.rawScript(name, value)
	case "rexray_config_preset":
		return unchecked(name, value, []string{"", "aws"})
	case "bootstrap_tmp_dir":
		return slashes(name, value)
	case "dcos_overlay_network6_default_name":
		if names := overlayNames(r.value("dcos_overlay_network")); r.arguments[name].given && len(names) > 0 && !slices.Contains(names, value) {
			return fmt.Sprintf("%s is %q, which is none of the overlays %s; DC/OS does not check it", name, value, either(names))
		}
	}
	return r.lineEnd(name, value)
}

var (
	// sdkRegions are those that an AWS SDK of the end of 2017 takes a name for (endpoints of the SDK for Go 1.12.46, and of the one for Java
	// 1.11.221 that exhibitor has; Java's setRegion fails without).
	sdkRegions = regexp.MustCompile(`^((us|eu|ap|sa|ca)|cn|us-gov)-\w+-\d+$`)
	// signature2 are the regions in which an AWS SDK for Java of exhibitor's first version, 1.10.16, signs requests to S3 by version 2
	// (awssdk_config_default.json), which S3 refuses for buckets that were made after 24 June 2020.
	signature2 = []string{"us-east-1", "us-west-1", "us-west-2", "eu-west-1", "ap-southeast-1", "ap-southeast-2",
		"ap-northeast-1", "sa-east-1", "us-gov-west-1"}
)

// slashes says that a directory has slashes where DC/OS puts its own.
func slashes(name, value string) string {
	if value != "" && !strings.HasPrefix(value, "/") && !strings.HasSuffix(value, "/") {
		return ""
	}
	return fmt.Sprintf("%s is %q; it should be a directory without slashes at its ends, which DC/OS puts there itself", name, value)
}

// noDuration says why agents would not start with a duration; "" if they would.
func noDuration(name, value string) string {
	why := mesosDuration(value)
	if why == "" {
		return ""
	}
	return fmt.Sprintf("%s is %q, %s: agents would not start, and DC/OS does not check it; give a number and one of the units %s, as in 2days",
		name, value, why, listed(durationUnits, "and"))
}

// rawScript says that a script is given where its form as a YAML scalar belongs.
func (r *resolver) rawScript(name, value string) string {
	if !r.arguments[name].given || !strings.HasPrefix(value, "#") {
		return ""
	}
	return fmt.Sprintf("%s is a script as it is, which DC/OS reads as YAML, that is as a comment; give it as %s_script",
		name, strings.TrimSuffix(name, "_contents"))
}

// exhibitorRegion says what is wrong with a region for the AWS SDK that exhibitor of the line has.
func (r *resolver) exhibitorRegion(region string) string {
	switch {
	case since("1.11").has(r.line) && !sdkRegions.MatchString(region):
		return fmt.Sprintf("aws_region is %s, which exhibitor's AWS SDK, of 2017, does not know: no ensemble forms; "+
			"take a bucket in another region", quote(region))
	case !since("1.11").has(r.line) && slices.Contains(signature2, region):
		return fmt.Sprintf("aws_region is %s, where exhibitor's AWS SDK signs by version 2, which S3 refuses for buckets that were made after "+
			"24 June 2020; take an older bucket, or one in eu-central-1", region)
	}
	return ""
}

var logSinks = same([]string{"journald", "logrotate", "journald+logrotate"}).
	then("1.13", []string{"fluentbit", "journald", "logrotate", "fluentbit+logrotate", "journald+logrotate"})

func unchecked(name, value string, meant []string) string {
	if slices.Contains(meant, value) {
		return ""
	}
	return fmt.Sprintf("%s is %q; meant is %s, which DC/OS does not check", name, value, either(meant))
}

// lineEnd warns of a text with a line end in it where none belongs: DC/OS
// puts it into its files as it is, where it ends what it stands in.
func (r *resolver) lineEnd(name, value string) string {
	if !r.arguments[name].given || !strings.ContainsAny(strings.TrimRight(value, "\n"), "\r\n") {
		return ""
	}
	if row, ok := findRow(name); !ok || row.kind != Text {
		return ""
	}
	if strings.HasSuffix(name, "_contents") || name == "superuser_service_account_public_key" || r.isSecret(name) {
		return ""
	}
	return fmt.Sprintf("%s has more than one line, which DC/OS puts into its files as they are; "+
		"what follows the first may end up as something else", name)
}

// mangledGroup finds a group of an IPv6 address that erlangIPv6 spoils.
func mangledGroup(address string) string {
	a, ok := ipv6(address)
	if !ok {
		return ""
	}
	for group := range strings.SplitSeq(fullIPv6(a.As16()), ":") {
		if group != "0000" && strings.HasSuffix(group, "000") {
			return group
		}
	}
	return ""
}

// nearest finds the parameter whose name is most like another.
func nearest(name string) string {
	best, near := 1+max(2, len(name)/4), ""
	for _, r := range table() {
		if d := distance(name, r.name); d < best {
			best, near = d, r.name
		}
	}
	return near
}

// distance counts the letters to change, add or drop.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
