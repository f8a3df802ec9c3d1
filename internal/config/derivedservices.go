// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/dcos-install/terraform-provider-dcos/internal/render"
)

func serviceDerivations() []derivation {
	return []derivation{
		{name: "mesos_isolation", on: until("1.12"), inputs: []string{"enable_gpu_isolation"}, compute: func(c *calculation) (string, error) {
			return isolation(c.line, c.value("enable_gpu_isolation") == "true", false), nil
		}},
		{name: "mesos_isolation", on: since("1.13"), inputs: []string{"enable_gpu_isolation", "mesos_seccomp_enabled"},
			compute: func(c *calculation) (string, error) {
				return isolation(c.line, c.value("enable_gpu_isolation") == "true", c.value("mesos_seccomp_enabled") == "true"), nil
			}},
		derive("mesos_log_retention_count", everywhere, func(v string) (string, error) { return logFiles(v, 0) }, "mesos_log_retention_mb"),
		derive("mesos_log_directory_max_files", everywhere, func(v string) (string, error) { return logFiles(v, 25) }, "mesos_log_retention_mb"),
		derive("mesos_hooks", everywhere, func(v string) (string, error) {
			if v == "true" {
				return "com_mesosphere_dcos_RemoverHook", nil
			}
			return "", nil
		}, "dcos_remove_dockercfg_enable"),
		isSet("use_mesos_hooks", "mesos_hooks", everywhere),
		derive("fair_sharing_excluded_resource_names", everywhere, func(v string) (string, error) {
			if v == "true" {
				return "gpus", nil
			}
			return "", nil
		}, "gpus_are_scarce"),
		derive("cluster_docker_credentials_path", everywhere, func(v string) (string, error) {
			if v == "true" {
				return "/opt/mesosphere/etc/docker_credentials", nil
			}
			return "/etc/mesosphere/docker_credentials", nil
		}, "cluster_docker_credentials_dcos_owned"),
		isSet("cluster_docker_registry_enabled", "cluster_docker_registry_url", everywhere),
		isSet("has_mesos_max_completed_tasks_per_framework", "mesos_max_completed_tasks_per_framework", until("2.0")),
		isSet("has_mesos_seccomp_profile_name", "mesos_seccomp_profile_name", since("1.13")),
		isSet("has_mesos_default_container_shm_size", "mesos_default_container_shm_size", since("2.0")),
		isSet("has_metronome_gpu_scheduling_behavior", "metronome_gpu_scheduling_behavior", since("1.13")),
		isSet("has_marathon_gpu_scheduling_behavior", "marathon_gpu_scheduling_behavior", since("1.13")),
		isSet("has_marathon_new_group_enforce_role", "marathon_new_group_enforce_role", since("2.0")),
		{
			name: "rexray_config", text: rexrayAWS, when: &condition{"rexray_config_preset", "aws"},
		},
		derive("rexray_config_contents", everywhere, func(v string) (string, error) {
			o, err := object(v)
			if err != nil {
				return "", err
			}
			// The template wants the block as one scalar.
			return render.EncodeYAMLText(render.EncodeYAMLBlock(o)), nil
		}, "rexray_config"),
	}
}

const (
	rexrayDefault = `{"rexray": {"loglevel": "info", "modules": {"default-docker": {"disabled": true}}, "service": "vfs"}}`
	rexrayAWS     = `{"rexray": {"loglevel": "info", "service": "ebs"}, ` +
		`"libstorage": {"server": {"tasks": {"logTimeout": "5m"}}, "integration": {"volume": {"operations": {"unmount": ` +
		`{"ignoreusedcount": true}}}}}}`

	overlayDefault4 = `{"vtep_subnet": "44.128.0.0/20", "vtep_mac_oui": "70:B3:D5:00:00:00", ` +
		`"overlays": [{"name": "dcos", "subnet": "9.0.0.0/8", "prefix": 24}]}`
	overlayDefault = `{"vtep_subnet": "44.128.0.0/20", "vtep_subnet6": "fd01:a::/64", "vtep_mac_oui": "70:B3:D5:00:00:00", ` +
		`"overlays": [{"name": "dcos", "subnet": "9.0.0.0/8", "prefix": 24}, {"name": "dcos6", "subnet6": "fd01:b::/64", "prefix6": 80}]}`
)

// isolators are Mesos' isolators on each line.
var isolators = same("cgroups/cpu,cgroups/mem,disk/du,network/cni,filesystem/linux,docker/runtime,docker/volume,"+
	"volume/sandbox_path,volume/secret,posix/rlimits,namespaces/pid,linux/capabilities,com_mesosphere_MetricsIsolatorModule").
	then("1.11", "cgroups/cpu,cgroups/mem,cgroups/blkio,disk/du,network/cni,filesystem/linux,docker/runtime,docker/volume,"+
		"volume/sandbox_path,volume/secret,posix/rlimits,namespaces/pid,linux/capabilities,com_mesosphere_MetricsIsolatorModule").
	then("1.12", "cgroups/all,disk/du,network/cni,filesystem/linux,docker/runtime,docker/volume,"+
		"volume/sandbox_path,volume/secret,posix/rlimits,namespaces/pid,linux/capabilities,com_mesosphere_dcos_MetricsIsolatorModule").
	then("2.0", "cgroups/all,disk/du,network/cni,filesystem/linux,docker/runtime,docker/volume,"+
		"volume/sandbox_path,volume/secret,posix/rlimits,namespaces/pid,namespaces/ipc,linux/capabilities,"+
		"com_mesosphere_dcos_MetricsIsolatorModule").
	then("2.2", "cgroups/all,disk/du,network/cni,filesystem/linux,docker/runtime,docker/volume,"+
		"volume/sandbox_path,volume/secret,volume/csi,posix/rlimits,namespaces/pid,namespaces/ipc,linux/capabilities,"+
		"com_mesosphere_dcos_MetricsIsolatorModule")

var gpuIsolators = same(",cgroups/devices,gpu/nvidia").then("1.12", ",gpu/nvidia")

func isolation(line string, gpu, seccomp bool) string {
	list := isolators.on(line)
	if gpu {
		list += gpuIsolators.on(line)
	}
	if seccomp {
		list += ",linux/seccomp"
	}
	return list
}

// logFiles gives how many files a log of a size in MB is kept in: ten for
// each 256 MB beyond 512, since they are compressed, one, and some more.
func logFiles(mb string, more int64) (string, error) {
	size, ok := integer("", mb)
	if !ok {
		return "", errors.New("must be an integer")
	}
	// As there, in floating point: it shows in very large numbers only.
	f, _ := new(big.Float).SetInt(size.Sub(size, big.NewInt(512))).Float64()
	f = 1 + f/256*10
	if f > 1e300 || f < -1e300 {
		return "", errors.New("must be smaller")
	}
	n, _ := big.NewFloat(f).Int(nil)
	return n.Add(n, big.NewInt(more)).String(), nil
}

func oldDerivations() []derivation {
	old := only("1.10")
	return []derivation{
		derive("minuteman_min_named_ip_erltuple", old, erlangIPv4, "minuteman_min_named_ip"),
		derive("minuteman_max_named_ip_erltuple", old, erlangIPv4, "minuteman_max_named_ip"),
		derive("cosmos_staged_package_storage_uri_flag", old, func(v string) (string, error) {
			return cosmosFlag(v, "staged_package_storage_uri", "stagedPackageStorageUri")
		}, "cosmos_config"),
		derive("cosmos_package_storage_uri_flag", old, func(v string) (string, error) {
			return cosmosFlag(v, "package_storage_uri", "packageStorageUri")
		}, "cosmos_config"),
		derive("dcos_dns_store_modes_term", only("2.0"), func(v string) (string, error) {
			list, err := texts(v)
			term := "["
			for i, mode := range list {
				if i > 0 {
					term += ", "
				}
				term += mode
			}
			return term + "]", err
		}, "dcos_dns_store_modes"),
		// 1.10 derives its ids from the shape of its own program. Ours come
		// from what the site says, so that they too change with it.
		{name: "sources_id", on: old, compute: func(c *calculation) (string, error) {
			return render.QuoteJSON(siteHash(*c.site)), nil
		}},
		{name: "config_id", on: old, inputs: []string{"dcos_image_commit", "template_filenames", "sources_id"},
			compute: func(c *calculation) (string, error) {
				return render.HashHashes(map[string]string{
					"commit":             render.HashText(c.value("dcos_image_commit")),
					"template_filenames": render.HashList(TemplateNames()),
					"sources_id":         render.HashText(c.value("sources_id")),
				}), nil
			}},
		{name: "config_package_ids", on: old, inputs: []string{"config_package_names", "config_id"},
			compute: func(c *calculation) (string, error) {
				return jsonList(configPackageIDs(c.value("config_id")))
			}},
		{name: "cluster_packages", on: old, inputs: []string{"config_id", "package_ids"}, compute: func(c *calculation) (string, error) {
			packages, err := texts(c.value("package_ids"))
			if err != nil {
				return "", err
			}
			packages = append(packages, configPackageIDs(c.value("config_id"))...)
			slices.Sort(packages)
			return jsonList(packages)
		}},
		derive("cluster_package_list_id", old, func(v string) (string, error) { return render.HashText(v), nil }, "cluster_packages"),
	}
}

// siteHash stands for everything that a site says.
func siteHash(site Site) string {
	said := make(map[string]string, len(site.Given)+len(site.Files))
	for name, v := range site.Given {
		said["parameter "+name] = v.Text
	}
	for name, f := range site.Files {
		said["file "+name] = string(f.Content)
	}
	return render.HashMap(said)
}

func configPackageIDs(id string) []string {
	var ids []string
	for _, name := range ConfigPackageNames() {
		ids = append(ids, name+"--setup_"+id)
	}
	return ids
}

func cosmosFlag(config, key, flag string) (string, error) {
	o, err := object(config)
	if err != nil {
		return "", err
	}
	v, ok := o.Get(key)
	if !ok {
		return "", nil
	}
	text, ok := v.(string)
	switch {
	case v == nil:
		text = "None" // as Python writes a null
	case !ok:
		return "", fmt.Errorf("must have a text as %s, not %s", key, typeOf(v))
	}
	return "-com.mesosphere.cosmos." + flag + "=" + text, nil
}
