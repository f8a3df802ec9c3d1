// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// What actions write here is for its owner alone, whole or not there at all, and never in the
// place of something else.

// fileAttribute is where it is written.
func fileAttribute(what string) schema.Attribute {
	return schema.StringAttribute{
		Required: true,
		MarkdownDescription: "File that " + what + " is written to, on the machine that Terraform runs on, as a gzipped tar archive of mode " +
			"0600. Nothing " +
			"is ever written over: a file that is there is an error before any host is connected to. With `plantimestamp()` in its name it can be " +
			"invoked again and again.",
		Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
	}
}

// checkFile says what keeps a file from being written, as far as it can be seen before.
func checkFile(path types.String) (diags diag.Diagnostics) {
	if path.IsNull() || path.IsUnknown() {
		return nil
	}
	at := tfpath.Root("path")
	name := expandHome(path.ValueString())
	if _, err := os.Lstat(name); err == nil {
		diags.AddAttributeError(at, "File Is There Already", fmt.Sprintf("%s is there, and nothing is written over. Give another name, or "+
			"move it away.", name))
	} else if info, err := os.Stat(filepath.Dir(name)); err != nil || !info.IsDir() {
		diags.AddAttributeError(at, "File Not Writable", fmt.Sprintf("There is no directory %s for it.", filepath.Dir(name)))
	}
	return diags
}

// checkFileOf judges the path of a configuration.
func checkFileOf(ctx context.Context, config tfsdk.Config) diag.Diagnostics {
	var path types.String
	if diags := config.GetAttribute(ctx, tfpath.Root("path"), &path); diags.HasError() {
		return diags
	}
	return checkFile(path)
}

// An archive is a file that is being written.
type archive struct {
	path    string
	file    *os.File // beside it
	gz      *gzip.Writer
	tar     *tar.Writer
	written int64
	now     time.Time
}

// newArchive begins the file with another name.
func newArchive(path string) (*archive, error) {
	path = expandHome(path)
	f, err := os.CreateTemp(filepath.Dir(path), ".dcos-*.part") // of mode 0600
	if err != nil {
		return nil, err
	}
	a := &archive{path: path, file: f, now: time.Now()}
	a.gz = gzip.NewWriter(f)
	a.tar = tar.NewWriter(a.gz)
	return a, nil
}

// begin begins an entry of so many bytes; its content is written to what is returned.
func (a *archive) begin(name string, size int64) (io.Writer, error) {
	err := a.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: size, ModTime: a.now, Typeflag: tar.TypeReg, Format: tar.FormatPAX})
	return a.tar, err
}

// add adds an entry, and counts its bytes.
func (a *archive) add(name, content string) error {
	w, err := a.begin(name, int64(len(content)))
	if err == nil {
		_, err = io.WriteString(w, content)
	}
	a.written += int64(len(content))
	return err
}

// finish writes the end and gives the file its name, unless something has it by now.
func (a *archive) finish() error {
	err := errors.Join(a.tar.Close(), a.gz.Close(), a.file.Sync(), a.file.Close())
	if err == nil {
		err = os.Link(a.file.Name(), a.path) // unlike a rename, it replaces nothing
	}
	if errors.Is(err, fs.ErrExist) {
		err = fmt.Errorf("%s has come to be there meanwhile, and nothing is written over", a.path)
	}
	return errors.Join(err, os.Remove(a.file.Name()))
}

// drop leaves nothing.
func (a *archive) drop() { _ = errors.Join(a.file.Close(), os.Remove(a.file.Name())) } // it has failed for a better reason

// fileFailed words what went wrong with it.
func fileFailed(err error) diag.Diagnostic {
	return diag.NewAttributeErrorDiagnostic(tfpath.Root("path"), "File Not Written", capital(sentence(err.Error())))
}

// inArchive has an archive written, which is there as a whole or not at all.
func inArchive(ctx context.Context, path string, fill func(a *archive) error) diag.Diagnostics {
	a, err := newArchive(path)
	if err != nil {
		return diag.Diagnostics{fileFailed(err)}
	}
	if err = fill(a); err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		a.drop()
		return diag.Diagnostics{fileFailed(err)}
	}
	if err := a.finish(); err != nil {
		return diag.Diagnostics{fileFailed(err)}
	}
	return nil
}
