// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // a list may name keys so (PROTOCOL.krl, section 4)
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"

	"golang.org/x/crypto/ssh"
)

// revokedKeys is what a RevokedHostKeys file names: public keys, one a line, or a
// key revocation list as ssh-keygen -k makes it (OpenSSH, PROTOCOL.krl).
type revokedKeys struct {
	keys   map[string]bool // marshalled
	sha1   map[string]bool // of marshalled keys
	sha256 map[string]bool
	certs  []revokedCerts
}

// revokedCerts are certificates of an authority.
type revokedCerts struct {
	authority []byte // marshalled; empty: of any
	serials   []serialRange
	bitmaps   []serialBitmap
	ids       map[string]bool
}

type serialRange struct{ first, last uint64 }

// A serialBitmap has bit n set for the serial number offset + n.
type serialBitmap struct {
	offset uint64
	bits   *big.Int
}

// revokes says whether a key may not be used any more, or the key in a
// certificate, the certificate itself, or its authority.
func (r *revokedKeys) revokes(key ssh.PublicKey) bool {
	cert, ok := key.(*ssh.Certificate)
	if !ok {
		return r.names(key)
	}
	return r.names(cert.Key) || r.names(cert.SignatureKey) || r.revokesCertificate(cert)
}

func (r *revokedKeys) names(key ssh.PublicKey) bool {
	blob := key.Marshal()
	one, two := sha1.Sum(blob), sha256.Sum256(blob) //nolint:gosec // as above
	return r.keys[string(blob)] || r.sha1[string(one[:])] || r.sha256[string(two[:])]
}

func (r *revokedKeys) revokesCertificate(cert *ssh.Certificate) bool {
	authority := cert.SignatureKey.Marshal()
	for _, c := range r.certs {
		if len(c.authority) > 0 && !bytes.Equal(c.authority, authority) {
			continue
		}
		if c.ids[cert.KeyId] {
			return true
		}
		// 0 is what an authority that does not number its certificates gives (krl.c,
		// is_cert_revoked).
		if cert.Serial == 0 {
			continue
		}
		for _, s := range c.serials {
			if s.first <= cert.Serial && cert.Serial <= s.last {
				return true
			}
		}
		for _, m := range c.bitmaps {
			n := cert.Serial - m.offset
			if cert.Serial >= m.offset && n <= math.MaxInt32 && m.bits.Bit(int(n)) == 1 {
				return true
			}
		}
	}
	return false
}

const krlMagic = "SSHKRL\n\x00"

var errList = errors.New("it is not a whole key revocation list")

// parseRevokedKeys reads either form. What it cannot read is an error: a key that
// is not seen would not be refused.
func parseRevokedKeys(text []byte) (*revokedKeys, error) {
	r := &revokedKeys{keys: map[string]bool{}, sha1: map[string]bool{}, sha256: map[string]bool{}}
	if rest, ok := bytes.CutPrefix(text, []byte(krlMagic)); ok {
		err := r.list(&wireReader{rest: rest})
		return r, err
	}
	n := 0
	for line := range bytes.Lines(text) {
		n++
		if line = bytes.TrimSpace(line); len(line) == 0 || line[0] == '#' {
			continue
		}
		key, _, _, _, err := ssh.ParseAuthorizedKey(line)
		if err != nil {
			return nil, fmt.Errorf("line %d is not a public key", n)
		}
		r.keys[string(key.Marshal())] = true
	}
	return r, nil
}

// list reads what follows the magic of a key revocation list.
func (r *revokedKeys) list(w *wireReader) error {
	if version := w.number(4); version != 1 {
		return fmt.Errorf("version %d of key revocation lists is not known", version)
	}
	w.number(8) // its number
	w.number(8) // when it was made
	w.number(8) // flags, none of which is defined
	w.text()    // reserved
	w.text()    // a comment
	for w.more() {
		kind, section := w.number(1), &wireReader{rest: w.text()}
		switch kind {
		case 1:
			if err := r.certificates(section); err != nil {
				return err
			}
		case 2, 3, 5:
			set := map[uint64]map[string]bool{2: r.keys, 3: r.sha1, 5: r.sha256}[kind]
			for section.more() {
				set[string(section.text())] = true
			}
		case 4:
			w.text() // the signature; that of a file here proves nothing, and ssh ignores it or refuses the list
		case 255:
			if err := section.extension(); err != nil {
				return err
			}
		default:
			return fmt.Errorf("a section of kind %d is not known", kind)
		}
		if section.short {
			return errList
		}
	}
	if w.short {
		return errList
	}
	return nil
}

// certificates reads a section of certificates.
func (r *revokedKeys) certificates(w *wireReader) error {
	c := revokedCerts{authority: w.text(), ids: map[string]bool{}}
	w.text() // reserved
	for w.more() {
		kind, section := w.number(1), &wireReader{rest: w.text()}
		switch kind {
		case 0x20:
			for section.more() {
				n := section.number(8)
				c.serials = append(c.serials, serialRange{n, n})
			}
		case 0x21:
			c.serials = append(c.serials, serialRange{section.number(8), section.number(8)})
		case 0x22:
			offset := section.number(8)
			c.bitmaps = append(c.bitmaps, serialBitmap{offset, new(big.Int).SetBytes(section.text())})
		case 0x23:
			for section.more() {
				c.ids[string(section.text())] = true
			}
		case 0x39:
			if err := section.extension(); err != nil {
				return err
			}
		default:
			return fmt.Errorf("certificates are revoked in a way, %#x, that is not known", kind)
		}
		if section.short {
			return errList
		}
	}
	if w.short {
		return errList
	}
	r.certs = append(r.certs, c)
	return nil
}

// wireReader reads values in SSH's form (RFC 4251, section 5). Past the end all
// are empty, and it says so.
type wireReader struct {
	rest  []byte
	short bool
}

func (w *wireReader) more() bool { return len(w.rest) > 0 && !w.short }

func (w *wireReader) take(n uint64) []byte {
	if n > uint64(len(w.rest)) {
		w.rest, w.short = nil, true
		return nil
	}
	taken := w.rest[:n]
	w.rest = w.rest[n:]
	return taken
}

// number reads one of so many bytes.
func (w *wireReader) number(size int) uint64 {
	var whole [8]byte
	copy(whole[8-size:], w.take(uint64(size))) //nolint:gosec // 8 at most
	return binary.BigEndian.Uint64(whole[:])
}

func (w *wireReader) text() []byte { return w.take(w.number(4)) }

// extension refuses one that must be understood.
func (w *wireReader) extension() error {
	name, critical := w.text(), w.number(1)
	if w.text(); critical != 0 {
		return fmt.Errorf("the extension %q is not known", name)
	}
	return nil
}
