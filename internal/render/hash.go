// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"crypto/sha1" //nolint:gosec // DC/OS derives its ids with SHA-1
	"encoding/hex"
	"slices"
	"strings"
)

// HashText is the structural hash of a text: SHA-1, in hexadecimal.
func HashText(text string) string {
	sum := sha1.Sum([]byte(text)) //nolint:gosec // see above
	return hex.EncodeToString(sum[:])
}

// HashList is the structural hash of a list: the hashes of the sorted items,
// joined by commas, hashed.
func HashList(items []string) string {
	sorted := slices.Clone(items)
	slices.Sort(sorted)
	for i, item := range sorted {
		sorted[i] = HashText(item)
	}
	return HashText(strings.Join(sorted, ","))
}

// HashHashes is the structural hash of a map whose values' structural hashes
// are given: "key=hash" for each key in sorted order, joined by commas, hashed.
func HashHashes(hashes map[string]string) string {
	var b strings.Builder
	for i, key := range sortedKeys(hashes) {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(key)
		b.WriteByte('=')
		b.WriteString(hashes[key])
	}
	return HashText(b.String())
}

// HashMap is the structural hash of a map of texts.
func HashMap(m map[string]string) string {
	hashes := make(map[string]string, len(m))
	for key, text := range m {
		hashes[key] = HashText(text)
	}
	return HashHashes(hashes)
}
