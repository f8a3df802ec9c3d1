// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	tflist "github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	providerschema "github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	resourceschema "github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/defaults"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// What a description has to say.
var (
	saysUnit     = regexp.MustCompile(`How (many|often)\b|\b[Pp]ort\b|\bin (MB|bytes|milliseconds)\b|bytes a second|[Nn]umber of`)
	saysDuration = regexp.MustCompile("A duration such as `[^`]+`")
	saysDefault  = regexp.MustCompile(`Default: |\(default\)|No default`)
	saysChange   = regexp.MustCompile(`in place[.:,]|touches nothing on the hosts?|replaces the (node|pool)|cannot change|` +
		`It must be applied before|A change moves the files|What apply does is the same`)
	isDuration = regexp.MustCompile(`^How long|^How often a|^Time limit`)
)

// A described attribute is one of a schema, with what its user has to know.
type describedAttribute struct {
	path, about string
	input, leaf bool
	optional    bool
	number      bool
	fallback    string // the default in the schema, as the description has it
	replaces    bool
}

// TestDescriptions holds of each attribute of each schema that its description
// says the unit of a number or a duration, the default, and of what is in a
// state, what a change of it does.
func TestDescriptions(t *testing.T) {
	t.Parallel()
	seen := 0
	check := func(a describedAttribute, inherited string) {
		seen++
		at := func(format string, args ...any) {
			t.Errorf("%s: %s\n  %s", a.path, fmt.Sprintf(format, args...), a.about)
		}
		if !strings.HasSuffix(a.about, ".") {
			at("ends without a full stop")
		}
		if first := a.about[:min(1, len(a.about))]; strings.ToUpper(first) != first {
			at("begins without a capital")
		}
		if !a.input {
			return
		}
		if a.number && !strings.HasPrefix(a.about, "Without effect") && !saysUnit.MatchString(a.about) {
			at("does not say the unit")
		}
		if isDuration.MatchString(a.about) && !a.number && a.leaf && !saysDuration.MatchString(a.about) &&
			!strings.Contains(a.about, "Mesos duration") &&
			!strings.Contains(a.about, "a number and a unit") {
			at("does not say how a duration is written")
		}
		if a.optional && a.leaf && !saysDefault.MatchString(a.about) {
			at("does not say the default")
		}
		if a.fallback != "" && !strings.Contains(a.about, "`"+a.fallback+"`") {
			at("does not say that %s is the default", a.fallback)
		}
		if a.replaces && !strings.Contains(a.about, "replaces") {
			at("does not say that it replaces")
		}
		if strings.HasPrefix(a.path, "resource ") && !saysChange.MatchString(a.about+" "+inherited) {
			at("does not say what a change does")
		}
	}
	p := &dcosProvider{published: true}
	var schema provider.SchemaResponse
	p.Schema(t.Context(), provider.SchemaRequest{}, &schema)
	eachAttribute(t, "provider", plain(schema.Schema.Attributes), "", check)
	for _, newResource := range p.Resources(t.Context()) {
		var name resource.MetadataResponse
		var schema resource.SchemaResponse
		newResource().Metadata(t.Context(), resource.MetadataRequest{ProviderTypeName: typeName}, &name)
		newResource().Schema(t.Context(), resource.SchemaRequest{}, &schema)
		// What a resource says of all its attributes need not be said of each.
		eachAttribute(t, "resource "+name.TypeName, plain(schema.Schema.Attributes), schema.Schema.MarkdownDescription, check)
	}
	for _, newSource := range p.DataSources(t.Context()) {
		var name datasource.MetadataResponse
		var schema datasource.SchemaResponse
		newSource().Metadata(t.Context(), datasource.MetadataRequest{ProviderTypeName: typeName}, &name)
		newSource().Schema(t.Context(), datasource.SchemaRequest{}, &schema)
		eachAttribute(t, "data "+name.TypeName, plain(schema.Schema.Attributes), "", check)
	}
	for _, newAction := range p.Actions(t.Context()) {
		var name action.MetadataResponse
		var schema action.SchemaResponse
		newAction().Metadata(t.Context(), action.MetadataRequest{ProviderTypeName: typeName}, &name)
		newAction().Schema(t.Context(), action.SchemaRequest{}, &schema)
		eachAttribute(t, "action "+name.TypeName, plain(schema.Schema.Attributes), "", check)
	}
	for _, newList := range p.ListResources(t.Context()) {
		var name resource.MetadataResponse
		var schema tflist.ListResourceSchemaResponse
		newList().Metadata(t.Context(), resource.MetadataRequest{ProviderTypeName: typeName}, &name)
		newList().ListResourceConfigSchema(t.Context(), tflist.ListResourceSchemaRequest{}, &schema)
		eachAttribute(t, "list "+name.TypeName, plain(schema.Schema.Attributes), "", check)
	}
	for _, newEphemeral := range p.EphemeralResources(t.Context()) {
		var name ephemeral.MetadataResponse
		var schema ephemeral.SchemaResponse
		newEphemeral().Metadata(t.Context(), ephemeral.MetadataRequest{ProviderTypeName: typeName}, &name)
		newEphemeral().Schema(t.Context(), ephemeral.SchemaRequest{}, &schema)
		eachAttribute(t, "ephemeral "+name.TypeName, plain(schema.Schema.Attributes), "", check)
	}
	if seen < 380 {
		t.Errorf("only %d attributes were seen", seen)
	}
}

// An anyAttribute is what the attributes of all schemas have.
type anyAttribute interface {
	GetDescription() string
	GetMarkdownDescription() string
	GetType() attr.Type
	IsOptional() bool
	IsRequired() bool
}

// plain gives the attributes of one kind of schema as any.
func plain[A anyAttribute](attributes map[string]A) map[string]anyAttribute {
	all := make(map[string]anyAttribute, len(attributes))
	for name, a := range attributes {
		all[name] = a
	}
	return all
}

// nestedIn gives the attributes of an attribute, nil if it has none.
func nestedIn(a anyAttribute) map[string]anyAttribute {
	if a, ok := a.(providerschema.NestedAttribute); ok { // all kinds are the same interface
		return plain(a.GetNestedObject().GetAttributes())
	}
	return nil
}

// eachAttribute calls for each attribute, with the descriptions of those that it is in.
func eachAttribute(t *testing.T, at string, attributes map[string]anyAttribute, inherited string, check func(describedAttribute, string)) {
	t.Helper()
	for name, a := range attributes {
		nested := nestedIn(a)
		d := describedAttribute{path: at + "." + name, about: cmp.Or(a.GetMarkdownDescription(), a.GetDescription()),
			input: a.IsOptional() || a.IsRequired(), leaf: nested == nil, optional: a.IsOptional(), number: a.GetType() == types.Int64Type}
		if p, ok := config.Lookup(name); ok && strings.HasSuffix(at, "_cluster_config") {
			d.number = p.Kind == config.Integer || p.Kind == config.Number
		}
		d.look(t, a)
		check(d, inherited)
		eachAttribute(t, d.path, nested, inherited+" "+d.about, check)
	}
}

// look sees an attribute's default, and whether a change of it replaces.
func (d *describedAttribute) look(t *testing.T, a anyAttribute) {
	t.Helper()
	switch a := a.(type) {
	case resourceschema.StringAttribute:
		if a.Default != nil {
			var resp defaults.StringResponse
			a.Default.DefaultString(t.Context(), defaults.StringRequest{}, &resp)
			d.fallback = resp.PlanValue.ValueString()
		}
		for _, m := range a.PlanModifiers {
			if quiet, ok := m.(quietDefault); ok {
				d.fallback = quiet.text
			}
			d.replaces = d.replaces || strings.Contains(m.Description(t.Context()), "destroy and recreate")
		}
	case resourceschema.BoolAttribute:
		for _, m := range a.PlanModifiers {
			if quiet, ok := m.(quietDefault); ok {
				d.fallback = strconv.FormatBool(quiet.is)
			}
		}
		if a.Default != nil {
			var resp defaults.BoolResponse
			a.Default.DefaultBool(t.Context(), defaults.BoolRequest{}, &resp)
			d.fallback = resp.PlanValue.String()
		}
	case resourceschema.Int64Attribute:
		if a.Default != nil {
			var resp defaults.Int64Response
			a.Default.DefaultInt64(t.Context(), defaults.Int64Request{}, &resp)
			d.fallback = resp.PlanValue.String()
		}
	}
}

// TestFixedParameters holds that the parameters which a running cluster cannot
// change are the ones that are described so.
func TestFixedParameters(t *testing.T) {
	t.Parallel()
	for _, p := range config.Parameters() {
		fixed := false
		for _, backend := range []string{"aws_s3", "shared_filesystem", "zookeeper", "azure", "static"} {
			of := func(value string) node.Topology {
				site := map[string]string{"master_discovery": "master_http_loadbalancer", "exhibitor_storage_backend": backend, "num_masters": "3"}
				site[p.Name] = value
				return node.TopologyOf(site)
			}
			fixed = fixed || of("1") != of("5")
		}
		if described := strings.Contains(changeDescription(p.Name), "cannot change"); described != (fixed || p.Name == "master_list") {
			t.Errorf("%s: fixed %v, described as fixed %v", p.Name, fixed, described)
		}
	}
}

// TestSecretLookingParameters holds that what looks like a secret by its name is
// sensitive, be it of DC/OS Enterprise: people who come from there leave it in.
func TestSecretLookingParameters(t *testing.T) {
	t.Parallel()
	found := 0
	for _, p := range config.Parameters() {
		if !config.LooksSecret(p.Name, "some text") || p.Kind == config.Bool {
			continue
		}
		found++
		if a, ok := clusterConfigSchema().Attributes[p.Name]; !ok || !a.IsSensitive() {
			t.Errorf("%s is not sensitive", p.Name)
		}
	}
	if found < 5 {
		t.Errorf("only %d parameters look secret", found)
	}
}
