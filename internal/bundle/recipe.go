// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"errors"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
)

// A Recipe is what any process needs to build the same bundle again: the
// release's place, and what the site gives, without the values of secrets.
type Recipe struct {
	Release ReleaseRef        `json:"release"`
	Given   map[string]string `json:"given,omitempty"` // parameters that are not in the provider's secrets
	Files   map[string]string `json:"files,omitempty"` // "genconf/ip-detect" → content
}

// A ReleaseRef says where a release is.
type ReleaseRef struct {
	Source string `json:"source"`
	SHA256 string `json:"sha256,omitempty"`
}

// Encode gives the recipe as a compact text; equal recipes give equal texts.
func (r Recipe) Encode() (string, error) { return "", errors.New("provisional") }

// DecodeRecipe reads what Encode wrote.
func DecodeRecipe(text string) (Recipe, error) { return Recipe{}, errors.New("provisional") }

// Site gives the site of the recipe with the secrets put back in. A secret
// wins over a given value of the same name.
func (r Recipe) Site(secrets map[string]string) (config.Site, error) {
	return config.Site{}, errors.New("provisional")
}
