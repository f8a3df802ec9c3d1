// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/net/proxy"
)

// newDialer gives the dialer for the first host on the way, and how a proxy
// is called in messages.
func newDialer(proxyURL string) (proxy.ContextDialer, string, error) {
	direct := directDialer()
	if proxyURL == "" {
		return direct, "", nil
	}
	bad := func(msg string) (proxy.ContextDialer, string, error) {
		return nil, "", &ConfigError{Field: "ssh.proxy_url", Err: errors.New(msg),
			hint: "Use socks5://host:1080 or http://host:3128, with user:password@ before the host if the proxy wants them."}
	}
	// The library's error would show the URL and, in it, the password.
	u, err := url.Parse(proxyURL)
	if err != nil || u.Hostname() == "" {
		return bad("it is not a URL with a host")
	}
	port := u.Port()
	switch u.Scheme {
	case "socks5", "socks5h":
		if port == "" {
			port = "1080"
		}
	case "http":
		if port == "" {
			port = "3128"
		}
	default:
		return bad(fmt.Sprintf("%q proxies are not supported", u.Scheme))
	}
	address := net.JoinHostPort(u.Hostname(), port)
	label := "proxy " + address
	if u.Scheme == "http" {
		return &connectDialer{direct, address, u.User}, label, nil
	}
	var auth *proxy.Auth
	if u.User != nil {
		password, _ := u.User.Password()
		auth = &proxy.Auth{User: u.User.Username(), Password: password}
	}
	d, err := proxy.SOCKS5("tcp", address, auth, direct)
	if err != nil {
		return bad("it cannot be used: " + err.Error())
	}
	cd, ok := d.(proxy.ContextDialer)
	if !ok {
		return bad("it cannot be used")
	}
	return cd, label, nil
}

// directDialer dials without a proxy. Keepalive is SSH's; the kernel's would only
// add packets.
func directDialer() *net.Dialer {
	return &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: false}, KeepAlive: -1}
}

// proxyPassword is the password in a proxy's URL, if there is one.
func proxyPassword(proxyURL string) string {
	u, err := url.Parse(proxyURL)
	if err != nil || u.User == nil {
		return ""
	}
	password, _ := u.User.Password()
	return password
}

// connectDialer reaches hosts through an HTTP proxy (RFC 9110, section 9.3.6).
type connectDialer struct {
	direct  *net.Dialer
	address string
	user    *url.Userinfo
}

var _ proxy.ContextDialer = (*connectDialer)(nil)

func (d *connectDialer) DialContext(ctx context.Context, network, address string) (_ net.Conn, err error) {
	conn, err := d.direct.DialContext(ctx, network, d.address)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = conn.Close() // the error that matters is err
		}
	}()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // a closed connection ends too
	defer stop()
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{}}
	if d.user != nil {
		password, _ := d.user.Password()
		req.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(d.user.Username()+":"+password)))
	}
	if err := req.Write(conn); err != nil {
		return nil, fmt.Errorf("asking the proxy: %w", err)
	}
	// One byte at a time: what follows the header is SSH's, and both servers
	// and proxies send it in one segment.
	br := bufio.NewReaderSize(&oneByte{conn, maxNoise}, 16)
	resp, err := http.ReadResponse(br, req) //nolint:bodyclose // the answer to CONNECT has no body (RFC 9110, section 9.3.6)
	if err != nil {
		return nil, fmt.Errorf("reading the proxy's answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the proxy refuses to connect to %s: %s", address, resp.Status)
	}
	if !stop() {
		return nil, context.Cause(ctx)
	}
	return conn, nil
}

// oneByte gives one byte a Read, so that a buffer over it takes no more than
// it was asked for, and no more than left.
type oneByte struct {
	from io.Reader
	left int
}

func (r *oneByte) Read(p []byte) (int, error) {
	if len(p) > 1 {
		p = p[:1]
	}
	if r.left -= len(p); r.left < 0 {
		return 0, errors.New("it is too long")
	}
	return r.from.Read(p)
}
