// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package releasetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/dcos-install/terraform-provider-dcos/internal/release"
)

// refusedFile is one that two packages of a derived release bring.
const refusedFile = "/bin/pkgpanda"

// derive writes, as a directory, a release that its package manager refuses to activate: as rel is, but that its
// configuration brings a file that a package brings too.
func derive(ctx context.Context, rel *release.Release, dir string) error {
	ids := rel.Packages()
	complete, err := json.Marshal(map[string]any{"bootstrap": rel.BootstrapID(), "packages": ids})
	if err != nil {
		return err
	}
	prefix := ""
	if rel.Variant() != "" {
		prefix = rel.Variant() + "."
	}
	gen := "gen/"
	files := map[string]string{
		"installer_internal_wrapper": fmt.Sprintf("export DCOS_IMAGE_COMMIT=%s\nexport BOOTSTRAP_ID=%s\nexport BOOTSTRAP_VARIANT=%s\n",
			rel.Commit(), rel.BootstrapID(), rel.Variant()),
		"artifacts/complete/" + prefix + "complete.latest.json": string(complete),
		gen + "calc.py": fmt.Sprintf("entry = {'must': {'dcos_version': '%s'}}\n", rel.Version()),
	}
	for _, name := range []string{"dcos-config.yaml", "cloud-config.yaml", "dcos-metadata.yaml", "dcos-services.yaml"} {
		text, err := rel.Template(name)
		if err != nil {
			return err
		}
		files[gen+name] = string(text)
		extra, _, err := rel.ExtraTemplate(name)
		if err != nil {
			return err
		}
		if name == "dcos-config.yaml" {
			if len(extra) > 0 {
				return errors.New("the release has a gen_extra/dcos-config.yaml already")
			}
			extra = []byte("package:\n  - path: " + refusedFile + "\n    content: |\n      nobody gets this\n")
		}
		if len(extra) > 0 {
			files["gen_extra/"+name] = string(extra)
		}
	}
	for name, content := range files {
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, []byte(content), 0o600); err != nil {
			return err
		}
	}
	artifacts := []string{path.Join("bootstrap", rel.BootstrapID()+".bootstrap.tar.xz")}
	for _, id := range ids {
		name, _, _ := strings.Cut(id, "--")
		artifacts = append(artifacts, path.Join("packages", name, id+".tar.xz"))
	}
	for _, name := range artifacts {
		if err := copyArtifact(ctx, rel, name, filepath.Join(dir, "artifacts", name)); err != nil {
			return err
		}
	}
	return nil
}

func copyArtifact(ctx context.Context, rel *release.Release, name, to string) (err error) {
	a, err := rel.Artifact(name)
	if err != nil {
		return err
	}
	from, err := a.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	file, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, from)
	return errors.Join(ctx.Err(), err, file.Close())
}
