// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // DC/OS names the package of check programs by SHA-1
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dcos-install/terraform-provider-dcos/internal/render"
)

const (
	checkBins     = "genconf/check_bins"
	defaultPath   = "/opt/mesosphere/bin:/usr/bin:/bin:/sbin"
	packageInfo   = "pkginfo.json"
	checkBinsName = "custom_check_bins" // as a user gives it
)

// CheckPackageName is the package that holds the site's own check programs.
const CheckPackageName = "custom-check-bins"

func checkDerivations() []derivation {
	on := since("1.11")
	return []derivation{
		fixed("check_search_path", defaultPath, only("1.10")),
		{name: "custom_check_bins_dir", on: on, from: checkBinsName, compute: func(c *calculation) (string, error) {
			return checkBins + "/", checkProgramNames(c.site)
		}},
		{name: "custom_check_bins_provided", on: on, inputs: []string{"custom_check_bins_dir"}, from: checkBinsName,
			compute: func(c *calculation) (string, error) {
				files, err := c.site.checkFiles()
				if err != nil {
					return "", err
				}
				return trueIf(len(files) > 0)
			}},
		{name: "custom_check_bins_hash", on: on, inputs: []string{"custom_check_bins_provided", "custom_check_bins_dir"}, from: checkBinsName,
			compute: func(c *calculation) (string, error) { return c.site.checkHash() }},
		{name: "custom_check_bins_package_id", on: on, inputs: []string{"custom_check_bins_provided", "custom_check_bins_package_name",
			"custom_check_bins_hash"}, from: checkBinsName,
			compute: func(c *calculation) (string, error) {
				if c.value("custom_check_bins_provided") != "true" {
					return "", nil
				}
				return c.value("custom_check_bins_package_name") + "--" + c.value("custom_check_bins_hash"), nil
			}},
		{name: "check_search_path", on: on, inputs: []string{"custom_check_bins_provided", "custom_check_bins_package_id"}, from: checkBinsName,
			compute: func(c *calculation) (string, error) {
				if c.value("custom_check_bins_provided") != "true" {
					return defaultPath, nil
				}
				return defaultPath + ":/opt/mesosphere/packages/" + c.value("custom_check_bins_package_id"), nil
			}},
		{name: "package_ids", on: only("1.10"), inputs: []string{"bootstrap_variant"}, compute: func(c *calculation) (string, error) {
			return jsonList(c.facts.Packages)
		}},
		{name: "package_ids", on: on, inputs: []string{"bootstrap_variant", "custom_check_bins_provided", "custom_check_bins_package_id"},
			from: checkBinsName,
			compute: func(c *calculation) (string, error) {
				ids := slices.Clone(c.facts.Packages)
				if c.value("custom_check_bins_provided") == "true" {
					ids = append(ids, c.value("custom_check_bins_package_id"))
				}
				return jsonList(ids)
			}},
		{name: "check_config_contents", inputs: []string{"check_config", "custom_checks", "check_search_path", "check_ld_library_path"},
			from: "custom_checks",
			compute: func(c *calculation) (string, error) {
				return mergedChecks(c.value("check_config"), c.value("custom_checks"), c.value("check_search_path"), c.value("check_ld_library_path"))
			}},
	}
}

// checkConfigOf computes the default of check_config.
func checkConfigOf(c *calculation) (string, error) {
	return checkConfig(c.line, c.value("check_time") == "true")
}

// checkFiles gives the names of the site's check programs, sorted.
func (s *Site) checkFiles() ([]string, error) {
	if s.Files[checkBins].Unknown {
		return nil, errWaits
	}
	var names []string
	for name := range s.Files {
		if program, ok := strings.CutPrefix(name, checkBins+"/"); ok && program != "" {
			names = append(names, program)
		}
	}
	slices.Sort(names)
	return names, nil
}

// CheckPrograms gives the site's own check programs by name.
func (s *Site) CheckPrograms() map[string][]byte {
	names, err := s.checkFiles()
	if err != nil {
		return nil // not known yet: a site is rendered when it is
	}
	programs := make(map[string][]byte, len(names))
	for _, name := range names {
		programs[name] = s.Files[checkBins+"/"+name].Content
	}
	return programs
}

// checkHash is the SHA-1 of the sorted SHA-1s of the programs.
func (s *Site) checkHash() (string, error) {
	names, err := s.checkFiles()
	if err != nil || len(names) == 0 {
		return "", err
	}
	sums := make([]string, len(names))
	for i, name := range names {
		f := s.Files[checkBins+"/"+name]
		if f.Unknown {
			return "", errWaits
		}
		sum := sha1.Sum(f.Content) //nolint:gosec // see above
		sums[i] = hex.EncodeToString(sum[:])
	}
	slices.Sort(sums)
	return render.HashText(strings.Join(sums, "")), nil
}

// checkProgramNames refuses names that cannot be files of the package.
func checkProgramNames(site *Site) error {
	for _, name := range slices.Sorted(maps.Keys(site.CheckPrograms())) {
		switch {
		case strings.Contains(name, "/"):
			return fmt.Errorf("must not have a directory in it, and %q is in one", name)
		case name == packageInfo:
			return fmt.Errorf("must not have a file %s: DC/OS writes one of its own", packageInfo)
		case name == "." || name == ".." || strings.ContainsRune(name, 0):
			return fmt.Errorf("must have names of files, and %q is none", name)
		}
	}
	return nil
}

// fileText gives a script as DC/OS reads it: every line end becomes \n.
func (c *calculation) fileText(name, parameter, attribute string) (string, error) {
	f, ok := c.site.file(name)
	switch {
	case !ok:
		return "", missingError{fmt.Errorf("must be worked out from the script %q that %s names, and it is not there: give its text as %s", name,
			parameter, attribute)}
	case f.Unknown:
		return "", errWaits
	case !utf8.Valid(f.Content):
		return "", fmt.Errorf("must be worked out from the script %q, which is not UTF-8", name)
	}
	text := strings.ReplaceAll(string(f.Content), "\r\n", "\n")
	return strings.ReplaceAll(text, "\r", "\n"), nil
}

// file finds a file by the name that a parameter gives it. The generator
// runs at the root, beside genconf.
func (s *Site) file(name string) (File, bool) {
	if f, ok := s.Files[name]; ok {
		return f, true
	}
	for other, f := range s.Files {
		if path.Clean("/"+other) == path.Clean("/"+name) {
			return f, true
		}
	}
	return File{}, false
}

func scalarOf(text string, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return render.EncodeYAMLText(text), nil
}

func ipDetectContents(c *calculation) (string, error) {
	return scalarOf(c.fileText(c.value("ip_detect_filename"), "ip_detect_filename", "ip_detect_script"))
}

func ipDetectPublicContents(c *calculation) (string, error) {
	name := c.value("ip_detect_public_filename")
	if name == "" {
		return c.value("ip_detect_contents"), nil
	}
	return scalarOf(c.fileText(name, "ip_detect_public_filename", "ip_detect_public_script"))
}

func ip6DetectContents(c *calculation) (string, error) {
	name := c.value("ip6_detect_filename")
	if name == "" {
		return render.EncodeYAMLText(""), nil
	}
	return scalarOf(c.fileText(name, "ip6_detect_filename", "ip6_detect_script"))
}

func faultDomainDetectContents(c *calculation) (string, error) {
	name := c.value("fault_domain_detect_filename")
	if _, ok := c.site.file(name); !ok {
		return "", nil
	}
	return scalarOf(c.fileText(name, "fault_domain_detect_filename", "fault_domain_detect_script"))
}

func credentialsOwned(c *calculation) (string, error) {
	return trueIf(c.value("cluster_docker_credentials") != "{}")
}

func overlayNetworkJSON(c *calculation) (string, error) {
	return overlayJSON(c.value("dcos_overlay_network"), c.value("enable_ipv6") != "false")
}

func bootstrapID(c *calculation) (string, error) { return c.facts.BootstrapID, nil }

func bootstrapVariant(c *calculation) (string, error) { return c.facts.Variant, nil }

// superuserKeyJSON checks that a key is an RSA public key, and quotes it.
func superuserKeyJSON(c *calculation) (string, error) {
	text := c.value("superuser_service_account_public_key")
	if text != "" {
		if err := rsaPublicKey(text); err != nil {
			return "", err
		}
	}
	return render.QuoteJSON(text), nil
}

func rsaPublicKey(text string) error {
	errNone := errors.New("must be an RSA public key in PEM")
	if strings.IndexFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0 {
		return errNone
	}
	var plain []byte
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "PUBLIC KEY":
			key, err := x509.ParsePKIXPublicKey(block.Bytes)
			if err != nil {
				return fmt.Errorf("%w: %w", errNone, err)
			}
			if _, ok := key.(*rsa.PublicKey); !ok {
				return fmt.Errorf("%w, not a key of another kind", errNone)
			}
			return nil
		case "RSA PUBLIC KEY":
			if plain == nil {
				plain = block.Bytes
			}
		}
	}
	if plain == nil {
		return errNone
	}
	if _, err := x509.ParsePKCS1PublicKey(plain); err != nil {
		return fmt.Errorf("%w: %w", errNone, err)
	}
	return nil
}
