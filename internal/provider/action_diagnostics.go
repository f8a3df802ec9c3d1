// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/config"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

var (
	_ action.ActionWithConfigure      = (*diagnosticsAction)(nil)
	_ action.ActionWithValidateConfig = (*diagnosticsAction)(nil)
	_ action.ActionWithModifyPlan     = (*diagnosticsAction)(nil)
)

// diagnosticsAction is dcos_diagnostics: what is known of nodes, in one archive here.
type diagnosticsAction struct{ acting }

func newDiagnosticsAction() action.Action { return &diagnosticsAction{} }

// diagnosticsModel is a dcos_diagnostics.
type diagnosticsModel struct {
	actionModel
	Path    types.String `tfsdk:"path"`
	Since   types.String `tfsdk:"since"`
	MaxSize types.Int64  `tfsdk:"max_size"`
}

const (
	defaultDiagnosticsLimit = 15 * time.Minute
	defaultSince            = 24 * time.Hour
	defaultMaxSize          = 100 // MiB
	leastOfNode             = 256 << 10
)

// Metadata names the action.
func (a *diagnosticsAction) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_diagnostics"
}

// Schema describes the action.
func (a *diagnosticsAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = actionSchema("Collects what helps to find out what is wrong with a cluster into one archive on the machine that "+
		"Terraform runs on: "+
		"journals of DC/OS's units, states of the ensemble, of the leader and of the agents, rendered configuration, and the run log. Its "+
		"size is "+
		"bounded, secrets are redacted, and nothing is changed on any host.",
		"The nodes that are asked. One that cannot be reached is an error; the archive is written all the same, with what the others gave.",
		defaultDiagnosticsLimit, map[string]schema.Attribute{
			"path": fileAttribute("what was collected"),
			"since": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "How far the journals go back. A duration such as `2h`. Default: `24h`.",
				Validators:          []validator.String{durationValidator{}},
			},
			"max_size": schema.Int64Attribute{
				Optional: true,
				MarkdownDescription: fmt.Sprintf("How many MiB the archive may hold before it is compressed. Each node has its share of it, %d "+
					"MiB at most and "+
					"256 KiB at least; of what does not fit in, the beginning is left out. Default: `%d`.", node.MaxCollected>>20, defaultMaxSize),
				Validators: []validator.Int64{int64validator.Between(1, 100_000)},
			},
		})
}

// ModifyPlan judges the file, before Terraform asks whether to go on.
func (a *diagnosticsAction) ModifyPlan(ctx context.Context, req action.ModifyPlanRequest, resp *action.ModifyPlanResponse) {
	resp.Diagnostics.Append(checkFileOf(ctx, req.Config)...)
}

// Invoke collects.
func (a *diagnosticsAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var m diagnosticsModel
	if resp.Diagnostics.Append(req.Config.Get(ctx, &m)...); resp.Diagnostics.HasError() {
		return
	}
	if resp.Diagnostics.Append(checkFile(m.Path)...); resp.Diagnostics.HasError() {
		return
	}
	r := a.begin(ctx, &m.actionModel, "collecting diagnostics", defaultDiagnosticsLimit, resp)
	if r == nil {
		return
	}
	m.knowSecrets(ctx, a.shared)
	most := int64(defaultMaxSize) << 20
	if !m.MaxSize.IsNull() {
		most = m.MaxSize.ValueInt64() << 20
	}
	resp.Diagnostics.Append(inArchive(ctx, m.Path.ValueString(), func(file *archive) error { return r.collect(ctx, &m, file, most) })...)
	r.end(resp)
}

// knowSecrets has the redactor know the secrets of the nodes' configuration.
func (m *actionModel) knowSecrets(ctx context.Context, s *shared) {
	var models map[string]actionNodeModel
	if m.Nodes.ElementsAs(ctx, &models, false).HasError() {
		return
	}
	for _, n := range models {
		b, diags := readBundle(ctx, n.Bundle)
		recipe, err := bundle.DecodeRecipe(b.Recipe.ValueString())
		if diags.HasError() || err != nil {
			continue // it is not there: what is on the node tells its secrets, too
		}
		for name, value := range recipe.Given {
			if p, ok := config.Lookup(name); ok && p.Secret {
				s.redactor.Add(value)
			}
		}
	}
}

// collect has each node give its pieces, and writes them.
func (r *actionRun) collect(ctx context.Context, m *diagnosticsModel, file *archive, most int64) error {
	share := min(max(most/int64(len(r.hosts)+1), leastOfNode), node.MaxCollected)
	var mu sync.Mutex // of the file
	var failed error
	var out []string // what there was no room for
	r.each(ctx, func(ctx context.Context, h actionHost) (done string, err error) {
		var pieces []node.Piece
		// What is a secret on one host is one in what any other has said, which may be written by then: each
		// node's pieces are redacted when it has told its own, which are the cluster's.
		collection := node.Collection{Most: int(share), Since: durationOr(m.Since, defaultSince), Secret: r.redactor.Add}
		err = r.fleet.Ask(ctx, h.Host, r.terms(h), func(ctx context.Context, conn node.Conn, opts node.Options) (err error) {
			pieces, err = node.Collect(ctx, conn, opts, collection)
			return err
		})
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			failed = errors.Join(failed, file.add(entry(h.name, "error.txt"), r.redact(err.Error())+"\n"))
			return "", err
		}
		size := 0
		for _, p := range pieces {
			text := r.redact(p.Content)
			if file.written+int64(len(text)) > most {
				out = append(out, entry(h.name, p.Name))
				continue
			}
			size += len(text)
			failed = errors.Join(failed, file.add(entry(h.name, p.Name), text))
		}
		return fmt.Sprintf("%s, %d KiB", plural(len(pieces), "file"), size>>10), nil
	})
	if len(out) > 0 {
		failed = errors.Join(failed, file.add("left-out.txt", "max_size leaves no room for:\n"+strings.Join(out, "\n")+"\n"))
	}
	if failed != nil {
		return failed
	}
	return r.addRunLog(file, min(share, most-file.written))
}

// addRunLog adds the end of the run log, which is redacted already.
func (r *actionRun) addRunLog(file *archive, most int64) error {
	if r.fleet.Log.Path() == "" || most <= 0 {
		return nil
	}
	log, err := os.Open(r.fleet.Log.Path())
	if err != nil {
		return file.add("run-log.txt", err.Error()+"\n")
	}
	defer log.Close()
	if info, err := log.Stat(); err == nil && info.Size() > most {
		if _, err := log.Seek(-most, io.SeekEnd); err != nil {
			return err
		}
	}
	text, err := io.ReadAll(io.LimitReader(log, most))
	if err != nil {
		return err
	}
	return file.add("run-log.jsonl", r.redact(string(text)))
}

// entry is the name of a node's file in the archive.
func entry(host, name string) string {
	return strings.Map(func(c rune) rune {
		if c == '/' || c == '\\' || c < ' ' {
			return '_'
		}
		return c
	}, host) + "/" + name
}

// What is a secret by its looks, whoever's it is.
var secretLooks = []*regexp.Regexp{
	regexp.MustCompile(`(?s)(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(-----END [A-Z ]*PRIVATE KEY-----)`),
	regexp.MustCompile(`(?i)(authorization:? *"?(?:basic|bearer|token=)? *)[^\s",;]+()`),
	regexp.MustCompile(`(?i)((?:password|passwd|secret|token)"?\s*[=:]\s*"?)[^\s",;&]+()`),
}

// redact redacts what is known to be a secret, and what looks like one.
func (r *actionRun) redact(text string) string {
	text = r.redactor.Redact(text)
	for _, looks := range secretLooks {
		text = looks.ReplaceAllString(text, "${1}"+runlog.Redacted+"${2}")
	}
	return text
}
