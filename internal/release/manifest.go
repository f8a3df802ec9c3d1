// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A savedImage is an image as docker save lists it.
type savedImage struct {
	Config string
	Layers []string
}

// readNames gives the names of an image's layers and of its configuration.
func readNames(f io.ReaderAt, members map[string]member) (layers []string, config string, err error) {
	_, saved := members["manifest.json"]
	_, oci := members["index.json"]
	if !saved && !oci {
		return nil, "", &Error{Reason: NotARelease,
			Detail: "there is no image in it as docker save and skopeo write them: no manifest.json and no index.json"}
	}
	if !saved {
		return readOCI(f, members)
	}
	var text json.RawMessage
	if err := readJSON(f, members, "manifest.json", &text); err != nil {
		return nil, "", err
	}
	if text[0] == '{' {
		return nil, "", &Error{Reason: Unsupported, Detail: "it is an image as skopeo's dir: writes it; " +
			"copy that by skopeo copy dir:PATH docker-archive:FILE, and name the file"}
	}
	var images []savedImage
	if err := json.Unmarshal(text, &images); err != nil {
		return nil, "", &Error{Reason: Altered, Detail: "manifest.json of the image is not a list of images", Err: err}
	}
	// An image with several names may be there once for each.
	images = slices.CompactFunc(images, func(a, b savedImage) bool { return a.Config == b.Config && slices.Equal(a.Layers, b.Layers) })
	switch {
	case len(images) == 1:
		return images[0].Layers, images[0].Config, nil
	case oci: // which tells platforms apart
		return readOCI(f, members)
	}
	return nil, "", &Error{Reason: NotARelease, Detail: fmt.Sprintf("there are %d images in it, not one", len(images))}
}

// A descriptor names a part of an OCI image.
type descriptor struct {
	Digest   string `json:"digest"`
	Platform *struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
	} `json:"platform"`
	Annotations map[string]string `json:"annotations"`
}

// blob is where the part is.
func (d descriptor) blob() string { return "blobs/" + strings.Replace(d.Digest, ":", "/", 1) }

// platform is what the part is for; empty if it does not say.
func (d descriptor) platform() string {
	if d.Platform == nil || d.Platform.OS == "" && d.Platform.Architecture == "" {
		return ""
	}
	return cmp.Or(d.Platform.OS, "unknown") + "/" + cmp.Or(d.Platform.Architecture, "unknown")
}

// attestation reports whether the part says something of an image and is none.
func (d descriptor) attestation() bool {
	return d.platform() == "unknown/unknown" || d.Annotations["vnd.docker.reference.type"] == "attestation-manifest"
}

// wantedPlatform is that of DC/OS's installer.
const wantedPlatform = "linux/amd64"

// choose gives the image among those of an index: one that is alone whatever it is
// for, as it was built, or else the one for the installer's platform.
func choose(all []descriptor) (descriptor, error) {
	images := slices.DeleteFunc(slices.Clone(all), descriptor.attestation)
	var right, unsaid []descriptor
	var platforms []string
	for _, d := range images {
		switch platforms = append(platforms, cmp.Or(d.platform(), "no platform")); d.platform() {
		case wantedPlatform:
			right = append(right, d)
		case "":
			unsaid = append(unsaid, d)
		}
	}
	for _, some := range [][]descriptor{right, unsaid, images} {
		// The same image may be there by several names.
		some = slices.CompactFunc(some, func(a, b descriptor) bool { return a.Digest == b.Digest })
		if len(some) == 1 {
			return some[0], nil
		}
		if len(some) > 0 {
			break
		}
	}
	if len(images) == 0 {
		return descriptor{}, &Error{Reason: NotARelease, Detail: "the image in it lists no layers"}
	}
	return descriptor{}, &Error{Reason: NotARelease, Detail: fmt.Sprintf(
		"there are %d images in it, for %s, and not one for %s; save the right one alone",
		len(images), strings.Join(platforms, ", "), wantedPlatform)}
}

// readOCI finds the layers and the configuration of an OCI image layout.
func readOCI(f io.ReaderAt, members map[string]member) (layers []string, config string, err error) {
	at := "index.json"
	for range 4 { // an index may lead to an index
		var doc struct {
			Manifests []descriptor `json:"manifests"`
			Config    descriptor   `json:"config"`
			Layers    []descriptor `json:"layers"`
		}
		if err := readJSON(f, members, at, &doc); err != nil {
			return nil, "", err
		}
		if len(doc.Layers) > 0 {
			for _, l := range doc.Layers {
				layers = append(layers, l.blob())
			}
			return layers, doc.Config.blob(), nil
		}
		d, err := choose(doc.Manifests)
		if err != nil {
			return nil, "", err
		}
		at = d.blob()
	}
	return nil, "", &Error{Reason: NotARelease, Detail: "the image in it lists no layers"}
}
