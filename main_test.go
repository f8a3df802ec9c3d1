// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/dcos-install/terraform-provider-dcos/internal/provider"
)

// built builds the provider, and returns its path.
func built(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "terraform-provider-dcos")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return binary
}

// What the protocol has got since its first version is looked for by interfaces of their
// own, one by one (terraform-plugin-go, tf6server), and is missing in silence where what
// stands before the provider lacks them.
func TestServerAnswersAll(t *testing.T) {
	t.Parallel()
	w := newWork()
	server := newServer(w)()
	if _, ok := server.(tfprotov6.ListResourceServer); !ok {
		t.Errorf("%T cannot be asked for lists", server)
	}
	if _, ok := server.(tfprotov6.StateStoreServer); !ok {
		t.Errorf("%T cannot be asked for state stores", server)
	}
	actions, ok := server.(tfprotov6.ActionServer)
	if !ok {
		t.Fatalf("%T cannot be asked for actions", server)
	}
	// The framework answers what there is none of; an action at work counts until its last event.
	stream, err := actions.InvokeAction(t.Context(), &tfprotov6.InvokeActionRequest{ActionType: "dcos_none"})
	if err != nil {
		t.Fatal(err)
	}
	if !w.any() {
		t.Error("an action is not at work before its events")
	}
	said := ""
	for e := range stream.Events {
		if done, ok := e.Type.(tfprotov6.CompletedInvokeActionEventType); ok && len(done.Diagnostics) > 0 {
			said = done.Diagnostics[0].Summary
		}
	}
	if said == "" || strings.Contains(said, "Not Implemented") || w.any() {
		t.Errorf("it says %q; at work: %v", said, w.any())
	}
}

// A streamer is a server with one action.
type streamer struct {
	provider.Server
	events func(yield func(tfprotov6.InvokeActionEvent) bool)
}

// InvokeAction gives the events.
func (s streamer) InvokeAction(context.Context, *tfprotov6.InvokeActionRequest) (*tfprotov6.InvokeActionServerStream, error) {
	return &tfprotov6.InvokeActionServerStream{Events: s.events}, nil
}

// TestActionUnheard holds that an action whose client has gone comes to its end, and is at work until then.
func TestActionUnheard(t *testing.T) {
	t.Parallel()
	w := newWork()
	said, atWork := 0, false
	a := applier{streamer{events: func(yield func(tfprotov6.InvokeActionEvent) bool) {
		for range 3 {
			if !yield(tfprotov6.InvokeActionEvent{}) {
				return // as the framework does, which leaves the action behind
			}
			said++
		}
		atWork = w.any()
	}}, w}
	stream, err := a.InvokeAction(t.Context(), &tfprotov6.InvokeActionRequest{})
	if err != nil {
		t.Fatal(err)
	}
	heard := 0
	for range stream.Events {
		heard++
		break
	}
	if heard != 1 || said != 3 || !atWork || w.any() {
		t.Errorf("heard %d, said %d; at work in the middle: %v, at the end: %v", heard, said, atWork, w.any())
	}
}

// A fakeStream is a stream of gRPC's that nothing is sent on.
type fakeStream struct {
	grpc.ServerStream
	ctx context.Context //nolint:containedctx // a stream has one
}

// Context is the stream's.
func (s fakeStream) Context() context.Context { return s.ctx }

// TestUnheardEnd holds that what an action says of its end is an error of its stream where it is
// not heard, and that a good end is none.
func TestUnheardEnd(t *testing.T) {
	t.Parallel()
	wrong := []*tfprotov6.Diagnostic{
		{Severity: tfprotov6.DiagnosticSeverityWarning, Summary: "A Warning"},
		{Severity: tfprotov6.DiagnosticSeverityError, Summary: "Action Not Finished", Detail: "interrupted"},
	}
	for _, c := range []struct {
		end   []*tfprotov6.Diagnostic
		heard int // events
		want  string
	}{{wrong, 1, "Action Not Finished: interrupted"}, {wrong, 3, ""}, {wrong[:1], 1, ""}, {nil, 1, ""}} {
		a := applier{streamer{events: func(yield func(tfprotov6.InvokeActionEvent) bool) {
			yield(tfprotov6.InvokeActionEvent{})
			yield(tfprotov6.InvokeActionEvent{Type: tfprotov6.CompletedInvokeActionEventType{Diagnostics: c.end}})
		}}, newWork()}
		err := tellUnheard(nil, fakeStream{ctx: t.Context()}, nil, func(_ any, s grpc.ServerStream) error {
			stream, err := a.InvokeAction(s.Context(), &tfprotov6.InvokeActionRequest{})
			n := 0
			for range stream.Events {
				if n++; n == c.heard {
					return nil // as plugin-go does with an event that comes after the interruption
				}
			}
			return err
		})
		if got := status.Convert(err).Message(); got != c.want || err != nil && strings.Contains(got, "A Warning") {
			t.Errorf("heard %d: %v", c.heard, err)
		}
	}
}

// TestHelp asks for help as a person does: all that can be called by hand is there.
func TestHelp(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the provider")
	}
	t.Parallel()
	binary := built(t)
	out, err := exec.Command(binary, "--help").CombinedOutput()
	if err != nil {
		t.Errorf("%v", err)
	}
	for _, want := range []string{"runlog", "takeover", "--version", "--address", "--debug", "for Terraform to start"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%s is not in:\n%s", want, out)
		}
	}
	for _, name := range []string{"--version", "--address"} {
		if out, err := exec.Command(binary, name).CombinedOutput(); err != nil || len(out) == 0 {
			t.Errorf("%s: %v, %s", name, err, out)
		}
	}
}
