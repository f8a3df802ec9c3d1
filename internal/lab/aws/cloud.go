// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package aws

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/objectstore"
)

// Addresses that every instance knows.
const (
	metadataAddress = "169.254.169.254"
	resolverAddress = "169.254.169.253"
)

// AMI is the one image that there is: that of the lab's hosts.
const AMI = "ami-0123456789abcdef0"

// User is the AMI's user.
const User = lab.UserNoPassword

// Cloud is one region of the stand-in.
type Cloud struct {
	// Launched is told of every instance that has booted.
	Launched func(context.Context, *lab.Host) error
	// Hosts are wishes about the hosts of all instances.
	Hosts []lab.Option
	// Deleting is told of every resource before it is deleted, by type and id.
	Deleting func(ctx context.Context, kind, id string) error

	lab    *lab.Lab
	region string
	store  *objectstore.Store
	ca     *authority

	mu      sync.Mutex
	objects map[string]map[string]values // type → id → what it was made with
	hosts   map[string]*lab.Host         // of instances and balancers, by id
	names   map[string]string            // DNS name → address
	roles   map[string]roleKeys          // role → keys
	leased  []string                     // addresses that were given out

	balancing sync.Mutex // one change of a balancer at a time
}

// New makes an empty region and starts what instances find in their network.
// The process has to be inside the lab. Close ends it.
func New(ctx context.Context, l *lab.Lab, region string) (*Cloud, func() error, error) {
	if !l.Inside() {
		return nil, nil, errors.New("the stand-in for AWS runs in the lab's network only")
	}
	s3, ec2 := "s3."+region+".amazonaws.com", "ec2."+region+".amazonaws.com"
	ca, err := newAuthority(s3, ec2)
	if err != nil {
		return nil, nil, err
	}
	c := &Cloud{
		lab: l, region: region, store: objectstore.New(), ca: ca,
		objects: map[string]map[string]values{}, hosts: map[string]*lab.Host{},
		names: map[string]string{s3: l.Gateway(), ec2: l.Gateway()}, roles: map[string]roleKeys{},
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	var closers []func() error
	done := func() error {
		cancel()
		var errs []error
		for _, h := range c.hosts { // what was not destroyed
			errs = append(errs, h.Destroy(context.WithoutCancel(ctx)))
		}
		for _, f := range slices.Backward(closers) {
			errs = append(errs, f())
		}
		wg.Wait()
		return errors.Join(errs...)
	}
	fail := func(err error) (*Cloud, func() error, error) {
		return nil, nil, errors.Join(fmt.Errorf("stand-in for AWS: %w", err), done())
	}
	for _, address := range []string{metadataAddress, resolverAddress} {
		if err := setLoopback(ctx, "add", address); err != nil {
			return fail(err)
		}
		closers = append(closers, func() error { return setLoopback(context.WithoutCancel(ctx), "del", address) })
	}
	resolver, err := new(net.ListenConfig).ListenPacket(ctx, "udp", resolverAddress+":53")
	if err != nil {
		return fail(err)
	}
	closers = append(closers, resolver.Close)
	wg.Go(func() { c.resolve(resolver) })
	serve := func(ln net.Listener, handler http.Handler) {
		server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0),
			ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
				return context.WithValue(ctx, connection{}, conn)
			}}
		closers = append(closers, server.Close)
		wg.Go(func() { _ = server.Serve(ln) /* until it is closed */ })
	}
	metadata, err := new(net.ListenConfig).Listen(ctx, "tcp", metadataAddress+":80")
	if err != nil {
		return fail(err)
	}
	serve(metadata, c.metadata())
	services, err := new(net.ListenConfig).Listen(ctx, "tcp", l.Gateway()+":443")
	if err != nil {
		return fail(err)
	}
	serve(ca.listener(services), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host == ec2 {
			c.api(w, r)
		} else {
			c.bucket(w, r)
		}
	}))
	return c, done, nil
}

// setLoopback gives the lab's own end an address ("add"), or takes it away
// ("del").
func setLoopback(ctx context.Context, verb, address string) error {
	if out, err := exec.CommandContext(ctx, "ip", "address", verb, address+"/32", "dev", "lo").CombinedOutput(); err != nil {
		return fmt.Errorf("ip address %s %s: %w: %s", verb, address, err, out)
	}
	return nil
}

// Host gives the host of an instance by its tag Name, nil if there is none.
func (c *Cloud) Host(name string) *lab.Host {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, v := range c.objects["aws_instance"] {
		if v.entries("tags")["Name"] == name {
			return c.hosts[id]
		}
	}
	return nil
}

// HostOf gives the host of an instance or a load balancer.
func (c *Cloud) HostOf(id string) *lab.Host {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hosts[id]
}

// Instances gives the hosts of all instances.
func (c *Cloud) Instances() []*lab.Host {
	c.mu.Lock()
	defer c.mu.Unlock()
	var hosts []*lab.Host
	for id := range c.objects["aws_instance"] {
		if h := c.hosts[id]; h != nil {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

// Behind gives the hosts of the instances that a balancer's attachment or a
// security group's rule is about: for a rule those in its group, and those
// behind a balancer in it.
func (c *Cloud) Behind(id string) []*lab.Host {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a, found := c.objects["aws_elb_attachment"][id]; found {
		return []*lab.Host{c.hosts[a.text("instance")]}
	}
	group := c.objects["aws_vpc_security_group_ingress_rule"][id].text("security_group_id") +
		c.objects["aws_vpc_security_group_egress_rule"][id].text("security_group_id") // one of them
	var hosts []*lab.Host
	for id, v := range c.objects["aws_instance"] {
		if slices.Contains(v.all("vpc_security_group_ids"), group) {
			hosts = append(hosts, c.hosts[id])
		}
	}
	for _, a := range c.objects["aws_elb_attachment"] {
		if slices.Contains(c.objects["aws_elb"][a.text("elb")].all("security_groups"), group) {
			hosts = append(hosts, c.hosts[a.text("instance")])
		}
	}
	return slices.DeleteFunc(hosts, func(h *lab.Host) bool { return h == nil })
}

// Resources counts what there is, by type.
func (c *Cloud) Resources() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := map[string]int{}
	for kind, objects := range c.objects {
		if len(objects) > 0 {
			counts[kind] = len(objects)
		}
	}
	return counts
}

// Keys gives the keys of all objects in S3.
func (c *Cloud) Keys(ctx context.Context) ([]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for bucket := range c.objects["aws_s3_bucket"] {
		keys, err := c.store.Keys(ctx, bucket)
		if err != nil {
			return nil, err
		}
		all = append(all, keys...)
	}
	return all, nil
}

// Lookup gives the address of a name as instances see it, "" if there is
// none.
func (c *Cloud) Lookup(name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.names[strings.ToLower(strings.TrimSuffix(name, "."))]
}

func (c *Cloud) get(kind, id string) (values, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, found := c.objects[kind][id]
	return v, found
}

func (c *Cloud) put(kind, id string, v values) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.objects[kind] == nil {
		c.objects[kind] = map[string]values{}
	}
	c.objects[kind][id] = v
}

func (c *Cloud) drop(kind, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.objects[kind], id)
}

// refer fails unless everything that an object refers to is there.
func (c *Cloud) refer(k *kind, v values) error {
	for attribute, kind := range k.refers {
		for _, id := range v.all(attribute) {
			if _, found := c.get(kind, id); !found {
				return fmt.Errorf("%s: there is no %s %q", attribute, kind, id)
			}
		}
	}
	return nil
}

// unused fails while something refers to an object.
func (c *Cloud) unused(kind, id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range kinds {
		for attribute, target := range k.refers {
			if target != kind {
				continue
			}
			for other, v := range c.objects[k.name] {
				if slices.Contains(v.all(attribute), id) && !(k.name == kind && other == id) {
					return fmt.Errorf("DependencyViolation: %s %s is in use by %s %s (%s)", kind, id, k.name, other, attribute)
				}
			}
		}
	}
	return nil
}

// newID makes an id as AWS does.
func newID(prefix string) string {
	return fmt.Sprintf("%s-0%x", prefix, rand.Text()[:8])
}
