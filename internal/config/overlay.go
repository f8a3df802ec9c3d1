// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"unicode/utf8"

	"github.com/dcos-install/terraform-provider-dcos/internal/render"
)

const longestOverlayName = 13

// overlayNetwork checks the object of overlay networks. The lines differ: 1.10
// knows IPv4 only; up to 2.0 a family's VTEP subnet is wanted only if an
// overlay uses the family, and the families are not told apart.
func overlayNetwork() rule {
	return rule{
		allowed: "an object with vtep_subnet, vtep_subnet6, vtep_mac_oui and at least one of overlays, each with a name of at most 13 " +
			"characters and a subnet or subnet6",
		check: func(line, value string) error {
			o, err := object(value)
			if err != nil {
				return err
			}
			v := overlayCheck{line: line, object: o}
			if line == "1.10" {
				return v.first()
			}
			return v.all()
		},
	}
}

type overlayCheck struct {
	line   string
	object *render.Map
}

func (c overlayCheck) overlays() ([]*render.Map, error) {
	v, ok := c.object.Get("overlays")
	if !ok {
		return nil, errors.New("must have overlays")
	}
	items, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("must have a list of overlays, not %s", typeOf(v))
	}
	if len(items) == 0 {
		return nil, errors.New("must have at least one overlay")
	}
	overlays := make([]*render.Map, len(items))
	for i, item := range items {
		if overlays[i], ok = item.(*render.Map); !ok {
			return nil, fmt.Errorf("must have overlays that are objects; entry %d is %s", i+1, typeOf(item))
		}
	}
	return overlays, nil
}

func (c overlayCheck) needs(key string) error {
	if _, ok := c.object.Get(key); !ok {
		return fmt.Errorf("must have %s", key)
	}
	return nil
}

// first checks as 1.10 does.
func (c overlayCheck) first() error {
	if err := c.subnet(c.object, "vtep_subnet", 0); err != nil {
		return err
	}
	if err := c.needs("vtep_mac_oui"); err != nil {
		return err
	}
	overlays, err := c.overlays()
	if err != nil {
		return err
	}
	for _, o := range overlays {
		if err := overlayName(o); err != nil {
			return err
		}
		if err := c.subnet(o, "subnet", 0); err != nil {
			return err
		}
	}
	return nil
}

func (c overlayCheck) all() error {
	strict := since("2.1").has(c.line)
	overlays, err := c.overlays()
	if err != nil {
		return err
	}
	if err := c.needs("vtep_mac_oui"); err != nil {
		return err
	}
	families := []struct{ own, vtep string }{{"subnet", "vtep_subnet"}, {"subnet6", "vtep_subnet6"}}
	version := func(i int) int {
		if strict {
			return []int{4, 6}[i]
		}
		return 0
	}
	if strict {
		for i, f := range families {
			if err := c.subnet(c.object, f.vtep, version(i)); err != nil {
				return err
			}
		}
	}
	if since("1.12").has(c.line) {
		if err := c.vtepMTU(); err != nil {
			return err
		}
	}
	for _, o := range overlays {
		if err := overlayName(o); err != nil {
			return err
		}
		used := false
		for i, f := range families {
			if _, ok := o.Get(f.own); !ok {
				continue
			}
			used = true
			if err := c.subnet(c.object, f.vtep, version(i)); err != nil {
				return err
			}
			if err := c.subnet(o, f.own, version(i)); err != nil {
				return err
			}
		}
		if !used {
			return errors.New("must have overlays with a subnet or a subnet6")
		}
		if err := overlayEnabled(o); err != nil {
			return err
		}
	}
	return nil
}

func (c overlayCheck) vtepMTU() error {
	v, ok := c.object.Get("vtep_mtu")
	if !ok {
		return nil
	}
	if mtu, ok := jsonInteger(c.line, v); !ok || mtu.Cmp(big.NewInt(552)) < 0 {
		return errors.New("must have a vtep_mtu that is an integer of at least 552")
	}
	return nil
}

func (c overlayCheck) subnet(o *render.Map, key string, version int) error {
	v, ok := o.Get(key)
	if !ok {
		return fmt.Errorf("must have %s", key)
	}
	p, err := network(v)
	if err != nil {
		return fmt.Errorf("must have a network without host bits as %s: %s: %w", key, shown(v), err)
	}
	if version == 4 && !p.Addr().Is4() || version == 6 && p.Addr().Is4() {
		return fmt.Errorf("must have an IPv%d network as %s, not %s", version, key, shown(v))
	}
	return nil
}

func shown(v any) string {
	text, err := render.EncodeJSON(v)
	if err != nil {
		return typeOf(v)
	}
	return text
}

// overlayName checks a name's length; a name that is no text has one too, if
// it is a list or an object.
func overlayName(o *render.Map) error {
	v, ok := o.Get("name")
	if !ok {
		return errors.New("must have overlays with a name")
	}
	var n int
	switch v := v.(type) {
	case string:
		n = utf8.RuneCountInString(v)
	case []any:
		n = len(v)
	case *render.Map:
		n = v.Len()
	default:
		return fmt.Errorf("must have overlays whose name is a text, not %s", typeOf(v))
	}
	if n > longestOverlayName {
		return fmt.Errorf("must have overlays with names of at most %d characters; %s has %d", longestOverlayName, shown(v), n)
	}
	return nil
}

func overlayEnabled(o *render.Map) error {
	v, ok := o.Get("enabled")
	if !ok {
		return nil
	}
	switch v := v.(type) {
	case bool:
		return nil
	case *big.Int:
		if v.IsInt64() && (v.Int64() == 0 || v.Int64() == 1) {
			return nil
		}
	case float64:
		if v == 0 || v == 1 {
			return nil
		}
	}
	return fmt.Errorf("must have overlays whose enabled is true or false, not %s", shown(v))
}

// overlayNames gives the names of the overlays that are texts.
func overlayNames(value string) []string {
	var names []string
	for _, o := range overlaysOf(value) {
		if v, ok := o.Get("name"); ok {
			if name, ok := v.(string); ok {
				names = append(names, name)
			}
		}
	}
	return names
}

func overlaysOf(value string) []*render.Map {
	o, err := object(value)
	if err != nil {
		return nil
	}
	overlays, err := overlayCheck{object: o}.overlays()
	if err != nil {
		return nil
	}
	return overlays
}

// overlayOverlap finds an IPv4 overlay that shares addresses with a network.
func overlayOverlap(value, cidr string) (netip.Prefix, bool) {
	other, err := network(cidr)
	if err != nil {
		return netip.Prefix{}, false
	}
	for _, o := range overlaysOf(value) {
		v, ok := o.Get("subnet")
		if !ok {
			continue
		}
		if p, err := network(v); err == nil && p.Addr().Is4() && p.Overlaps(other) {
			return p, true
		}
	}
	return netip.Prefix{}, false
}

// overlayJSON writes the overlays again; without IPv6 those that have only
// IPv6 are switched off.
func overlayJSON(value string, ipv6 bool) (string, error) {
	o, err := object(value)
	if err != nil {
		return "", err
	}
	overlays, err := overlayCheck{object: o}.overlays()
	if err != nil {
		return "", err
	}
	list := make([]any, len(overlays))
	for i, overlay := range overlays {
		if _, ok := overlay.Get("subnet"); !ok && !ipv6 {
			overlay.Set("enabled", false)
		}
		list[i] = overlay
	}
	o.Set("overlays", list)
	return render.EncodeJSON(o)
}
