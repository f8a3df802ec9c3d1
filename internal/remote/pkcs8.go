// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des" //nolint:gosec // keys that were encrypted so are still there (RFC 8018, appendix B.2.2)
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // the default of PBKDF2 (RFC 8018, appendix A.2)
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"

	"golang.org/x/crypto/scrypt"
	"golang.org/x/crypto/ssh"
)

// Encrypted PKCS #8 keys, which neither the standard library nor x/crypto
// opens: RFC 5958, section 3, with PBES2 of RFC 8018, appendix A.4, as
// "openssl pkcs8 -topk8" and "openssl genpkey -aes256" write them.

type encryptedPKCS8 struct {
	Algorithm pkix.AlgorithmIdentifier
	Data      []byte
}

type pbes2Params struct {
	KeyDerivation pkix.AlgorithmIdentifier
	Encryption    pkix.AlgorithmIdentifier
}

type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	KeyLength  int                      `asn1:"optional"`
	PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
}

type scryptParams struct {
	Salt      []byte
	N, R, P   int
	KeyLength int `asn1:"optional"`
}

// maxKeyWork bounds the iterations that a key file may ask for.
const maxKeyWork = 50_000_000

// parseEncryptedPKCS8 opens the first PEM block if it is an encrypted PKCS #8
// key; ok tells whether it is one.
func parseEncryptedPKCS8(text []byte, passphrase Secret) (key any, ok bool, err error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "ENCRYPTED PRIVATE KEY" {
		return nil, false, nil
	}
	if passphrase == "" {
		return nil, true, &ssh.PassphraseMissingError{}
	}
	var enc encryptedPKCS8
	if _, err := asn1.Unmarshal(block.Bytes, &enc); err != nil {
		return nil, true, fmt.Errorf("encrypted PKCS #8: %w", err)
	}
	plain, err := decryptPBES2(enc, []byte(passphrase.Reveal()))
	if err != nil {
		return nil, true, err
	}
	key, err = x509.ParsePKCS8PrivateKey(plain)
	if err != nil {
		// A wrong passphrase gives noise with, once in a while, a right padding.
		return nil, true, x509.IncorrectPasswordError
	}
	return key, true, nil
}

func decryptPBES2(enc encryptedPKCS8, passphrase []byte) ([]byte, error) {
	var params pbes2Params
	if enc.Algorithm.Algorithm.String() != "1.2.840.113549.1.5.13" {
		return nil, errors.New("encrypted in a way older than PBES2; convert it: openssl pkcs8 -topk8 -v2 aes-256-cbc")
	}
	if _, err := asn1.Unmarshal(enc.Algorithm.Parameters.FullBytes, &params); err != nil {
		return nil, fmt.Errorf("encrypted PKCS #8: %w", err)
	}
	var size int
	newCipher := aes.NewCipher
	switch oid := params.Encryption.Algorithm.String(); oid {
	case "2.16.840.1.101.3.4.1.2":
		size = 16
	case "2.16.840.1.101.3.4.1.22":
		size = 24
	case "2.16.840.1.101.3.4.1.42":
		size = 32
	case "1.2.840.113549.3.7":
		size, newCipher = 24, des.NewTripleDESCipher
	default:
		return nil, fmt.Errorf("encrypted with an unknown cipher (%s)", oid)
	}
	var iv []byte
	if _, err := asn1.Unmarshal(params.Encryption.Parameters.FullBytes, &iv); err != nil {
		return nil, fmt.Errorf("encrypted PKCS #8: %w", err)
	}
	key, err := deriveKey(params.KeyDerivation, passphrase, size)
	if err != nil {
		return nil, err
	}
	block, err := newCipher(key)
	if err != nil {
		return nil, err
	}
	if len(iv) != block.BlockSize() || len(enc.Data) == 0 || len(enc.Data)%block.BlockSize() != 0 {
		return nil, errors.New("encrypted PKCS #8: wrong length")
	}
	plain := make([]byte, len(enc.Data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, enc.Data)
	pad := int(plain[len(plain)-1])
	if pad == 0 || pad > block.BlockSize() {
		return nil, x509.IncorrectPasswordError
	}
	for _, b := range plain[len(plain)-pad:] {
		if int(b) != pad {
			return nil, x509.IncorrectPasswordError
		}
	}
	return plain[:len(plain)-pad], nil
}

func deriveKey(alg pkix.AlgorithmIdentifier, passphrase []byte, size int) ([]byte, error) {
	switch oid := alg.Algorithm.String(); oid {
	case "1.2.840.113549.1.5.12":
		var p pbkdf2Params
		if _, err := asn1.Unmarshal(alg.Parameters.FullBytes, &p); err != nil {
			return nil, fmt.Errorf("encrypted PKCS #8: %w", err)
		}
		var h func() hash.Hash
		switch prf := p.PRF.Algorithm.String(); prf {
		case "", "1.2.840.113549.2.7":
			h = sha1.New
		case "1.2.840.113549.2.9":
			h = sha256.New
		case "1.2.840.113549.2.10":
			h = sha512.New384
		case "1.2.840.113549.2.11":
			h = sha512.New
		default:
			return nil, fmt.Errorf("encrypted with an unknown hash (%s)", prf)
		}
		if p.Iterations < 1 || p.Iterations > maxKeyWork {
			return nil, errors.New("encrypted PKCS #8: unlikely number of iterations")
		}
		return pbkdf2.Key(h, string(passphrase), p.Salt, p.Iterations, size)
	case "1.3.6.1.4.1.11591.4.11":
		var p scryptParams
		if _, err := asn1.Unmarshal(alg.Parameters.FullBytes, &p); err != nil {
			return nil, fmt.Errorf("encrypted PKCS #8: %w", err)
		}
		if p.N < 2 || p.R < 1 || p.P < 1 || p.N > maxKeyWork || p.R > 64 || p.P > 64 {
			return nil, errors.New("encrypted PKCS #8: unlikely scrypt parameters")
		}
		return scrypt.Key(passphrase, p.Salt, p.N, p.R, p.P, size)
	default:
		return nil, fmt.Errorf("encrypted with an unknown key derivation (%s)", oid)
	}
}
