// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package aws

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// roleKeys are the temporary keys of a role.
type roleKeys struct{ id, secret, token string }

// metadata is the instance metadata service, version 2: nothing without a
// token. Who asks is known by the address.
func (c *Cloud) metadata() http.Handler {
	var tokens sync.Map
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /latest/api/token", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds") == "" {
			http.Error(w, "how long?", http.StatusBadRequest)
			return
		}
		token := rand.Text()
		tokens.Store(token, true)
		fmt.Fprint(w, token)
	})
	mux.HandleFunc("GET /latest/meta-data/{path...}", func(w http.ResponseWriter, r *http.Request) {
		if _, known := tokens.Load(r.Header.Get("X-Aws-Ec2-Metadata-Token")); !known {
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
		id, v := c.asking(r.RemoteAddr)
		text, found := c.fact(id, v, strings.Trim(r.PathValue("path"), "/"))
		if id == "" || !found {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, text)
	})
	return mux
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
	if id == "" {
		return "", false
	}
	const credentials = "iam/security-credentials"
	role := ""
	if profile, found := c.get("aws_iam_instance_profile", v.text("iam_instance_profile")); found {
		role = profile.text("role")
	}
	switch {
	case path == "instance-id":
		return id, true
	case path == "local-ipv4":
		return c.HostOf(id).Address, true
	case path == "placement/region":
		return c.region, true
	case path == "placement/availability-zone":
		subnet, _ := c.get("aws_subnet", v.text("subnet_id"))
		return subnet.text("availability_zone"), true
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
		for _, policy := range c.objects["aws_iam_role_policy"] {
			allowed = allowed || policy.text("role") == role && grants(policy.text("policy"), "arn:aws:s3:::"+bucket)
		}
	}
	if allowed {
		c.store.Allow(keys.id, keys.secret)
	} else {
		c.store.Forbid(keys.id)
	}
	return keys
}

// grants says whether a policy lets exhibitor work with a bucket.
func grants(policy, bucket string) bool {
	var document struct {
		Statement []struct {
			Effect   string
			Action   []string
			Resource string
		}
	}
	if err := json.Unmarshal([]byte(policy), &document); err != nil {
		return false
	}
	has := map[string]bool{}
	for _, s := range document.Statement {
		for _, action := range s.Action {
			if s.Effect == "Allow" {
				has[action+" "+s.Resource] = true
			}
		}
	}
	return has["s3:ListBucket "+bucket] && has["s3:GetObject "+bucket+"/*"] && has["s3:PutObject "+bucket+"/*"] &&
		has["s3:DeleteObject "+bucket+"/*"]
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
