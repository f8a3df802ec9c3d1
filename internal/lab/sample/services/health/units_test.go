// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package health

import "testing"

func TestParseUnits(t *testing.T) {
	t.Parallel()
	const out = `Id=a.service
Description=Sample DC/OS: a
LoadState=loaded
ActiveState=active
SubState=running
Result=success

Id=b.service
LoadState=loaded
ActiveState=failed
SubState=failed
Result=exit-code

Id=c.service
LoadState=loaded
ActiveState=activating
SubState=auto-restart
Result=exit-code

Id=d.timer
LoadState=not-found
ActiveState=inactive
SubState=dead
Result=success

Id=e.service
LoadState=loaded
ActiveState=inactive
SubState=dead
Result=success
`
	want := map[string]int{"a.service": 0, "b.service": 1, "c.service": 1, "d.timer": 1, "e.service": 0}
	got := parseUnits([]byte(out))
	if len(got) != len(want) || got[0].Name != "a" {
		t.Fatalf("%+v", got)
	}
	for _, u := range got {
		if u.Health != want[u.ID] {
			t.Errorf("%s: %d, want %d", u.ID, u.Health, want[u.ID])
		}
	}
}
