// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"errors"

	"github.com/dcos-install/terraform-provider-dcos/internal/release"
	"github.com/dcos-install/terraform-provider-dcos/internal/render"
)

// ServeDirectory gives the files of the serve directory: what a web server at
// bootstrap_url has to offer, in the layout of the directory genconf/serve that
// DC/OS's generator writes, in an order in which none names one that comes after
// it. For each version in upgradeFrom there is upgrade/ID/dcos_node_upgrade.sh
// too.
func (b *Bundle) ServeDirectory(ctx context.Context, upgradeFrom ...string) ([]Artifact, error) {
	files, err := b.Artifacts(ctx)
	if err != nil {
		return nil, err
	}
	// No node fetches it, so a rebuilt release may lack it.
	active, err := b.releaseArtifact(ctx, "bootstrap/"+b.BootstrapID+".active.json")
	var missing *release.Error
	switch {
	case err == nil:
		files = append(files, active)
	case !errors.As(err, &missing) || missing.Reason != release.Incomplete:
		return nil, err
	}
	info, err := b.packageInfo()
	if err != nil {
		return nil, err
	}
	install, err := b.InstallScript()
	if err != nil {
		return nil, err
	}
	for _, version := range upgradeFrom {
		script, err := b.UpgradeScript(version)
		if err != nil {
			return nil, err
		}
		files = append(files, NewArtifact(b.UpgradePath(version), script))
	}
	return append(files,
		NewArtifact("cluster-package-info.json", info),
		NewArtifact("dcos_install.sh", install),
		NewArtifact("bootstrap.latest", []byte(b.BootstrapID)),
		NewArtifact("cluster-package-list.latest", []byte(b.PackageListID)),
	), nil
}

// UpgradePath gives the path of the upgrade script from a version, below
// bootstrap_url. DC/OS makes up a random name; this one is that of the content.
func (b *Bundle) UpgradePath(fromVersion string) string {
	return "upgrade/" + hexSum([]byte(b.ID + " " + fromVersion))[:32] + "/dcos_node_upgrade.sh"
}

// packageInfo gives the index of the cluster's packages: by name, sorted, the
// path and the id.
func (b *Bundle) packageInfo() ([]byte, error) {
	packages := render.NewMap()
	for _, id := range b.PackageIDs {
		packages.Set(packageName(id), render.NewMap("filename", packagePath(id), "id", id))
	}
	text, err := render.EncodePrettyJSON(packages)
	return []byte(text), err
}
