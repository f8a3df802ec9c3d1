// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"unicode/utf8"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
)

// A Recipe is what any process needs to build the same bundle again: the
// release's place, and what the site gives, without the values of secrets.
type Recipe struct {
	Release ReleaseRef
	Given   map[string]string // parameters that are not in the provider's secrets
	Files   map[string]string // "genconf/ip-detect" → content
}

// SiteID tells clusters apart, those of the same name too, by where nodes find
// the masters.
func (r Recipe) SiteID() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", []string{r.Given["master_discovery"], r.Given["exhibitor_address"], r.Given["master_list"]}))
	return hex.EncodeToString(sum[:8])
}

// A ReleaseRef says where a release is.
type ReleaseRef struct {
	Source string `json:"source"`
	SHA256 string `json:"sha256,omitempty"`
}

// recipeVersion is the form that Encode writes. A form is read forever, since
// recipes are in users' states; another form takes another version.
const recipeVersion = "1"

// maxRecipe bounds what a recipe may become when it is unpacked. Scripts and
// check binaries are in it.
const maxRecipe = 256 << 20

// A recipeForm is a recipe as it is written. JSON has no place for bytes that
// are not text, which check binaries may be.
type recipeForm struct {
	Release  ReleaseRef        `json:"release"`
	Given    map[string]string `json:"given,omitempty"`
	Files    map[string]string `json:"files,omitempty"`
	Binaries map[string][]byte `json:"binaries,omitempty"`
}

// Encode gives the recipe as a compact text; equal recipes give equal texts:
// the version, a dot, and the JSON, deflated, in URL-safe base64.
func (r Recipe) Encode() (string, error) {
	form := recipeForm{Release: r.Release, Given: r.Given}
	for name, content := range r.Files {
		if utf8.ValidString(content) {
			form.Files = with(form.Files, name, content)
		} else {
			form.Binaries = with(form.Binaries, name, []byte(content))
		}
	}
	for name, value := range r.Given {
		if !utf8.ValidString(value) {
			return "", fmt.Errorf("the value of %s is not text", name)
		}
	}
	text, err := json.Marshal(form)
	if err != nil {
		return "", fmt.Errorf("encoding a recipe: %w", err)
	}
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		return "", fmt.Errorf("encoding a recipe: %w", err)
	}
	if _, err := w.Write(text); err != nil {
		return "", fmt.Errorf("encoding a recipe: %w", err)
	}
	if err := w.Close(); err != nil {
		return "", fmt.Errorf("encoding a recipe: %w", err)
	}
	return recipeVersion + "." + base64.RawURLEncoding.EncodeToString(packed.Bytes()), nil
}

func with[V any](m map[string]V, key string, value V) map[string]V {
	if m == nil {
		m = map[string]V{}
	}
	m[key] = value
	return m
}

// errDamaged says nothing of the content, which may be confidential.
var errDamaged = errors.New("the recipe is damaged: it was not copied whole, or it was edited")

// DecodeRecipe reads what Encode wrote.
func DecodeRecipe(text string) (Recipe, error) {
	version, packed, ok := strings.Cut(text, ".")
	switch {
	case !ok || version == "" || strings.Trim(version, "0123456789") != "":
		return Recipe{}, errors.New("this is not a recipe; use the output of dcos_cluster_config as it is")
	case version != recipeVersion:
		return Recipe{}, fmt.Errorf("the recipe has form %s, this provider reads form %s: it was written by a newer provider", version,
			recipeVersion)
	}
	raw, err := base64.RawURLEncoding.DecodeString(packed)
	if err != nil {
		return Recipe{}, errDamaged
	}
	plain, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(raw)), maxRecipe+1))
	if err != nil || len(plain) > maxRecipe {
		return Recipe{}, errDamaged
	}
	d := json.NewDecoder(bytes.NewReader(plain))
	d.DisallowUnknownFields()
	var form recipeForm
	if err := d.Decode(&form); err != nil || form.Release.Source == "" {
		return Recipe{}, errDamaged
	}
	r := Recipe{Release: form.Release, Given: form.Given, Files: form.Files}
	for name, content := range form.Binaries {
		r.Files = with(r.Files, name, string(content))
	}
	return r, nil
}

// Site gives the site of the recipe with the secrets put back in. A secret
// wins over a given value of the same name.
func (r Recipe) Site(secrets map[string]string) config.Site {
	all := maps.Clone(r.Given)
	for name, value := range secrets {
		all = with(all, name, value)
	}
	site := config.Site{Given: make(map[string]config.Value, len(all)), Files: make(map[string]config.File, len(r.Files))}
	for name, value := range all {
		site.Given[name] = config.Value{Text: value}
	}
	for name, content := range r.Files {
		site.Files[name] = config.File{Content: []byte(content)}
	}
	return site
}
