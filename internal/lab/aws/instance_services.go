// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package aws

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/net/ipv4"
)

// roleKeys are the temporary keys of a role.
type roleKeys struct{ id, secret, token string }

// metadataOptions are what an instance's metadata_options say. Without them the service is on, takes requests without a
// token, and its answer with a token goes one hop.
func (v values) metadataOptions() (on, tokens bool, hops int) {
	on, hops = true, 1
	for _, o := range v.blocks("metadata_options") {
		on, tokens = o.text("http_endpoint") != "disabled", o.text("http_tokens") == "required"
		if n := o.number("http_put_response_hop_limit"); n > 0 {
			hops = n
		}
	}
	return on, tokens, hops
}

// metadata is the instance metadata service, of both versions, as the instance that asks has it in its
// metadata_options. Who asks is known by the address.
func (c *Cloud) metadata() http.Handler {
	var tokens sync.Map // token → id of the instance that it was given to
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /latest/api/token", func(w http.ResponseWriter, r *http.Request) {
		id, v := c.asking(r.RemoteAddr)
		on, _, hops := v.metadataOptions()
		switch {
		case id == "" || !on || r.Header.Get("X-Forwarded-For") != "":
			http.Error(w, "forbidden", http.StatusForbidden)
			return
		case r.Header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds") == "":
			http.Error(w, "how long?", http.StatusBadRequest)
			return
		}
		if err := goes(r, hops); err != nil {
			panic(http.ErrAbortHandler) // the connection is gone
		}
		token := rand.Text()
		tokens.Store(token, id)
		fmt.Fprint(w, token)
	})
	mux.HandleFunc("GET /latest/{path...}", func(w http.ResponseWriter, r *http.Request) {
		id, v := c.asking(r.RemoteAddr)
		on, required, _ := v.metadataOptions()
		given := r.Header.Get("X-Aws-Ec2-Metadata-Token")
		of, _ := tokens.Load(given)
		switch {
		case id == "" || !on:
			http.Error(w, "forbidden", http.StatusForbidden)
			return
		case of != id && (required || given != ""):
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
		if err := goes(r, 64); err != nil {
			panic(http.ErrAbortHandler) // the connection is gone
		}
		text, found := c.fact(id, v, strings.Trim(r.PathValue("path"), "/"))
		if !found {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, text)
	})
	return mux
}

// connection is the key of a request's connection in its context.
type connection struct{}

// goes says how many hops the answer to a request may go.
func goes(r *http.Request, hops int) error {
	conn, ok := r.Context().Value(connection{}).(net.Conn)
	if !ok {
		return errors.New("the server does not keep its connections")
	}
	return ipv4.NewConn(conn).SetTTL(hops)
}

// asking gives the instance with an address.
func (c *Cloud) asking(remote string) (id string, v values) {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return "", nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, h := range c.hosts {
		if v, found := c.objects["aws_instance"][id]; found && h.Address == host {
			return id, v
		}
	}
	return "", nil
}

// fact gives what the metadata service says of an instance.
func (c *Cloud) fact(id string, v values, path string) (string, bool) {
	if path == "user-data" {
		return v.text("user_data"), v.text("user_data") != ""
	}
	const credentials = "meta-data/iam/security-credentials"
	role := ""
	if profile, found := c.get("aws_iam_instance_profile", v.text("iam_instance_profile")); found {
		role = profile.text("role")
	}
	switch {
	case path == "meta-data/instance-id":
		return id, true
	case path == "meta-data/local-ipv4":
		return c.HostOf(id).Address, true
	case path == "meta-data/placement/region":
		return c.region, true
	case path == "meta-data/placement/availability-zone":
		return c.zone(v), true
	case path == "dynamic/instance-identity/document":
		text, err := json.Marshal(map[string]string{"instanceId": id, "region": c.region, "availabilityZone": c.zone(v)})
		return string(text), err == nil
	case path == credentials && role != "":
		return role, true
	case path == credentials+"/"+role && role != "":
		keys := c.keysOf(role)
		text, err := json.Marshal(map[string]string{
			"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": keys.id, "SecretAccessKey": keys.secret, "Token": keys.token,
			"LastUpdated": time.Now().UTC().Format(time.RFC3339), "Expiration": time.Now().Add(6 * time.Hour).UTC().Format(time.RFC3339),
		})
		return string(text), err == nil
	}
	return "", false
}

// zone gives the zone that an instance is in.
func (c *Cloud) zone(instance values) string {
	subnet, _ := c.get("aws_subnet", instance.text("subnet_id"))
	return subnet.text("availability_zone")
}

// keysOf gives a role's keys. They open S3 if the role may do with a bucket
// what exhibitor does.
func (c *Cloud) keysOf(role string) roleKeys {
	c.mu.Lock()
	defer c.mu.Unlock()
	keys, found := c.roles[role]
	if !found {
		keys = roleKeys{"ASIA" + rand.Text()[:16], rand.Text(), rand.Text()}
		c.roles[role] = keys
	}
	allowed := false
	for bucket := range c.objects["aws_s3_bucket"] {
		arn := "arn:aws:s3:::" + bucket
		allowed = allowed || c.may(role, "s3:ListBucket", arn) && c.may(role, "s3:GetObject", arn+"/*") &&
			c.may(role, "s3:PutObject", arn+"/*") && c.may(role, "s3:DeleteObject", arn+"/*")
	}
	if allowed {
		c.store.Allow(keys.id, keys.secret)
	} else {
		c.store.Forbid(keys.id)
	}
	return keys
}

// may says whether a role's policies allow an action on a resource, which they name as it is here. The lock is held.
func (c *Cloud) may(role, action, resource string) bool {
	for _, p := range c.objects["aws_iam_role_policy"] {
		var document struct {
			Statement []struct {
				Effect   string
				Action   []string
				Resource string
			}
		}
		if p.text("role") != role || json.Unmarshal([]byte(p.text("policy")), &document) != nil {
			continue
		}
		for _, s := range document.Statement {
			if s.Effect == "Allow" && s.Resource == resource && slices.Contains(s.Action, action) {
				return true
			}
		}
	}
	return false
}

// api is EC2's: it tells that there are no volumes to who may ask, which is known by the key's id and the session's token alone.
func (c *Cloud) api(w http.ResponseWriter, r *http.Request) {
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	id, _, _ := strings.Cut(credential, "/")
	action := r.PostFormValue("Action")
	c.mu.Lock()
	defer c.mu.Unlock()
	for role, keys := range c.roles {
		if keys.id != id || keys.token != r.Header.Get("X-Amz-Security-Token") {
			continue
		}
		switch {
		case !c.may(role, "ec2:"+action, "*"):
			http.Error(w, "<Response><Errors><Error><Code>UnauthorizedOperation</Code></Error></Errors></Response>", http.StatusForbidden)
		case action != "DescribeVolumes":
			http.Error(w, "<Response><Errors><Error><Code>InvalidAction</Code></Error></Errors></Response>", http.StatusBadRequest)
		default:
			fmt.Fprint(w, "<DescribeVolumesResponse><volumeSet/></DescribeVolumesResponse>")
		}
		return
	}
	http.Error(w, "<Response><Errors><Error><Code>AuthFailure</Code></Error></Errors></Response>", http.StatusUnauthorized)
}

// bucket answers an unsigned HEAD of a bucket as S3 does, which says where it is to everybody, and anything else from the store.
func (c *Cloud) bucket(w http.ResponseWriter, r *http.Request) {
	name := strings.Trim(r.URL.Path, "/")
	if r.Method != http.MethodHead || r.Header.Get("Authorization") != "" || strings.Contains(name, "/") {
		c.store.ServeHTTP(w, r)
		return
	}
	if _, found := c.get("aws_s3_bucket", name); !found {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("X-Amz-Bucket-Region", c.region)
	w.WriteHeader(http.StatusForbidden)
}

// resolve answers DNS questions with what Lookup knows, until conn is closed.
func (c *Cloud) resolve(conn net.PacketConn) {
	buffer := make([]byte, 4096)
	for {
		n, from, err := conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		reply, err := c.answer(buffer[:n])
		if err != nil {
			continue // not a question
		}
		_, _ = conn.WriteTo(reply, from) // who asked will ask again
	}
}

func (c *Cloud) answer(message []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(message); err != nil {
		return nil, err
	}
	m.Response, m.Authoritative, m.RecursionAvailable = true, true, true
	m.Answers, m.Authorities, m.Additionals = nil, nil, nil
	for _, q := range m.Questions {
		ip := net.ParseIP(c.Lookup(q.Name.String())).To4()
		switch {
		case ip == nil:
			m.RCode = dnsmessage.RCodeNameError
		case q.Type == dnsmessage.TypeA:
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 5},
				Body:   &dnsmessage.AResource{A: [4]byte(ip)},
			})
		}
	}
	return m.Pack()
}
