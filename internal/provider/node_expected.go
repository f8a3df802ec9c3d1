// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// Private state of dcos_node.
const (
	// expectedKey says what was installed: a refresh needs neither the release
	// nor the secrets to see what has changed since.
	expectedKey = "expected"
	// observedKey says what refresh saw on an imported node, of which nothing
	// is expected yet. Its first plan compares it with the configured bundle.
	observedKey = "observed"
	// unitsKey says which units that a plan's warnings may name the last refresh saw.
	unitsKey = "units"
	// refusedKey is the host key that refresh refused. A user who pins it says
	// that the machine was rebuilt, and that the node is to be installed anew.
	refusedKey = "refused_host_key"
)

// maxExpected bounds what is unpacked from private state.
const maxExpected = 16 << 20

// expectation is the part of a bundle that a host is compared with. The content
// of files that hold secrets is left out.
type expectation struct {
	PackageIDs []string      `json:"package_ids"`
	SetupFiles []bundle.File `json:"setup_files"`
	Units      []bundle.Unit `json:"units"`
}

// bundle is a bundle for comparing, which cannot be installed.
func (e expectation) bundle() *bundle.Bundle {
	return &bundle.Bundle{PackageIDs: e.PackageIDs, SetupFiles: e.SetupFiles, Units: e.Units}
}

// expect gives what is to be kept of a bundle, packed, in JSON.
func (s *shared) expect(b *bundle.Bundle) ([]byte, error) {
	e := expectation{PackageIDs: b.PackageIDs, Units: b.Units}
	e.SetupFiles = b.SealedFiles(func(f bundle.File) bool { return s.redactor.Redact(string(f.Content)) != string(f.Content) })
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return json.Marshal(packed.Bytes())
}

// readExpectation is the inverse of expect.
func readExpectation(kept []byte) (expectation, error) {
	var e expectation
	var packed []byte
	if err := json.Unmarshal(kept, &packed); err != nil {
		return e, err
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return e, err
	}
	text, err := io.ReadAll(io.LimitReader(r, maxExpected))
	if err != nil {
		return e, err
	}
	err = json.Unmarshal(text, &e)
	return e, err
}

// keepExpected notes what was installed. An imported node is an ordinary one
// from then on.
func (s *shared) keepExpected(ctx context.Context, private privateWriter, b *bundle.Bundle) diag.Diagnostics {
	text, err := s.expect(b)
	if err != nil {
		return diag.Diagnostics{internalFault("noting what was installed", err)}
	}
	diags := private.SetKey(ctx, expectedKey, text)
	diags.Append(private.SetKey(ctx, observedKey, nil)...)
	return diags
}

// expected gives the bundle to compare a host with; nil if nothing was noted.
func expected(ctx context.Context, private privateReader) (*bundle.Bundle, diag.Diagnostics) {
	kept, diags := private.GetKey(ctx, expectedKey)
	if diags.HasError() || len(kept) == 0 {
		return nil, diags
	}
	e, err := readExpectation(kept)
	if err != nil {
		diags.Append(internalFault("reading what was installed", err))
		return nil, diags
	}
	return e.bundle(), diags
}

// keepObserved notes what refresh saw.
func keepObserved(ctx context.Context, private privateWriter, state *node.State) diag.Diagnostics {
	return keepPrivate(ctx, private, observedKey, state)
}

// observed gives what refresh saw on an imported node; nil if it saw nothing.
func observed(ctx context.Context, private privateReader) (*node.State, diag.Diagnostics) {
	var state *node.State
	diags := readPrivate(ctx, private, observedKey, &state)
	if diags.HasError() {
		return nil, diags
	}
	return state, diags
}

// keepUnits notes which units of a master refresh saw.
func keepUnits(ctx context.Context, private privateWriter, state *node.State, role node.Role) diag.Diagnostics {
	if role != node.Master {
		return nil // no plan warns of others
	}
	return keepPrivate(ctx, private, unitsKey, state.Seen(role))
}

// there leaves those units that the last refresh saw. seen says whether it noted
// any: else nothing is known of the host's.
func there(ctx context.Context, private privateReader, units []string) (left []string, seen bool, diags diag.Diagnostics) {
	var noted []string
	diags = readPrivate(ctx, private, unitsKey, &noted)
	if diags.HasError() || len(noted) == 0 {
		return units, false, diags
	}
	return slices.DeleteFunc(slices.Clone(units), func(u string) bool { return !slices.Contains(noted, u) }), true, diags
}

// keepRefused notes the host key that refresh refused, if that is why it
// failed, and forgets an earlier one otherwise.
func keepRefused(ctx context.Context, private privateWriter, failure error) diag.Diagnostics {
	var refused *remote.HostKeyError
	if !errors.As(failure, &refused) || refused.Jump {
		return private.SetKey(ctx, refusedKey, nil)
	}
	return keepPrivate(ctx, private, refusedKey, refused.Key)
}

// confirmed says whether the user pins the host key that refresh refused.
func confirmed(ctx context.Context, private privateReader, plan *nodeModel) (bool, diag.Diagnostics) {
	var refused string
	diags := readPrivate(ctx, private, refusedKey, &refused)
	if diags.HasError() {
		return false, diags
	}
	ssh, d := readNodeSSH(ctx, plan.SSH)
	diags.Append(d...)
	return refused != "" && sameKey(refused, ssh.HostKey.ValueString()), diags
}

// sameKey compares public keys without their comments.
func sameKey(a, b string) bool {
	x, y := strings.Fields(a), strings.Fields(b)
	return len(x) >= 2 && len(y) >= 2 && x[0] == y[0] && x[1] == y[1]
}

// privateReader is the private state of a request.
type privateReader interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
}

// privateWriter is the private state of a response.
type privateWriter interface {
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}
