// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package takeover

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
)

// files are those to write.
func (s *site) files() []file {
	written := []file{
		{"main.tf", hclwrite.Format([]byte(s.main()))},
		{"imports.tf", hclwrite.Format([]byte(s.imports()))},
		{"variables.tf", hclwrite.Format([]byte(s.variables()))},
	}
	return append(written, s.own...)
}

// decision is a comment on what a person has to decide.
func decision(text string) string { return "# DECIDE: " + text + "\n" }

// main is main.tf.
func (s *site) main() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Written by terraform-provider-dcos takeover, from %s.\n\n", strings.Join(strings.Fields(s.from), " "))
	fmt.Fprintf(&b, "terraform {\n  required_providers {\n    dcos = {\n      source = %q\n    }\n  }\n}\n\n",
		strings.TrimPrefix(s.provider, "registry.terraform.io/"))
	s.writeProvider(&b)
	b.WriteString("locals {\n")
	for _, group := range s.groups() {
		if len(group.addresses) == 0 {
			b.WriteString(decision("the addresses of the " + strings.ReplaceAll(group.local, "_", " ") + " are not known. Each is a node, too."))
		}
		fmt.Fprintf(&b, "%s = %s\n", group.local, value(group.addresses))
	}
	b.WriteString("}\n\n")
	s.writeConfig(&b)
	for _, group := range s.groups() {
		fmt.Fprintf(&b, "\nresource \"dcos_node\" %q {\nfor_each = toset(local.%s)\n\naddress = each.key\nrole = %q\n"+
			"bundle = dcos_cluster_config.cluster.bundle\n}\n", group.role, group.local, group.role)
	}
	return b.String()
}

// A group is the nodes of a role.
type group struct {
	role, local string
	addresses   []string
}

// groups are those of which there are nodes, or may be.
func (s *site) groups() []group {
	all := []group{{"master", "masters", s.masters}, {"agent", "agents", s.agents}, {"public_agent", "public_agents", s.public}}
	return slices.DeleteFunc(all, func(g group) bool { return len(g.addresses) == 0 && g.role != "master" && !s.agentsUnknown() })
}

// writeProvider writes the provider block.
func (s *site) writeProvider(b *strings.Builder) {
	b.WriteString("provider \"dcos\" {\nssh = {\n")
	if s.user == "" {
		b.WriteString(decision("who logs in to the hosts? Without it, root does.") + "# user = \"centos\"\n")
	} else {
		fmt.Fprintf(b, "user = %s\n", value(s.user))
	}
	if s.port != 0 {
		fmt.Fprintf(b, "port = %d\n", s.port)
	}
	if s.key != "" {
		fmt.Fprintf(b, "private_key = file(%s)\n", s.path(s.key))
	} else {
		b.WriteString("# The SSH agent's keys are used. DCOS_SSH_PRIVATE_KEY or private_key = file(\"…\") gives another one.\n")
	}
	if s.sshConfig != "" {
		fmt.Fprintf(b, "config_file = %s\n", s.path(s.sshConfig))
	}
	b.WriteString("}\n")
	if len(s.secrets) > 0 {
		b.WriteString("\n# They are in no state and in no plan.\nsecrets = {\n")
		for _, name := range s.secrets {
			fmt.Fprintf(b, "%s = var.%s\n", key(name), identifier(name))
		}
		b.WriteString("}\n")
	}
	b.WriteString("}\n\n")
}

// writeConfig writes the dcos_cluster_config.
func (s *site) writeConfig(b *strings.Builder) {
	b.WriteString("resource \"dcos_cluster_config\" \"cluster\" {\nrelease = { source = var.release }\n\n")
	var extra []string
	for _, name := range sortedKeys(s.given) {
		p, known := config.Lookup(name)
		if !known {
			extra = append(extra, name)
			continue
		}
		if name == "bootstrap_url" {
			b.WriteString("# Nodes fetch what they are installed from there. An upgrade wants it put there first: publish does.\n")
		}
		fmt.Fprintf(b, "%s = %s\n", name, s.parameter(p, s.given[name]))
	}
	if len(s.scripts) > 0 {
		b.WriteString("\n")
	}
	for _, name := range sortedKeys(s.scripts) {
		fmt.Fprintf(b, "%s = file(%s)\n", name, s.path(s.scripts[name]))
	}
	if len(s.programs) > 0 {
		b.WriteString("\ncustom_check_bins = {\n")
		for _, name := range sortedKeys(s.programs) {
			fmt.Fprintf(b, "%s = file(%s)\n", key(name), s.path(s.programs[name]))
		}
		b.WriteString("}\n")
	}
	if len(extra) > 0 {
		b.WriteString("\n# What DC/OS has no parameter for, or what only its own installer used. The nodes have it in their configuration.\n" +
			"extra_parameters = {\n")
		for _, name := range extra {
			fmt.Fprintf(b, "%s = %s\n", key(name), value(s.given[name]))
		}
		b.WriteString("}\n")
	}
	b.WriteString("}\n")
}

// parameter is a parameter's text as one would write it.
func (s *site) parameter(p config.Parameter, text string) string {
	switch p.Kind {
	case config.Bool:
		if text == "true" || text == "false" {
			return text
		}
	case config.Integer, config.Number:
		if regexp.MustCompile(`^(0|-?[1-9][0-9]{0,17})$`).MatchString(text) {
			return text
		}
	case config.List:
		if items, ok := list(text); ok {
			if p.Name == "master_list" && slices.Equal(items, s.masters) {
				return "local.masters"
			}
			return value(items)
		}
	case config.JSON:
		if items, ok := list(text); ok {
			return value(items)
		}
		var object ctyjson.SimpleJSONValue
		if (strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[")) && !strings.HasSuffix(p.Name, "_json") &&
			json.Valid([]byte(text)) && object.UnmarshalJSON([]byte(text)) == nil {
			return "jsonencode(" + string(hclwrite.TokensForValue(object.Value).Bytes()) + ")"
		}
	case config.Text:
	}
	return value(text)
}

// imports is imports.tf.
func (s *site) imports() string {
	var b strings.Builder
	b.WriteString("# What is there is taken over as it is: an import changes nothing on a host. Once it is applied, this file may go.\n\n")
	first := strings.TrimSuffix(value(s.node()), `"`)
	if s.first == "" && len(s.masters) > 0 {
		first = `"${local.masters[0]}`
	}
	fmt.Fprintf(&b, "# The configuration is read from a node, and rendered with the release.\n"+
		"import {\nto = dcos_cluster_config.cluster\nid = %s ${var.release}\"\n}\n", first)
	for _, group := range s.groups() {
		fmt.Fprintf(&b, "\nimport {\nfor_each = toset(local.%s)\n\nto = dcos_node.%s[each.key]\nid = each.key\n}\n", group.local, group.role)
	}
	return b.String()
}

// variables is variables.tf.
func (s *site) variables() string {
	var b strings.Builder
	if s.release == "" {
		b.WriteString(decision("where is the release that the cluster was installed from? Another one upgrades the nodes."))
	}
	b.WriteString("variable \"release\" {\ntype = string\n" +
		"description = \"Path or URL of the dcos_generate_config.sh that the cluster has.\"\n")
	if s.release != "" {
		fmt.Fprintf(&b, "default = %s\n", value(s.release))
	}
	b.WriteString("}\n")
	for _, name := range s.secrets {
		fmt.Fprintf(&b, "\nvariable %q {\ntype = string\nsensitive = true\ndescription = %s\n}\n", identifier(name),
			value(fmt.Sprintf("The value of %s that the cluster was installed with: TF_VAR_%s.", name, identifier(name))))
	}
	return b.String()
}

// path is a file's path as an expression: a relative one starts where the configuration is.
func (s *site) path(name string) string {
	quoted := value(name)
	if strings.HasPrefix(name, "/") {
		return quoted
	}
	return `"${path.module}/` + quoted[1:]
}

// value is a text or a list of texts as an expression.
func value[T string | []string](of T) string {
	v := cty.ListValEmpty(cty.String)
	switch of := any(of).(type) {
	case string:
		v = cty.StringVal(of)
	case []string:
		if len(of) == 0 {
			break
		}
		items := make([]cty.Value, len(of))
		for i, item := range of {
			items[i] = cty.StringVal(item)
		}
		v = cty.ListVal(items)
	}
	return string(hclwrite.TokensForValue(v).Bytes())
}

var plainKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// key is a key of an object.
func key(name string) string {
	if plainKey.MatchString(name) {
		return name
	}
	return value(name)
}

// identifier is a name that a variable may have.
func identifier(name string) string {
	name = regexp.MustCompile(`[^A-Za-z0-9_]`).ReplaceAllString(name, "_")
	if name == "release" || !plainKey.MatchString(name) {
		return "p_" + name
	}
	return name
}
