// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
)

// The generator is a Python program, and what it takes for a number or a
// network is what Python takes for one.

// integer reads an integer as Python's int() reads text: white space around
// it, a sign, digits of any script, and single underscores between digits if
// the line's Python is 3.6 or later.
func integer(line, text string) (*big.Int, bool) {
	text = strings.TrimFunc(text, isPythonSpace)
	sign := ""
	if text != "" && (text[0] == '+' || text[0] == '-') {
		sign, text = text[:1], text[1:]
	}
	var digits strings.Builder
	digits.WriteString(sign)
	underscore := true // none may come first
	for _, r := range text {
		switch {
		case unicode.Is(unicode.Nd, r):
			digits.WriteByte('0' + digitValue(r))
			underscore = false
		case r == '_' && !underscore && line != "1.10":
			underscore = true
		default:
			return nil, false
		}
	}
	if underscore {
		return nil, false
	}
	return new(big.Int).SetString(digits.String(), 10)
}

func isPythonSpace(r rune) bool { return unicode.IsSpace(r) || 0x1c <= r && r <= 0x1f }

// digitValue gives a decimal digit's value: digits come in runs of ten.
func digitValue(r rune) byte {
	if '0' <= r && r <= '9' {
		return byte(r - '0')
	}
	if 0x1d7ce <= r && r <= 0x1d7ff {
		return byte((r - 0x1d7ce) % 10)
	}
	var v byte
	for v < 9 && unicode.Is(unicode.Nd, r-1-rune(v)) {
		v++
	}
	return v
}

// isIPv4 says whether a text is an IPv4 address: four decimal numbers.
func isIPv4(text string) bool {
	a, err := netip.ParseAddr(text)
	return err == nil && a.Is4()
}

// isIPv6 says whether a text is an IPv6 address without a zone.
func isIPv6(text string) bool {
	_, ok := ipv6(text)
	return ok
}

func ipv6(text string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(text)
	return a, err == nil && a.Is6() && a.Zone() == ""
}

var errHostBits = errors.New("it has bits set to the right of its prefix")

// network reads a network as Python's ipaddress.ip_network does: a prefix
// length, a netmask or a hostmask may follow a slash, and nothing means one
// address; a JSON integer is an address.
func network(v any) (netip.Prefix, error) {
	switch v := v.(type) {
	case *big.Int:
		return networkOfNumber(v)
	case bool:
		if v {
			return networkOfNumber(big.NewInt(1))
		}
		return networkOfNumber(big.NewInt(0))
	case string:
		address, mask, masked := strings.Cut(v, "/")
		if a, ok := pythonIPv4(address); ok {
			bits := 32
			if masked {
				if bits, ok = ipv4Mask(mask); !ok {
					return netip.Prefix{}, errors.New("what follows its slash is neither a prefix length nor a mask")
				}
			}
			return strictPrefix(a, bits)
		}
		a, ok := ipv6(address)
		if !ok {
			return netip.Prefix{}, errors.New("it is not an address, or an address with a slash and a prefix length")
		}
		bits := 128
		if masked {
			if bits, ok = prefixLength(mask, 128); !ok {
				return netip.Prefix{}, errors.New("what follows its slash is not a prefix length")
			}
		}
		return strictPrefix(a, bits)
	}
	return netip.Prefix{}, errors.New("it is not text")
}

func networkOfNumber(n *big.Int) (netip.Prefix, error) {
	if n.Sign() < 0 || n.BitLen() > 128 {
		return netip.Prefix{}, errors.New("as a number it is out of range")
	}
	if n.BitLen() <= 32 {
		var b [4]byte
		return netip.PrefixFrom(netip.AddrFrom4([4]byte(n.FillBytes(b[:]))), 32), nil
	}
	var b [16]byte
	return netip.PrefixFrom(netip.AddrFrom16([16]byte(n.FillBytes(b[:]))), 128), nil
}

func strictPrefix(a netip.Addr, bits int) (netip.Prefix, error) {
	p := netip.PrefixFrom(a, bits)
	if p.Masked().Addr() != a {
		return netip.Prefix{}, errHostBits
	}
	return p, nil
}

// pythonIPv4 reads an address as Python's ipaddress does: a leading zero is
// fine while it makes no difference in octal.
func pythonIPv4(text string) (netip.Addr, bool) {
	octets := strings.Split(text, ".")
	if len(octets) != 4 {
		return netip.Addr{}, false
	}
	var b [4]byte
	for i, octet := range octets {
		n, ok := prefixLength(octet, 255)
		if !ok || len(octet) > 3 || n > 7 && octet[0] == '0' {
			return netip.Addr{}, false
		}
		b[i] = byte(n) //nolint:gosec // 255 at most
	}
	return netip.AddrFrom4(b), true
}

// prefixLength reads ASCII digits up to a limit.
func prefixLength(text string, limit int) (int, bool) {
	n := 0
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return 0, false
		}
		if n = 10*n + int(c-'0'); n > limit {
			return 0, false
		}
	}
	return n, text != ""
}

func ipv4Mask(text string) (int, bool) {
	if n, ok := prefixLength(text, 32); ok {
		return n, true
	}
	a, ok := pythonIPv4(text)
	if !ok {
		return 0, false
	}
	b := a.As4()
	mask := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	for bits := range 33 {
		if mask == ^uint32(0)<<(32-bits) {
			return bits, true
		}
	}
	for bits := range 33 {
		if ^mask == ^uint32(0)<<(32-bits) {
			return bits, true
		}
	}
	return 0, false
}

// quote shows a value in a message, shortened if it is long. A list or an
// object in JSON is shown as it is.
func quote(text string) string {
	const most = 160
	runes := []rune(text)
	more := ""
	if len(runes) > most {
		more = fmt.Sprintf("… (%d characters)", len(runes))
		runes = runes[:most]
	}
	short := string(runes)
	if short != "" && (short[0] == '[' || short[0] == '{') && strings.IndexFunc(short, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return short + more
	}
	return strconv.Quote(short) + more
}

// either joins choices for a message: "a", "b" or "c".
func either(choices []string) string {
	quoted := make([]string, len(choices))
	for i, c := range choices {
		quoted[i] = fmt.Sprintf("%q", c)
	}
	return listed(quoted, "or")
}

func listed(items []string, word string) string {
	switch len(items) {
	case 0:
		return "nothing"
	case 1:
		return items[0]
	}
	last := len(items) - 1
	return strings.Join(items[:last], ", ") + " " + word + " " + items[last]
}
