// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"fmt"
	"regexp"
	"strings"
)

// Checks of what DC/OS's services find in Amazon's cloud, asked as they ask.

var harmlessBucket = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]+[a-z0-9]$`)

// s3Host is the name of S3 in a region.
func s3Host(region string) string {
	host := "s3." + region + ".amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		host += ".cn"
	}
	return host
}

// usesBucket says whether exhibitor on a node works with the bucket. A master by itself makes its ensemble without
// (packages/exhibitor/extra/start_exhibitor.py of DC/OS 1.10.11 to 2.2.1).
func usesBucket(o *Options) bool {
	args := o.Bundle.Arguments
	return o.Role == Master && args["exhibitor_storage_backend"] == "aws_s3" && args["num_masters"] != "1"
}

// usesRole says which service of a node gets its rights from the machine's role, and how bad it is when it gets none.
func usesRole(o *Options) (service string, s Severity) {
	switch args := o.Bundle.Arguments; {
	case usesBucket(o) && args["exhibitor_explicit_keys"] == "false":
		return "exhibitor", SeverityError
	case o.Role != Master && args["rexray_config_preset"] == "aws":
		return "REX-Ray", SeverityWarning // it starts all the same, and fails at the first volume
	}
	return "", ""
}

// checkInstanceRole judges what EC2's metadata service answers to who asks as those services do: without a token, as
// their AWS SDKs are older than its version 2 (exhibitor: SDK for Java 1.10.16 in DC/OS 1.10, 1.11.221 since; REX-Ray:
// SDK for Go 1.12.46).
func checkInstanceRole(h *hostFacts, o *Options) []Finding {
	service, severity := usesRole(o)
	if service == "" || !h.f.has("instance_role") {
		return nil
	}
	needs := "its bucket (exhibitor_explicit_keys is false)"
	other := "set exhibitor_explicit_keys with keys; where exhibitor gets them otherwise, skip this check"
	if service == "REX-Ray" {
		needs = `volumes (rexray_config_preset is "aws")`
		other = "leave the preset out where no task has such volumes"
	}
	f := Finding{
		Severity: severity,
		Needed:   fmt.Sprintf("the name of the machine's role, from which %s gets its rights to %s", service, needs),
	}
	code, length, _ := strings.Cut(h.f.get("instance_role"), " ")
	switch {
	case code == "" || code == "200" && length != "0":
		return nil // without curl, which is another finding, nobody was asked
	case code == "401":
		f.Found = fmt.Sprintf("an EC2 metadata service that answers with a token only (IMDSv2), which %s of DC/OS %s cannot ask for", service,
			o.Bundle.Line)
		f.Hint = `set http_tokens = "optional" in the instance's metadata_options (aws ec2 modify-instance-metadata-options --http-tokens ` +
			`optional does it on a running one), or ` + other
	case code == "403":
		f.Found = "an EC2 metadata service that is switched off"
		f.Hint = `set http_endpoint = "enabled" in the instance's metadata_options, or ` + other
	case code == "200" || code == "404":
		f.Found = "a machine without a role"
		f.Hint = "give the instance an instance profile (iam_instance_profile), or " + other
	case code == "000":
		f.Found = "no EC2 metadata service: 169.254.169.254 does not answer"
		f.Hint = "a machine that is not Amazon's has no role: " + other
	default:
		f.Found = "an EC2 metadata service that answers " + code
		f.Hint = "ask it on the host, or " + other
	}
	return one(f)
}

// checkBucket judges what S3 tells everybody of a bucket.
func checkBucket(h *hostFacts, o *Options) []Finding {
	args := o.Bundle.Arguments
	if !usesBucket(o) {
		return nil
	}
	code, region, _ := strings.Cut(h.fact("bucket", args["s3_bucket"]), " ")
	switch {
	case code == "404":
		return one(Finding{
			Found:  fmt.Sprintf("no bucket %s in S3", args["s3_bucket"]),
			Needed: "the bucket in which exhibitor keeps its configuration (s3_bucket)",
			Hint:   "make it, or correct s3_bucket",
		})
	case region != "" && region != args["aws_region"]:
		return one(Finding{
			Found:  fmt.Sprintf("the bucket %s in the region %s", args["s3_bucket"], region),
			Needed: fmt.Sprintf("a bucket in aws_region, which is %s: exhibitor asks there alone", args["aws_region"]),
			Hint:   "correct aws_region or s3_bucket",
		})
	}
	return nil
}
