// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
)

// A node without a bundle is kept as it is: after an import, where Terraform wrote the
// configuration and where a bundle was taken out. A bundle that comes again changes no
// more than differs. Each time the node is destroyed as any other.
func TestKeptNode(t *testing.T) {
	t.Parallel()
	s := newSimSite(t, simhosts.Options{})
	address := simhosts.Address(0)
	node := func(more string) string {
		return fmt.Sprintf("resource \"dcos_node\" \"a\" {\n  address = %q\n  role = \"agent\"\n%s}\n", address, more)
	}
	const with = "  bundle = dcos_cluster_config.test.bundle\n"
	imported := fmt.Sprintf("import {\n  to = dcos_node.a\n  id = %q\n}\n", address)
	untouched := func(when string, since int) (now int) {
		t.Helper()
		for _, stage := range []string{"install", "upgrade", "uninstall"} {
			var got []string
			if got, now = s.worked(stage, since); len(got) > 0 {
				t.Errorf("%s: %s on %v", when, stage, got)
			}
		}
		return now
	}
	s.configure("", node(""))
	out, err := s.tf.Try("apply", "-auto-approve", "-no-color")
	if err == nil {
		t.Fatalf("a node was made of nothing:\n%s", out)
	}
	mentions(t, out, "Bundle Missing", address, writeBundle)
	s.configure("", node("  bundle = { id = \"a\", cluster_name = \"sim\", dcos_version = \"2.2.100\", recipe = null }\n"))
	out, err = s.tf.Try("plan", "-no-color")
	if err == nil {
		t.Fatalf("a part of a bundle was taken:\n%s", out)
	}
	mentions(t, out, "Bundle Not Whole", "null: recipe", writeBundle)

	s.configure("", node(with))
	s.tf.Apply()
	_, since := s.worked("install", 0)

	for name, text := range map[string]string{"without a bundle": "", "with one of nothing": "  bundle = {}\n", "with the same": with} {
		s.tf.Run("state", "rm", "dcos_node.a")
		s.configure("", node(text)+imported)
		if out := s.tf.Apply(); !strings.Contains(out, "1 imported, 0 added, 0 changed, 0 destroyed") {
			t.Errorf("imported %s:\n%s", name, out)
		}
		s.configure("", node(text))
		s.tf.NoChanges()
	}
	s.configure("", node("")) // and with a bundle taken out that the state has never had
	s.tf.NoChanges()
	s.tf.Run("state", "rm", "dcos_node.a")
	s.configure("", imported)
	s.tf.Run("plan", "-no-color", "-generate-config-out=generated.tf")
	s.tf.Apply()
	s.tf.NoChanges()
	if err := os.Remove(filepath.Join(s.tf.Path, "generated.tf")); err != nil {
		t.Fatal(err)
	}
	since = untouched("imported", since)

	// Another bundle changes the node in place, and no bundle nothing.
	const changed = `ui_banner_header_title = jsonencode("changed")`
	s.configure(changed, node(""))
	s.tf.Apply()
	since = untouched("without a bundle", since)
	s.configure(changed, node(with))
	s.tf.Apply()
	got, now := s.worked("upgrade", since)
	if len(got) != 1 {
		t.Errorf("given a bundle: upgraded on %v", got)
	}
	s.tf.NoChanges()
	s.configure(changed, node(""))
	mentions(t, s.tf.Apply(), "Node Will Be Kept As It Is", "0 added, 1 changed, 0 destroyed")
	s.tf.NoChanges()
	s.configure("", node(""))
	s.tf.Apply()
	s.tf.NoChanges()
	untouched("its bundle taken out", now)
	s.configure("", node(with))
	mentions(t, s.tf.Apply(), "1 changed")
	s.tf.NoChanges()
	s.configure("", node(""))
	s.tf.Apply()
	s.tf.Destroy()
	if n := s.fleet.Count().Installed; n != 0 {
		t.Errorf("%d hosts have DC/OS", n)
	}
}

// What is amiss on a node without a bundle is said, and stays.
func TestKeptDrift(t *testing.T) {
	t.Parallel()
	state := nodeModel{Address: types.StringValue("10.0.0.1"), Bundle: bareBundle("c", "2.2.0"), DCOSVersion: types.StringValue("2.2.0"),
		Drift: driftList([]string{"unit dcos-mesos-slave.service has failed"})}
	plan := nodeModel{Address: state.Address, Bundle: types.ObjectUnknown(bundleTypes), Drift: types.ListUnknown(types.StringType)}
	diags := plan.planKept(t.Context(), &state, false)
	if len(diags) != 1 || diags[0].Summary() != "Node Is Not Repaired" || !strings.Contains(diags[0].Detail(), "dcos-mesos-slave.service") {
		t.Errorf("it is said: %v", diags)
	}
	if !plan.Drift.Equal(state.Drift) || !plan.Bundle.Equal(state.Bundle) || concernsHost(t.Context(), &state, &plan) {
		t.Errorf("planned: %v", plan)
	}
	plan.ID = types.StringUnknown() // the machine is another
	if diags := plan.planKept(t.Context(), &state, true); len(diags) != 1 || diags[0].Summary() != "Bundle Missing" {
		t.Errorf("it is said of another machine: %v", diags)
	}
}

// Which bundles are taken.
func TestBundleValidator(t *testing.T) {
	t.Parallel()
	object := func(recipe types.String, others types.String) types.Object {
		return types.ObjectValueMust(bundleTypes, map[string]attr.Value{
			"id": others, "cluster_name": others, "dcos_version": others, "recipe": recipe})
	}
	text, null, unknown := types.StringValue("a"), types.StringNull(), types.StringUnknown()
	for _, c := range []struct {
		bundle       types.Object
		node, needed bool // taken
	}{
		{object(text, text), true, true},
		{object(unknown, text), true, true},
		{object(null, text), false, false},
		{object(text, null), false, false},
		{object(null, null), true, false},
		{types.ObjectNull(bundleTypes), true, true}, // Terraform itself refuses null where it must not be
		{types.ObjectUnknown(bundleTypes), true, true},
	} {
		for needed, want := range map[bool]bool{false: c.node, true: c.needed} {
			resp := &validator.ObjectResponse{}
			bundleValidator{needed}.ValidateObject(t.Context(), validator.ObjectRequest{Path: tfpath.Root("bundle"), ConfigValue: c.bundle}, resp)
			if taken := !resp.Diagnostics.HasError(); taken != want {
				t.Errorf("needed %v, %v: taken %v, want %v", needed, c.bundle, taken, want)
			}
		}
	}
}
