// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/dcos-install/terraform-provider-dcos/internal/render"
)

// forwardZones is an object of zone → list of addresses; on 1.10 a list of
// [zone, [[address, port], …]].
func forwardZones() rule {
	return rule{allowed: "an object of zones, each with a list of IPv4 addresses with or without a port",
		check: func(line, value string) error {
			v, err := render.DecodeJSON(value)
			if err != nil {
				return fmt.Errorf("must be valid JSON: %w", err)
			}
			if line == "1.10" {
				return forwardZoneList(line, v)
			}
			zones, ok := v.(*render.Map)
			if !ok {
				return must("an object of zones, not %s", typeOf(v))
			}
			var mistakes []error
			for _, zone := range zones.Entries() {
				mistakes = append(mistakes, forwardZone(line, zone.Key, zone.Value))
			}
			return together(mistakes...)
		}}
}

// forwardZone judges the servers of one zone.
func forwardZone(line string, name, servers any) error {
	upstreams, ok := servers.([]any)
	if !ok {
		return must("an object whose zones have lists; that of %q is %s", name, typeOf(servers))
	}
	var addresses []string
	var mistakes []error
	for _, u := range upstreams {
		text, ok := u.(string)
		if !ok {
			mistakes = append(mistakes, must("an object whose zones have lists of addresses; %q has %s", name, typeOf(u)))
			continue
		}
		addresses = append(addresses, text)
	}
	return together(append(mistakes, ipv4sWithPort(line, addresses))...)
}

func forwardZoneList(line string, v any) error {
	errShape := errors.New(`must be a list of [zone, [[address, port], …]]`)
	zones, ok := v.([]any)
	if !ok {
		return errShape
	}
	for _, z := range zones {
		zone, ok := z.([]any)
		if !ok || len(zone) != 2 {
			return errShape
		}
		if _, ok := zone[0].(string); !ok {
			return errShape
		}
		// Anything empty will do for no address at all.
		upstreams, ok := zone[1].([]any)
		if empty, isMap := zone[1].(*render.Map); !ok && zone[1] != "" && !(isMap && empty.Len() == 0) {
			return errShape
		}
		for _, u := range upstreams {
			pair, ok := u.([]any)
			if !ok || len(pair) != 2 {
				return errShape
			}
			host, ok := pair[0].(string)
			port, isNumber := jsonInteger(line, pair[1])
			if !ok || !isIPv4(host) || !isNumber || port.Sign() <= 0 || port.Cmp(big.NewInt(65535)) > 0 {
				return errShape
			}
		}
	}
	return nil
}

// jsonInteger reads a JSON value as Python's int() does.
func jsonInteger(line string, v any) (*big.Int, bool) {
	switch v := v.(type) {
	case *big.Int:
		return v, true
	case bool:
		if v {
			return big.NewInt(1), true
		}
		return new(big.Int), true
	case string:
		return integer(line, v)
	case float64:
		if v != v || v > 1e300 || v < -1e300 {
			return nil, false
		}
		i, _ := big.NewFloat(v).Int(nil)
		return i, true
	}
	return nil, false
}

func frameOptions() rule {
	// Python's own case folding takes a dotted and a dotless i for an i.
	pattern := regexp.MustCompile(`(?i)^(?:DENY|SAMEORIGIN|ALLOW-FROM[ \t].+)\n?$`)
	return checked(`"DENY", "SAMEORIGIN" or "ALLOW-FROM" with a blank and a site, in any case`, func(v string) bool {
		return pattern.MatchString(strings.NewReplacer("ı", "i", "İ", "i").Replace(v))
	})
}

func casURL() rule {
	return checked("empty, or an https:// URL without a trailing slash", func(v string) bool {
		scheme, rest, ok := strings.Cut(v, "://")
		return v == "" || ok && scheme == "https" && !strings.Contains(rest, "://") && !strings.HasSuffix(v, "/")
	})
}

var durationPattern = regexp.MustCompile(`^([\p{Nd}.]+)([\p{L}\p{N}_]+)`)

// durationUnits are Mesos's, with their nanoseconds (3rdparty/stout/include/stout/duration.hpp of Mesos 1.4 to 1.11).
var (
	durationUnits = []string{"ns", "us", "ms", "secs", "mins", "hrs", "days", "weeks"}
	nanoseconds   = []float64{1, 1e3, 1e6, 1e9, 60e9, 3600e9, 24 * 3600e9, 7 * 24 * 3600e9}
)

// mesosDuration says why Mesos would not take a text as a duration; "" if it
// would. It takes digits and dots, then a unit and nothing else, up to what
// nanoseconds in 64 bits can hold.
func mesosDuration(value string) string {
	i := strings.IndexFunc(value, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	switch {
	case value == "":
		return "which is empty"
	case i < 0:
		return "which has no unit"
	}
	amount, err := strconv.ParseFloat(value[:i], 64)
	if err != nil {
		return "which does not begin with a number"
	}
	unit := slices.Index(durationUnits, value[i:])
	if unit < 0 {
		return fmt.Sprintf("whose unit %q Mesos does not know", value[i:])
	}
	if amount*nanoseconds[unit] >= 1<<63 {
		return "which is more than Mesos can count"
	}
	return ""
}

func recoveryTimeout() rule {
	return rule{allowed: "a number and a unit: " + listed(durationUnits, "or"), check: func(_, value string) error {
		amount, unit, ok := durationParts(value)
		if !ok || !slices.Contains(durationUnits, unit) {
			return must("a number and then one of the units %s", listed(durationUnits, "and"))
		}
		f, err := strconv.ParseFloat(amount, 64)
		if strings.Count(amount, ".") > 1 || err != nil {
			return must("a number with at most one dot, and then a unit")
		}
		if f > 1<<64 {
			return must("a number of at most 2^64 and then a unit")
		}
		return nil
	}}
}

// durationParts splits a number and the word after it. As in Python the
// pattern backs off: of "10" the word is "0".
func durationParts(value string) (amount, unit string, ok bool) {
	m := durationPattern.FindStringSubmatch(value)
	if m == nil {
		return "", "", false
	}
	var ascii strings.Builder
	for _, r := range m[1] {
		if r == '.' {
			ascii.WriteByte('.')
		} else {
			ascii.WriteByte('0' + digitValue(r))
		}
	}
	return ascii.String(), m[2], true
}

func shmSize(value string) error {
	units := []string{"B", "KB", "MB", "GB", "TB"}
	amount, unit, ok := durationParts(value)
	if !ok || strings.Contains(amount, ".") || !slices.Contains(units, strings.ToUpper(unit)) {
		return must("empty, or a whole number and then one of the units %s", listed(units, "and"))
	}
	return nil
}

func shmSizeOrEmpty(_, value string) error {
	if value == "" {
		return nil
	}
	return shmSize(value)
}

func emptyOrInteger() rule {
	r := anInteger()
	r.allowed = "empty, or an integer"
	check := r.check
	r.check = func(line, value string) error {
		if value == "" || check(line, value) == nil {
			return nil
		}
		return must("empty, or an integer")
	}
	return r
}

// exhibitorTLSRequired refuses what the open edition cannot do: it stops
// after validation without writing anything (gen/exhibitor_tls_bootstrap.py).
func exhibitorTLSRequired() rule {
	return rule{allowed: "`false`, unless the release is DC/OS Enterprise", check: func(_, value string) error {
		if value == "true" {
			return errors.New("must be false: TLS for exhibitor needs DC/OS Enterprise")
		}
		return nil
	}}
}

func storeModes(_, value string) error {
	list, err := texts(value)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return must("a list that is not empty")
	}
	if err := unique(list); err != nil {
		return err
	}
	for _, mode := range list {
		if mode != "lww" && mode != "set" {
			return must(`a list of "lww", "set" or both, and %q is neither`, mode)
		}
	}
	return nil
}

func cosmosConfig(_, value string) error {
	o, err := object(value)
	if err != nil {
		return err
	}
	_, staged := o.Get("staged_package_storage_uri")
	_, stored := o.Get("package_storage_uri")
	if staged != stored {
		return errors.New("must have both or none of staged_package_storage_uri and package_storage_uri")
	}
	for _, key := range []string{"staged_package_storage_uri", "package_storage_uri"} {
		v, ok := o.Get(key)
		text, isText := v.(string)
		if ok && v != nil && (!isText || !bracketsMatch(text)) {
			return fmt.Errorf("must have a URL as %s, not %s", key, shown(v))
		}
	}
	return nil
}

// bracketsMatch says whether a URL's host has both or none of the brackets
// that an IPv6 address wants; nothing else of a URL is looked at.
func bracketsMatch(url string) bool {
	_, host, ok := strings.Cut(url, "//")
	if i := strings.IndexAny(host, "/?#"); i >= 0 {
		host = host[:i]
	}
	return !ok || strings.Contains(host, "[") == strings.Contains(host, "]")
}
