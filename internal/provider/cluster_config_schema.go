// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
)

// siteFiles are the attributes that stand for files.
var siteFiles = config.SiteFiles()

// siteFileAbout says what each of them is for.
var siteFileAbout = map[string]string{
	"ip_detect_script": "Text of the script that prints the node's own IPv4 address; it runs on every node. " +
		"`provider::dcos::ip_detect` has scripts for common places. No default: DC/OS needs it.",
	"ip_detect_public_script": "Text of the script that prints the address under which a node is reached from outside. " +
		"Default: the same as `ip_detect_script`.",
	"ip6_detect_script": "Text of the script that prints the node's own IPv6 address. Default: none.",
	"fault_domain_detect_script": "Text of the script that prints the node's region and zone as JSON. " +
		"`provider::dcos::fault_domain_detect` has scripts for common places. The open edition of DC/OS does not use it. Default: none.",
}

// checkBinsDirectory is where upstream looks for the programs of custom checks.
const checkBinsDirectory = "genconf/check_bins/"

// outputNames are the computed attributes of dcos_cluster_config.
var outputNames = []string{"id", "dcos_version", "config_id", "package_list_id", "bootstrap_id", "package_ids", "files", "config_yaml",
	"bundle", "published"}

// isOutput says whether an attribute is computed.
func isOutput(name string) bool { return slices.Contains(outputNames, name) }

// sourceForms is what release.source may be on this machine.
const sourceForms = "Path of `dcos_generate_config.sh`, or of its image as it was saved again: " +
	"a tar of `docker save`, `podman save` or `skopeo`, " +
	"an OCI directory, either compressed or not, or a directory with its unpacked root file system; "

// clusterConfigSchema is the schema of dcos_cluster_config.
func clusterConfigSchema() schema.Schema {
	attributes := map[string]schema.Attribute{
		// Inputs that are not parameters.
		"release": schema.SingleNestedAttribute{
			Required:            true,
			MarkdownDescription: "The DC/OS release to install. A release of another version upgrades the cluster in place.",
			Attributes: map[string]schema.Attribute{
				"source": schema.StringAttribute{
					Required: true,
					MarkdownDescription: sourceForms + "or an `http://` or `https://` URL of a file, which is downloaded once into the provider's " +
						"`cache_directory`. [Start here](../guides/getting-started#the-release) has all forms.",
					Validators: []validator.String{releaseNamed{}},
				},
				"sha256": schema.StringAttribute{
					Optional: true,
					MarkdownDescription: "SHA-256 of the file in hex. All of the file is read for it whenever it is opened, which takes some seconds, " +
						"and one with another sum is refused. Recommended with a URL: without it, nobody vouches for what comes over `http://`. " +
						"Default: the file is taken as it is.",
					Validators: []validator.String{sha256Validator{}},
				},
			},
		},
		"extra_parameters": schema.MapAttribute{
			Optional:    true,
			ElementType: types.StringType,
			MarkdownDescription: "Parameters that have no attribute here, by name, as the text that `config.yaml` would have (lists and maps as " +
				"JSON), for example `{ new_in_my_build = \"true\" }`. " +
				"DC/OS ignores names that it does not know; a warning suggests a near one. Default: none.",
		},
		"custom_check_bins": schema.MapAttribute{
			Optional:    true,
			ElementType: types.StringType,
			MarkdownDescription: "Programs for `custom_checks`, file name to text, for example `{ \"check-gpu\" = file(\"check-gpu.sh\") }`. " +
				"They are installed on every node and are on the checks' search path. Default: none.",
		},
		"publish": publishAttribute(),

		// Outputs.
		"id": schema.StringAttribute{
			Computed:            true,
			MarkdownDescription: "Id of the bundle: it changes when anything that a node gets changes.",
		},
		"dcos_version": schema.StringAttribute{
			Computed:            true,
			MarkdownDescription: "Version of DC/OS, as the release says.",
		},
		"config_id": schema.StringAttribute{
			Computed: true,
			MarkdownDescription: "DC/OS's own id of the configuration: the hash in `dcos-config--setup_<hash>`. " +
				"Parameters that DC/OS ignores do not change it.",
		},
		"package_list_id": schema.StringAttribute{
			Computed:            true,
			MarkdownDescription: "DC/OS's own id of the list of packages.",
		},
		"bootstrap_id": schema.StringAttribute{
			Optional: true, // it is a parameter too
			Computed: true,
			MarkdownDescription: "Id of the release's bootstrap tarball. It may be given, to pin it: another id than the release's is refused. " +
				"Default: the release's. It changes with the release, in place.",
		},
		"package_ids": schema.ListAttribute{
			Computed:            true,
			ElementType:         types.StringType,
			MarkdownDescription: "Ids of all packages that a node gets, sorted. The first plan leaves them to the apply.",
		},
		"files": schema.MapAttribute{
			Computed:    true,
			ElementType: types.StringType,
			MarkdownDescription: "The first 12 hex digits of the SHA-256 of every rendered file, so that a plan shows which files a change " +
				"touches; the first plan, which has nothing to compare them with, leaves them to the apply. " +
				"Files that only repeat the parameters and the packages are left out: they change with anything. " +
				"Keys are the package's name and the path in it " +
				"(`dcos-config/etc/mesos-master`), and absolute paths for files that the installer itself writes " +
				"(`/etc/mesosphere/setup-flags/repository-url`).",
		},
		"config_yaml": schema.StringAttribute{
			Computed:            true,
			Sensitive:           true,
			MarkdownDescription: "The equivalent `config.yaml`, without the values of the provider's `secrets`.",
		},
		"published": schema.StringAttribute{
			Computed:            true,
			MarkdownDescription: "Id of the bundle that is published, if all of it was there when Terraform last looked; null without `publish`.",
		},
		"bundle": bundleAttribute(bundleOutput, "What a node needs in order to install this: give it to `dcos_node`. "+
			"Sensitive as a whole, so that a plan shows it in one line; "+
			"the parts that are no secret are `id`, `cluster_name` and `dcos_version` of this resource."),
	}
	for _, file := range siteFiles {
		attributes[file.Attribute] = schema.StringAttribute{Optional: true, MarkdownDescription: siteFileAbout[file.Attribute]}
	}
	for _, p := range config.Parameters() {
		if isOutput(p.Name) {
			continue // an output that may be given too
		}
		attributes[p.Name] = parameterAttribute(p)
	}
	return schema.Schema{
		MarkdownDescription: "The configuration of a DC/OS cluster, rendered from a release. It touches no host: " +
			"`dcos_node` installs what it renders. Every documented DC/OS parameter is an attribute under its own name and takes the value that " +
			"`config.yaml` takes. What is changed here changes running nodes in place, unless the attribute says otherwise.",
		Attributes: attributes,
	}
}

// A bundleUse is what a resource does with a bundle.
type bundleUse int

const (
	bundleOutput bundleUse = iota // it makes it
	bundleNeeded                  // there is no doing without
	bundleTaken                   // it does something with it and something else without
)

// bundleAttribute is the bundle object, an output here and an input of nodes.
func bundleAttribute(use bundleUse, about string) schema.Attribute {
	part := func(text string, sensitive bool) schema.Attribute {
		if use != bundleOutput {
			text += " No default: all parts come together."
		}
		return schema.StringAttribute{
			Optional: use != bundleOutput, Computed: use != bundleNeeded, Sensitive: sensitive, MarkdownDescription: text,
		}
	}
	var validators []validator.Object
	if use != bundleOutput {
		validators = []validator.Object{bundleValidator{needed: use == bundleNeeded}}
	}
	return schema.SingleNestedAttribute{
		Required:            use == bundleNeeded,
		Optional:            use == bundleTaken,
		Computed:            use != bundleNeeded,
		Validators:          validators,
		Sensitive:           true, // as a whole: one line of a plan instead of six, for each node too
		MarkdownDescription: about,
		Attributes: map[string]schema.Attribute{
			"id":           part("Id of the bundle.", false),
			"cluster_name": part("Name of the cluster.", false),
			"dcos_version": part("Version of DC/OS.", false),
			"recipe": part("The release's source and the given parameters in compact form: any run can make the same bundle from it. "+
				"It holds no value of the provider's `secrets`.", true),
		},
	}
}

// bundleTypes are the types of the bundle object's parts.
var bundleTypes = map[string]attr.Type{
	"id":           types.StringType,
	"cluster_name": types.StringType,
	"dcos_version": types.StringType,
	"recipe":       types.StringType,
}

// parameterAttribute is the attribute of one parameter.
func parameterAttribute(p config.Parameter) schema.Attribute {
	about := parameterDescription(p)
	switch p.Kind {
	case config.List, config.JSON:
		return schema.DynamicAttribute{
			Optional:            true,
			Sensitive:           p.Secret,
			MarkdownDescription: about,
			PlanModifiers:       []planmodifier.Dynamic{sameMeaning{p}},
		}
	default:
		return schema.StringAttribute{Optional: true, Sensitive: p.Secret, MarkdownDescription: about}
	}
}
