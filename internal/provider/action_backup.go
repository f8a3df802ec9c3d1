// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

var (
	_ action.ActionWithConfigure      = (*backupAction)(nil)
	_ action.ActionWithValidateConfig = (*backupAction)(nil)
	_ action.ActionWithModifyPlan     = (*backupAction)(nil)
)

// backupAction is dcos_backup: ZooKeeper's and exhibitor's state from a master, in a file here.
type backupAction struct{ acting }

func newBackupAction() action.Action { return &backupAction{acting{roles: mastersOnly}} }

// backupModel is a dcos_backup.
type backupModel struct {
	actionModel
	Path types.String `tfsdk:"path"`
}

const defaultBackupLimit = 30 * time.Minute

// Metadata names the action.
func (a *backupAction) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_backup"
}

// Schema describes the action.
func (a *backupAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	s := actionSchema("Copies ZooKeeper's state, and what exhibitor says of itself, from a master that serves into an archive on the "+
		"machine that "+
		"Terraform runs on, and verifies it: before an upgrade, say. The cluster works on meanwhile; nothing is changed on any host.",
		"The masters: the first one by name is asked, and the next ones where that fails.", defaultBackupLimit,
		map[string]schema.Attribute{"path": fileAttribute("the backup")})
	delete(s.Attributes, "max_parallel") // there is one host at a time
	resp.Schema = s
}

// read reads the configuration.
func (m *backupModel) read(ctx context.Context, get func(ctx context.Context, target any) diag.Diagnostics) diag.Diagnostics {
	var given struct {
		Nodes   types.Map    `tfsdk:"nodes"`
		Timeout types.String `tfsdk:"timeout"`
		Path    types.String `tfsdk:"path"`
	}
	diags := get(ctx, &given)
	m.Nodes, m.Timeout, m.Path, m.MaxParallel = given.Nodes, given.Timeout, given.Path, types.Int64Value(1)
	return diags
}

// ModifyPlan judges the file, before Terraform asks whether to go on.
func (a *backupAction) ModifyPlan(ctx context.Context, req action.ModifyPlanRequest, resp *action.ModifyPlanResponse) {
	resp.Diagnostics.Append(checkFileOf(ctx, req.Config)...)
}

// Invoke makes the backup.
func (a *backupAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var m backupModel
	if resp.Diagnostics.Append(m.read(ctx, req.Config.Get)...); !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(checkFile(m.Path)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	r := a.begin(ctx, &m.actionModel, "making a backup", defaultBackupLimit, resp)
	if r == nil {
		return
	}
	path := expandHome(m.Path.ValueString())
	for i, h := range r.hosts {
		err := r.backup(ctx, h, path)
		var file *fileError
		switch {
		case err == nil:
			r.end(resp)
			return
		case errors.As(err, &file):
			resp.Diagnostics.Append(fileFailed(file.error))
			return
		}
		f := r.failure(&h.Host, r.doing, err)
		f.host = h.names()
		detail := r.redactor.Redact(f.detail())
		r.tell(h, "failed", f.summary)
		if i < len(r.hosts)-1 && ctx.Err() == nil {
			r.report.add(diag.NewWarningDiagnostic(f.summary, detail+"\n\nThe next of the masters was asked."))
			continue
		}
		r.report.add(diag.NewErrorDiagnostic(f.summary, detail))
		break
	}
	r.end(resp)
}

// A fileError is what went wrong here, and not on a host.
type fileError struct{ error }

// backup makes the backup from one master.
func (r *actionRun) backup(ctx context.Context, h actionHost, path string) error {
	// Beside the file: where there is room for it, there is for what it is made of.
	directory, err := os.MkdirTemp(filepath.Dir(path), ".dcos-backup-*") // of mode 0700
	if err != nil {
		return &fileError{err}
	}
	defer func() { _ = os.RemoveAll(directory) }() // what may be left is in a directory of ours, for nobody's eyes
	var b *node.Backup
	err = r.fleet.Ask(ctx, h.Host, r.terms(h), func(ctx context.Context, conn node.Conn, opts node.Options) (err error) {
		b, err = node.MakeBackup(ctx, conn, opts, directory)
		return err
	})
	if err != nil {
		return err
	}
	a, err := newArchive(path)
	if err != nil {
		return &fileError{err}
	}
	if err := r.fill(a, h, b, directory); err != nil {
		a.drop()
		return &fileError{err}
	}
	if err := a.finish(); err != nil {
		return &fileError{err}
	}
	r.tell(h, "done", fmt.Sprintf("verified: %s and %s behind it, up to %x", b.Snapshot, plural(b.Transactions, "transaction"), b.Last))
	return nil
}

// backupConsistency says what a backup is worth, in the backup itself.
const backupConsistency = "The state of this master's ZooKeeper when its logs were read: the snapshot together with all transactions " +
	"behind it, of which " +
	"none is missing in between. Every change that a client had been told of was in it, but for what this master was about to be sent by " +
	"the leader."

// fill writes the archive.
func (r *actionRun) fill(a *archive, h actionHost, b *node.Backup, directory string) error {
	manifest, err := json.MarshalIndent(map[string]any{
		"format": 1, "made": a.now.UTC().Format(time.RFC3339), "master": h.Address(), "cluster": h.Cluster, "cluster_id": b.ClusterID,
		"snapshot": b.Snapshot, "logs": b.Logs, "transactions": b.Transactions, "last_zxid": fmt.Sprintf("%x", b.Last),
		"consistency": backupConsistency,
	}, "", "  ")
	if err != nil {
		return err
	}
	err = errors.Join(a.add("manifest.json", string(manifest)+"\n"), a.add("exhibitor/status.json", b.State+"\n"))
	if b.Config != "" {
		err = errors.Join(err, a.add("exhibitor/config.json", r.redact(b.Config)+"\n"))
	}
	copyIn := func(to, name string) error {
		f, err := os.Open(filepath.Join(directory, name))
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		w, err := a.begin(strings.Join([]string{"zookeeper", to, "version-2", name}, "/"), info.Size())
		if err != nil {
			return err
		}
		_, err = io.Copy(w, f)
		return err
	}
	err = errors.Join(err, copyIn("snapshot", b.Snapshot))
	for _, l := range b.Logs {
		err = errors.Join(err, copyIn("transactions", l.Name))
	}
	return err
}
