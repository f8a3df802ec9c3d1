// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/config"
	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

var _ resource.ResourceWithImportState = (*clusterConfigResource)(nil)

// importedKey is the private state that says which parameters of an imported cluster
// are secrets that nobody has given yet: a list of names.
const importedKey = "imported"

// A configImport is what a dcos_cluster_config is imported by: a node, and the release if
// the outputs are to be those of a rendering.
type configImport struct {
	node    importID
	release bundle.ReleaseRef
}

// parseConfigImport takes [user@]address[:port], then, after blanks, the release's
// source and its SHA-256, apart.
func parseConfigImport(text string) (configImport, bool) {
	text = strings.TrimSpace(text)
	address, source, _ := strings.Cut(text, " ")
	id, ok := parseImportID(address)
	i := configImport{node: id, release: bundle.ReleaseRef{Source: strings.TrimSpace(source)}}
	if at := strings.LastIndex(i.release.Source, " "); at > 0 {
		if sum, err := hex.DecodeString(i.release.Source[at+1:]); err == nil && len(sum) == 32 {
			i.release.SHA256, i.release.Source = i.release.Source[at+1:], strings.TrimSpace(i.release.Source[:at])
		}
	}
	return i, ok
}

// ImportState reads from a node what its cluster was configured with. With the release,
// the outputs are rendered as well, and the first plan has nothing to add to them.
func (r *clusterConfigResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	id, ok := parseConfigImport(req.ID)
	if !ok {
		resp.Diagnostics.AddError("Invalid Import Id", fmt.Sprintf("A configuration is imported from a node of its cluster, "+
			"[user@]address[:port], and after a blank, if its first plan is to be empty, the release.source that the configuration has; got: "+
			"%q.", req.ID))
		return
	}
	if resp.Diagnostics.Append(r.shared.ready()...); resp.Diagnostics.HasError() {
		return
	}
	given, diags := r.shared.readGiven(ctx, id.node)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	site, diags := r.shared.importedSite(given)
	if resp.Diagnostics.Append(diags...); resp.Diagnostics.HasError() {
		return
	}
	state := &resp.State
	set := func(name string, value any) {
		resp.Diagnostics.Append(state.SetAttribute(ctx, tfpath.Root(name), value)...)
	}
	for _, name := range sortedKeys(site.values) {
		set(name, site.values[name])
	}
	sum := types.StringNull()
	if id.release.SHA256 != "" {
		sum = types.StringValue(id.release.SHA256)
	}
	set("release", types.ObjectValueMust(map[string]attr.Type{"source": types.StringType, "sha256": types.StringType},
		map[string]attr.Value{"source": types.StringValue(id.release.Source), "sha256": sum}))
	for name, value := range site.outputs {
		set(name, value)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(keepPrivate(ctx, resp.Private, importedKey, site.secrets)...)
	if id.release.Source != "" {
		resp.Diagnostics.Append(r.renderImported(ctx, id.node.address, given, resp)...)
	}
}

// readGiven reads what a cluster was configured with from one of its nodes.
func (s *shared) readGiven(ctx context.Context, id importID) (*node.Given, diag.Diagnostics) {
	ctx, cancel := context.WithTimeout(ctx, defaultReadTimeout)
	defer cancel()
	h := fleet.Host{}
	h.Target.Address, h.Target.User, h.Target.Port = id.address, id.user, int(id.port)
	h.Target.ConnectTimeout = s.fleet.Patience()
	const operation = "reading the configuration of its cluster"
	conn, err := s.fleet.Connect(ctx, h)
	if err != nil {
		return nil, diag.Diagnostics{s.hostError(&h, operation, err)}
	}
	defer conn.Close()
	given, err := node.ReadGiven(ctx, conn)
	if err != nil {
		return nil, diag.Diagnostics{s.hostError(&h, operation, err)}
	}
	if given.State.Installed == node.None {
		return nil, diag.Diagnostics{nothingToImport(id.address, given.State)}
	}
	if given.ConfigYAML == "" {
		return nil, diag.Diagnostics{diag.NewErrorDiagnostic("Nothing To Import", fmt.Sprintf("Host:      %s\n\nDC/OS is on the host, but not "+
			"what it was configured with (/opt/mesosphere/etc/user.config.yaml).\n\nWhat to do: Import from another node of the cluster, or "+
			"write the "+
			"configuration by hand; provider::dcos::parse_config_yaml reads the config.yaml that the cluster was installed with.", id.address))}
	}
	return given, nil
}

// An importedSite is what a node says of its site, as attributes.
type importedSite struct {
	values  map[string]attr.Value // inputs
	outputs map[string]attr.Value // what is on the node
	secrets []string              // parameters that have a value which is not readable, nor in the provider's secrets
}

// importedSite makes attributes of what a node says. The texts are those of config.yaml,
// so that each has the type that one would write.
func (s *shared) importedSite(given *node.Given) (*importedSite, diag.Diagnostics) {
	lines := config.Lines()
	parameters, err := config.FromYAML(lines[len(lines)-1], []byte(given.ConfigYAML))
	if err != nil {
		return nil, diag.Diagnostics{diag.NewErrorDiagnostic("Configuration Not Readable",
			fmt.Sprintf("What the node says of its configuration (/opt/mesosphere/etc/user.config.yaml) cannot be read: %s.", err))}
	}
	i := &importedSite{values: map[string]attr.Value{}}
	i.addScripts(given, parameters)
	extra := map[string]attr.Value{}
	for _, name := range sortedKeys(parameters) {
		text := parameters[name].Text
		_, ours := s.secrets.values[name]
		p, known := config.Lookup(name)
		switch {
		case ours:
		case text == node.Masked:
			i.secrets = append(i.secrets, name)
		case !utf8.ValidString(text): // Terraform would put another character in its place
			return nil, diag.Diagnostics{diag.NewErrorDiagnostic("Configuration Not Readable", fmt.Sprintf("%s holds half a character.", name))}
		case known:
			i.values[name] = parameterAttributeValue(p, text)
		default:
			extra[name] = types.StringValue(text)
		}
	}
	if len(extra) > 0 {
		i.values["extra_parameters"] = types.MapValueMust(types.StringType, extra)
	}
	i.observe(given.State)
	return i, nil
}

// addScripts adds the files that the generator read beside config.yaml.
func (i *importedSite) addScripts(given *node.Given, parameters map[string]config.Value) {
	used := config.Implied(parameters)
	for _, file := range siteFiles {
		text := map[string]string{
			"ip_detect_script": given.IPDetect, "ip_detect_public_script": given.IPDetectPublic,
			"ip6_detect_script": given.IP6Detect, "fault_domain_detect_script": given.FaultDomainDetect,
		}[file.Attribute]
		if used[file.Attribute] != "" && text != "" && utf8.ValidString(text) {
			i.values[file.Attribute] = types.StringValue(text)
		}
	}
	programs := map[string]attr.Value{}
	for name, text := range given.Programs {
		if utf8.ValidString(text) {
			programs[name] = types.StringValue(text)
		}
	}
	if len(programs) > 0 {
		i.values["custom_check_bins"] = types.MapValueMust(types.StringType, programs)
	}
}

// observe adds the outputs that the node shows.
func (i *importedSite) observe(s *node.State) {
	packages := make([]attr.Value, 0, len(s.ActivePackages))
	for _, id := range slices.Sorted(slices.Values(s.ActivePackages)) {
		packages = append(packages, types.StringValue(id))
	}
	i.outputs = map[string]attr.Value{
		"dcos_version": types.StringValue(s.Version), "package_list_id": types.StringValue(s.PackageListID),
		"config_id":   types.StringValue(strings.TrimPrefix(s.ConfigPackageID, configPackage+"--setup_")),
		"package_ids": types.ListValueMust(types.StringType, packages),
		"bundle":      bareBundle(s.Cluster, s.Version),
	}
}

// parameterAttributeValue gives a parameter's text in the type of its attribute.
func parameterAttributeValue(p config.Parameter, text string) attr.Value {
	if p.Kind == config.List || p.Kind == config.JSON {
		return types.DynamicValue(naturalValue(p.Kind, text))
	}
	return types.StringValue(text)
}

// renderImported puts the outputs into the state that the plan would have. What keeps
// it from being rendered is for the plan to say, at its attribute.
func (r *clusterConfigResource) renderImported(
	ctx context.Context, address string, given *node.Given, resp *resource.ImportStateResponse,
) diag.Diagnostics {
	raw := resp.State.Raw.Copy() // readSite changes what it reads
	site, diags := readSite(raw, raw, r.shared.secrets)
	if diags.HasError() || r.shared.secrets.unknown {
		return nil
	}
	out, diags := r.resolve(ctx, site)
	if diags.HasError() || out.bundle == nil {
		return nil
	}
	values, diags := out.values()
	for name, value := range values {
		// A parameter that nobody gave would come out as given in generated configuration.
		if name != "bootstrap_id" {
			diags.Append(resp.State.SetAttribute(ctx, tfpath.Root(name), value)...)
		}
	}
	fingerprint, err := r.shared.secrets.newFingerprint()
	if err != nil {
		return append(diags, internalFault("noting which secrets the provider has", err))
	}
	diags.Append(resp.Private.SetKey(ctx, secretsKey, fingerprint)...)
	if id := configID(out.bundle); id != given.State.ConfigPackageID {
		diags.Append(importedDiffers(address, given.State, out.version, id))
	}
	return diags
}

// importedDiffers words a release that does not render what is on the node.
func importedDiffers(address string, s *node.State, version, id string) diag.Diagnostic {
	return diag.NewWarningDiagnostic("Cluster Was Rendered Otherwise",
		fmt.Sprintf("Host:      %s\n\nThe release makes another configuration of what the node says than the node has: %s of DC/OS %s instead "+
			"of %s of DC/OS %s. The plan shows what that changes on the nodes.\n\nWhat to do: If the nodes are to stay as they are, give the "+
			"release that they were installed from, and the secrets that they were installed with.", address, id, version,
			s.ConfigPackageID, s.Version))
}

// missingSecrets refuses a plan for an imported cluster that leaves secrets out which it
// was configured with.
func (r *clusterConfigResource) missingSecrets(ctx context.Context, private privateReader, configured tfsdk.Config) diag.Diagnostics {
	var names []string
	diags := readPrivate(ctx, private, importedKey, &names)
	if diags.HasError() || len(names) == 0 || r.shared.secrets.unknown {
		return diags
	}
	var given map[string]tftypes.Value
	if err := configured.Raw.As(&given); err != nil {
		return append(diags, internalFault("reading the configuration", err))
	}
	var extra map[string]tftypes.Value
	if more := given["extra_parameters"]; more.IsKnown() && !more.IsNull() {
		if err := more.As(&extra); err != nil {
			return append(diags, internalFault("reading extra_parameters", err))
		}
	} else if !more.IsKnown() {
		return diags
	}
	for _, name := range names {
		_, ours := r.shared.secrets.values[name]
		_, more := extra[name]
		if value, known := given[name]; !ours && !more && (!known || value.IsNull()) {
			diags.Append(secretNotGiven(name, known))
		}
	}
	return diags
}

// secretNotGiven words a secret of a running cluster that the configuration leaves out.
func secretNotGiven(name string, attribute bool) diag.Diagnostic {
	at, how := tfpath.Root("extra_parameters"), ""
	if attribute {
		at = tfpath.Root(name)
		how = fmt.Sprintf("%s = var.%s\n\nwith a variable that is sensitive, or, to keep it out of the state, ", name, name)
	}
	return diag.NewAttributeErrorDiagnostic(at, "Secret Not Given",
		fmt.Sprintf("The cluster was configured with a value of %s, which no node shows. Without it the nodes would be reconfigured.\n\n"+
			"What to do: Write %ssecrets = { %s = var.%s } in the provider block. If it is to go, write \"\".", name, how, name, name))
}
