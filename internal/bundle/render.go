// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"errors"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
	"github.com/dcos-install/terraform-provider-dcos/internal/render"
)

// templateNames are the templates of an on-premises site, in the order in
// which they enter the ids.
var templateNames = []string{"dcos-config.yaml", "cloud-config.yaml", "dcos-metadata.yaml", "dcos-services.yaml"}

// A templateSet holds the parsed templates of one release. It is read only
// and can be shared by any number of sites.
type templateSet struct {
	templates map[string][]*render.Template // by name: the release's, then gen_extra's
	target    render.Target
}

// parseTemplates parses the release's templates. texts has for each of
// templateNames the release's own text, followed by that of gen_extra if the
// release has one.
func parseTemplates(texts map[string][]string) (*templateSet, error) {
	return nil, errors.New("provisional")
}

// A rendering is what one site makes of a release.
type rendering struct {
	ConfigID      string
	PackageListID string
	PackageIDs    []string  // all cluster packages, sorted
	Packages      []Package // dcos-config, dcos-metadata and, if there is one, the check package
	SetupFiles    []File    // in the order of the template
	Units         []Unit    // in the order of the template
	Arguments     map[string]string
	UserArguments map[string]string
}

// renderConfig renders a site that was resolved without errors and without
// unknown values. site supplies the custom check binaries.
func renderConfig(set *templateSet, res *config.Resolution, site config.Site) (*rendering, error) {
	return nil, errors.New("provisional")
}
