// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package sample

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path"
)

// An image is a container image as `docker save` writes it.
type image struct {
	repository, tag string
	layers          []layer // from the lowest
	entrypoint      []string
}

type layer struct {
	files   tree
	made    string // the build step that made it
	removed []string
}

// merge gives the file system that a container of the image starts with.
func (im *image) merge() tree {
	all := tree{}
	for _, l := range im.layers {
		for _, name := range l.removed {
			delete(all, name)
		}
		all.graft("", l.files)
	}
	return all
}

// save writes the image as the Docker releases of DC/OS's time did: a
// directory a layer with VERSION, json and layer.tar, then the image's
// configuration, manifest.json and repositories.
func (im *image) save(w io.Writer) error {
	const created = "2020-11-04T18:53:43Z"
	type history struct {
		Created string `json:"created"`
		By      string `json:"created_by"`
	}
	var (
		saved   = tree{}
		diffs   []string
		paths   []string
		steps   []history
		parent  string
		layerID string
	)
	for _, l := range im.layers {
		var text bytes.Buffer
		files := tree{}
		files.graft("", l.files)
		for _, name := range l.removed {
			// A file of this name hides the one in the layers below.
			files.file(path.Join(path.Dir(name), ".wh."+path.Base(name)), nil)
		}
		if err := files.tar(&text, ""); err != nil {
			return err
		}
		diff := digest(text.Bytes())
		layerID = digest([]byte(parent + " " + diff))
		v1, err := json.Marshal(map[string]any{"id": layerID, "parent": parent, "created": created, "os": "linux"})
		if err != nil {
			return err
		}
		saved.file(layerID+"/VERSION", []byte("1.0"))
		saved.file(layerID+"/json", v1)
		saved.file(layerID+"/layer.tar", text.Bytes())
		diffs = append(diffs, "sha256:"+diff)
		paths = append(paths, layerID+"/layer.tar")
		steps = append(steps, history{created, l.made})
		parent = layerID
	}
	config, err := json.Marshal(map[string]any{
		"architecture": "amd64", "os": "linux", "created": created, "docker_version": "1.13.1",
		"config": map[string]any{"Entrypoint": im.entrypoint, "WorkingDir": "/", "Volumes": map[string]any{"/genconf": struct{}{}},
			"ExposedPorts": map[string]any{"9000/tcp": struct{}{}}},
		"history": steps,
		"rootfs":  map[string]any{"type": "layers", "diff_ids": diffs},
	})
	if err != nil {
		return err
	}
	name := digest(config) + ".json"
	saved.file(name, config)
	manifest, err := json.Marshal([]map[string]any{{"Config": name, "RepoTags": []string{im.repository + ":" + im.tag}, "Layers": paths}})
	if err != nil {
		return err
	}
	saved.file("manifest.json", append(manifest, '\n'))
	saved.file("repositories", fmt.Appendf(nil, "{%q:{%q:%q}}\n", im.repository, im.tag, layerID))
	return saved.tar(w, "")
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
