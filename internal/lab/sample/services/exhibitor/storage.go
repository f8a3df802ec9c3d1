// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package exhibitor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/host"
)

// A Member is an entry in the storage.
type Member struct {
	Hostname string    `json:"hostname"`
	Since    time.Time `json:"since"` // when it joined
	Seen     time.Time `json:"seen"`  // when it was last there
}

// Storage is where the members of an ensemble find each other.
type Storage interface {
	// Join records that hostname is there now and returns all members that
	// were ever recorded. One that has been away for longer than a lease joins
	// anew. It is called again and again.
	Join(ctx context.Context, hostname string) ([]Member, error)
}

// lease is how long a member counts as alive after it was last seen.
const lease = 15 * time.Second

// choose gives the names of the members that make up an ensemble of n, sorted:
// those that are alive before those that are not, and then who came first.
func choose(members []Member, n int, now time.Time) []string {
	members = slices.Clone(members)
	alive := func(m Member) int {
		if now.Sub(m.Seen) < lease {
			return 0
		}
		return 1
	}
	slices.SortFunc(members, func(a, b Member) int {
		return cmp.Or(cmp.Compare(alive(a), alive(b)), a.Since.Compare(b.Since), cmp.Compare(a.Hostname, b.Hostname))
	})
	var names []string
	for _, m := range members[:min(n, len(members))] {
		names = append(names, m.Hostname)
	}
	slices.Sort(names)
	return names
}

// renewed is a member's entry when it is there now and was before.
func renewed(before *Member, hostname string, now time.Time) Member {
	m := Member{Hostname: hostname, Since: now, Seen: now}
	if before != nil && now.Sub(before.Seen) < lease {
		m.Since = before.Since
	}
	return m
}

// Static is a fixed list.
type Static []string

// Join gives the list; a host that is not on it must not run a member.
func (s Static) Join(_ context.Context, hostname string) ([]Member, error) {
	if !slices.Contains(s, hostname) {
		return nil, fmt.Errorf("ip-detect says %s, which is not among the masters %s", hostname, strings.Join(s, ", "))
	}
	now := time.Now()
	var all []Member
	for _, name := range s {
		all = append(all, Member{Hostname: name, Seen: now})
	}
	return all, nil
}

// ParseStatic reads EXHIBITOR_STATICENSEMBLE, "1:ADDRESS,2:ADDRESS".
func ParseStatic(text string) (Static, error) {
	var s Static
	for item := range strings.SplitSeq(text, ",") {
		_, address, ok := strings.Cut(item, ":")
		if !ok {
			return nil, fmt.Errorf("static ensemble %q has an entry that is not NUMBER:ADDRESS", text)
		}
		s = append(s, address)
	}
	return s, nil
}

// Shared is a directory that all masters see. Each member has a file in it.
// Like exhibitor's, the files stay when DC/OS goes.
type Shared struct{ Dir string }

const memberSuffix = ".member.json"

// Join writes this member's file and reads all.
func (s Shared) Join(_ context.Context, hostname string) ([]Member, error) {
	path := filepath.Join(s.Dir, hostname+memberSuffix)
	before, err := readMember(path)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(renewed(before, hostname, time.Now()))
	if err != nil {
		return nil, err
	}
	if err := host.WriteFile(path, text, 0o644); err != nil {
		return nil, err
	}
	paths, err := filepath.Glob(filepath.Join(s.Dir, "*"+memberSuffix))
	if err != nil {
		return nil, err
	}
	var all []Member
	for _, path := range paths {
		m, err := readMember(path)
		if err != nil {
			return nil, err
		}
		if m != nil {
			all = append(all, *m)
		}
	}
	return all, nil
}

func readMember(path string) (*Member, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return decodeMember(path, text)
}

// decodeMember reads what a backend keeps of a member at path.
func decodeMember(path string, text []byte) (*Member, error) {
	var m Member
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &m, nil
}
