// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/dcos-install/terraform-provider-dcos/internal/provider"
)

const (
	// shutdownCall is by which a client ends a provider (go-plugin,
	// internal/plugin/grpc_controller.proto).
	shutdownCall = "/plugin.GRPCController/Shutdown"
	// shutdownLimit is how long the answer to it waits for work that is under
	// way. Clients give a provider two seconds to go, and count them from that
	// answer (go-plugin, Client.Kill); who has asked twice is not to wait longer.
	shutdownLimit = 1900 * time.Millisecond
)

// handshake is the protocol's: which version it is, and how a provider knows that
// Terraform has started it (terraform-plugin-go, tf6server.Serve).
var handshake = plugin.HandshakeConfig{
	ProtocolVersion: 6,
	MagicCookieKey:  provider.CookieKey, MagicCookieValue: "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2",
}

// serve serves Terraform until it says that this is enough. It is
// tf6server.Serve, which has no place for what stands before the end: at a
// second interrupt a client does not wait for the work that the first one has
// stopped. It ends the provider, and takes answers until that has happened; but
// go-plugin breaks all connections as soon as it is told to end (Shutdown in
// grpc_controller.go), and what work has changed would be in no state.
//
// Messages may be as large as clients take them (go-plugin, GRPCClient and
// dialGRPCConn), although none is to be larger than tf6server lets through
// ([provider.MaxMessage]): an answer that is held back would be in no state either.
func serve(server func() tfprotov6.ProviderServer, w *work) {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: handshake,
		Plugins:         plugin.PluginSet{"provider": &tf6server.GRPCProviderPlugin{GRPCProvider: server, Name: provider.Address}},
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(options, grpc.MaxRecvMsgSize(math.MaxInt32), grpc.MaxSendMsgSize(math.MaxInt32),
				grpc.ChainUnaryInterceptor(w.beforeShutdown), grpc.ChainStreamInterceptor(tellUnheard))...)
		},
	})
}

// A work counts what is changing something.
type work struct {
	closing chan struct{} // closed when the process is about to end

	mu   sync.Mutex
	n    int
	none *sync.Cond // n has become 0
	end  sync.Once  // closes closing
}

func newWork() *work {
	w := &work{closing: make(chan struct{})}
	w.none = sync.NewCond(&w.mu)
	return w
}

// begin counts one more until it is done.
func (w *work) begin() (done func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n++
	return sync.OnceFunc(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.n--; w.n == 0 {
			w.none.Broadcast()
		}
	})
}

// wait waits until nothing is at work.
func (w *work) wait() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.n > 0 {
		w.none.Wait()
	}
}

func (w *work) any() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.n > 0
}

// beforeShutdown keeps back the answer to the client's order to end, and so keeps
// the connections, if anything is at work, which is told. What it answers the client
// writes to its state for as long as this process is there: all of the time is
// given, since nobody says when that is done.
func (w *work) beforeShutdown(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	if info.FullMethod == shutdownCall {
		w.end.Do(func() { close(w.closing) })
		if w.any() {
			time.Sleep(shutdownLimit)
		}
	}
	return handle(ctx, req)
}

// An applier is a provider that knows whether it is changing something.
type applier struct {
	provider.Server
	work *work
}

// ApplyResourceChange creates, changes or destroys.
func (a applier) ApplyResourceChange(
	ctx context.Context, req *tfprotov6.ApplyResourceChangeRequest,
) (*tfprotov6.ApplyResourceChangeResponse, error) {
	defer a.work.begin()()
	return a.Server.ApplyResourceChange(ctx, req)
}

// An unheard is how an action ended that nobody was told of. plugin-go (0.31, tf6server) ends the stream of an
// action with its next event once Terraform has been interrupted: what it says of its end is lost, and Terraform (1.16)
// takes an action without an end for one that went well.
type unheard struct{ wrong []*tfprotov6.Diagnostic }

type unheardKey struct{}

// tellUnheard makes the error of a stream of what went wrong and was not heard.
func tellUnheard(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	u := &unheard{}
	err := handle(srv, &heardStream{stream, context.WithValue(stream.Context(), unheardKey{}, u)})
	if err != nil || len(u.wrong) == 0 {
		return err
	}
	texts := make([]string, len(u.wrong))
	for i, d := range u.wrong {
		texts[i] = d.Summary + ": " + d.Detail
	}
	return status.Error(codes.Aborted, strings.Join(texts, "\n\n"))
}

// A heardStream is a stream with another context.
type heardStream struct {
	grpc.ServerStream
	ctx context.Context //nolint:containedctx // it is what a stream is for
}

// Context is the stream's.
func (s *heardStream) Context() context.Context { return s.ctx }

// InvokeAction does an action, which is at work until its last event: also when nobody listens any more. The framework
// gives up the stream of one whose client has gone while the action goes on, and keeps it waiting for ever in the middle
// of what it is about to say (fwserver, SendProgress).
func (a applier) InvokeAction(ctx context.Context, req *tfprotov6.InvokeActionRequest) (*tfprotov6.InvokeActionServerStream, error) {
	done := a.work.begin()
	stream, err := a.Server.InvokeAction(ctx, req)
	if err != nil {
		done()
		return stream, err
	}
	lost, _ := ctx.Value(unheardKey{}).(*unheard) // who is called otherwise than by gRPC tells nobody
	events := stream.Events
	stream.Events = func(yield func(tfprotov6.InvokeActionEvent) bool) {
		defer done()
		heard := true
		events(func(e tfprotov6.InvokeActionEvent) bool {
			heard = heard && yield(e)
			if end, ok := e.Type.(tfprotov6.CompletedInvokeActionEventType); ok && !heard && lost != nil {
				for _, d := range end.Diagnostics {
					if d.Severity == tfprotov6.DiagnosticSeverityError {
						lost.wrong = append(lost.wrong, d)
					}
				}
			}
			return true
		})
	}
	return stream, nil
}
