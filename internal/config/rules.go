// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/dcos-install/terraform-provider-dcos/internal/render"
)

// A rule checks one parameter's value on some lines. What it returns
// completes "NAME is VALUE, but …".
type rule struct {
	on      span
	allowed string // for the documentation
	check   func(line, value string) error
}

func rules(r ...rule) []rule { return r }

func (r rule) from(line string) rule {
	r.on.since = line
	return r
}

func (r rule) to(line string) rule {
	r.on.until = line
	return r
}

func must(format string, args ...any) error { return fmt.Errorf("must be "+format, args...) }

func oneOf(choices ...string) rule {
	return rule{allowed: either(choices), check: func(_, value string) error {
		if slices.Contains(choices, value) {
			return nil
		}
		return must("%s", either(choices))
	}}
}

// trueFalse has no words for the documentation: the kind says it.
func trueFalse() rule {
	r := oneOf("true", "false")
	r.allowed = ""
	return r
}

// between checks an integer; without an upper limit if high is 0.
func between(low, high int64) rule {
	allowed := fmt.Sprintf("an integer from %d to %d", low, high)
	if high == 0 {
		allowed = fmt.Sprintf("an integer of at least %d", low)
	}
	return rule{allowed: allowed, check: func(line, value string) error {
		i, ok := integer(line, value)
		if !ok || i.Cmp(big.NewInt(low)) < 0 || high != 0 && i.Cmp(big.NewInt(high)) > 0 {
			return must("%s", allowed)
		}
		return nil
	}}
}

func anInteger() rule {
	return rule{allowed: "an integer", check: func(line, value string) error {
		if _, ok := integer(line, value); !ok {
			return must("an integer")
		}
		return nil
	}}
}

func ensembleSize() rule {
	allowed := listed(sizeWords(), "or")
	return rule{allowed: allowed, check: func(line, value string) error {
		i, ok := integer(line, value)
		if !ok || !i.IsInt64() || !slices.Contains(ensembleSizes, i.Int64()) {
			return must("%s", allowed)
		}
		return nil
	}}
}

func checked(allowed string, ok func(value string) bool) rule {
	return rule{allowed: allowed, check: func(_, value string) error {
		if !ok(value) {
			return must("%s", allowed)
		}
		return nil
	}}
}

func ipv4Address() rule { return checked("an IPv4 address", isIPv4) }

func ipv6Address() rule { return checked("an IPv6 address", isIPv6) }

func absolutePath() rule {
	return checked("an absolute path", func(v string) bool { return strings.HasPrefix(v, "/") })
}

// ipv4Network wants a network without host bits. Lines before 2.1 take an
// IPv6 one too.
func ipv4Network() rule {
	return rule{allowed: "an IPv4 network without host bits, like 10.0.0.0/8", check: func(line, value string) error {
		p, err := network(value)
		if err != nil {
			return fmt.Errorf("must be an IPv4 network like 10.0.0.0/8: %w", err)
		}
		if !p.Addr().Is4() && since("2.1").has(line) {
			return must("an IPv4 network like 10.0.0.0/8, not an IPv6 one")
		}
		return nil
	}}
}

// texts reads a JSON list of texts.
func texts(value string) ([]string, error) {
	v, err := render.DecodeJSON(value)
	if err != nil {
		return nil, fmt.Errorf(`must be a list such as ["a", "b"]; as text it would be one in JSON, and is none: %w`, err)
	}
	items, ok := v.([]any)
	if !ok {
		return nil, must("a list, not %s", typeOf(v))
	}
	list := make([]string, len(items))
	for i, item := range items {
		if list[i], ok = item.(string); !ok {
			return nil, must("a list of texts; entry %d is %s", i+1, typeOf(item))
		}
	}
	return list, nil
}

func typeOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "true or false"
	case string:
		return "a text"
	case []any:
		return "a list"
	case *render.Map:
		return "an object"
	}
	return "a number"
}

func textList() rule {
	return rule{check: func(_, value string) error {
		_, err := texts(value)
		return err
	}}
}

// together returns one error that names all mistakes of a value; nil if there is
// none.
func together(mistakes ...error) error {
	var words []string
	for _, err := range mistakes {
		if err == nil {
			continue
		}
		if text := err.Error(); !slices.Contains(words, text) {
			words = append(words, text)
		}
	}
	if len(words) == 0 {
		return nil
	}
	return errors.New(strings.Join(words, "; and it "))
}

func unique(list []string) error {
	seen := make(map[string]bool)
	var twice []string
	for _, item := range list {
		if seen[item] && !slices.Contains(twice, item) {
			twice = append(twice, item)
		}
		seen[item] = true
	}
	if len(twice) > 0 {
		return fmt.Errorf("must not hold an entry twice: %s", listed(twice, "and"))
	}
	return nil
}

func ipv4List() rule {
	return rule{allowed: "a list of IPv4 addresses, each once", check: func(_, value string) error {
		list, err := texts(value)
		if err != nil {
			return err
		}
		twice := unique(list)
		var bad error
		if others := slices.DeleteFunc(list, isIPv4); len(others) > 0 {
			bad = must("a list of IPv4 addresses, and %s is none", either(others))
		}
		return together(twice, bad)
	}}
}

// spartan are the addresses at which DC/OS's own resolver listens.
var spartan = []string{"198.51.100.1", "198.51.100.2", "198.51.100.3"}

func resolverList() rule {
	return rule{allowed: "a list of IPv4 addresses, each once and each with or without a port (192.0.2.1:53)",
		check: func(line, value string) error {
			list, err := texts(value)
			if err != nil {
				return err
			}
			mistakes := []error{unique(list), ipv4sWithPort(line, list)}
			for _, item := range list {
				host, _, _ := strings.Cut(item, ":")
				if since("2.2").has(line) && slices.Contains(spartan, host) {
					mistakes = append(mistakes, fmt.Errorf("must not hold %s, at which DC/OS's own resolver listens", host))
				}
			}
			return together(mistakes...)
		}}
}

// ipv4sWithPort names all texts that are no IPv4 address, or one with a wrong port.
func ipv4sWithPort(line string, list []string) error {
	var hosts, ports []string
	for _, text := range list {
		host := text
		if i := strings.LastIndexByte(text, ':'); i >= 0 {
			host = text[:i]
			port, ok := integer(line, text[i+1:])
			if !ok || port.Sign() <= 0 || port.Cmp(big.NewInt(65535)) > 0 {
				ports = append(ports, text)
			}
		}
		if !isIPv4(host) {
			hosts = append(hosts, host)
		}
	}
	var badHost, badPort error
	if len(hosts) > 0 {
		badHost = must("a list of IPv4 addresses, and %s is none", either(hosts))
	}
	if len(ports) > 0 {
		badPort = must("a list of addresses whose port, if there is one, is from 1 to 65535; %s has none of these", either(ports))
	}
	return together(badHost, badPort)
}

func dnsSearch() rule {
	return rule{allowed: "at most 6 domains with blanks between them, under 256 characters, no comma", check: func(_, value string) error {
		switch {
		case strings.Contains(value, "\n"):
			return must("one line")
		case strings.Contains(value, ","):
			return must("domains with blanks between them, without commas")
		case len([]rune(value)) >= 256:
			return must("under 256 characters long")
		case len(strings.FieldsFunc(value, isPythonSpace)) > 6:
			return must("at most 6 domains")
		}
		return nil
	}}
}

func jsonObject() rule {
	return rule{allowed: "a JSON object", check: func(_, value string) error {
		_, err := object(value)
		return err
	}}
}

func object(value string) (*render.Map, error) {
	v, err := render.DecodeJSON(value)
	if err != nil {
		return nil, fmt.Errorf("must be a JSON object: %w", err)
	}
	m, ok := v.(*render.Map)
	if !ok {
		return nil, must("a JSON object, not %s", typeOf(v))
	}
	return m, nil
}
