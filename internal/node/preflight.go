// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/url"
	"path"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
)

// A Severity says whether a finding stands in the way.
type Severity string

// Severities of findings.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// A Finding is what a preflight check found wrong.
type Finding struct {
	Name     string // of the check, as in preflight.skip
	Severity Severity
	Found    string
	Needed   string
	Hint     string
}

// String gives the finding as one line.
func (f Finding) String() string {
	s := f.Name + ": found " + f.Found + "; needed: " + f.Needed
	if f.Hint != "" {
		s += ". " + f.Hint
	}
	return s
}

// A host is what the checks judge.
type hostFacts struct {
	State
	f *frame
	// before and after are our own time around the host's clock.
	before, after time.Time
	peers         Peers
	missing       []bundle.Artifact // what would have to be transferred
	unpack        []bundle.Artifact // what would have to be unpacked
	accounts      []bundle.Account  // what packages ask of the host's users
}

// A check judges facts. upgrade says whether it is done for an upgrade, too;
// the others only make sense before DC/OS is there.
type check struct {
	upgrade bool
	judge   func(h *hostFacts, o *Options) []Finding
}

func checks() map[string]check {
	return map[string]check{
		"dcos":              {false, checkDCOS},
		"leftovers":         {false, checkLeftovers},
		"directories":       {false, checkDirectories},
		"machine-id":        {true, checkMachineID},
		"clock":             {true, checkClock},
		"time-sync":         {true, checkTimeSync},
		"disk":              {true, checkDisk},
		"systemd":           {false, checkSystemd},
		"selinux":           {false, checkSELinux},
		"cgroups":           {false, checkCgroups},
		"commands":          {false, checkCommands},
		"groups":            {false, checkGroups},
		"users":             {true, checkUsers},
		"kernel-modules":    {false, checkModules},
		"docker":            {false, checkDocker},
		"docker-version":    {false, checkDockerVersion},
		"docker-storage":    {false, checkDockerStorage},
		"xfs-ftype":         {false, checkXFS},
		"ports":             {false, checkPorts},
		"ip-detect":         {false, checkIPDetect},
		"master-list":       {false, checkMasterList},
		"hostname":          {true, checkHostname},
		"bootstrap-url":     {true, checkBootstrapURL},
		"load-balancer":     {false, checkLoadBalancer},
		"exhibitor-backend": {true, checkExhibitorBackend},
		"instance-role":     {true, checkInstanceRole},
		"health":            {true, checkHealth},
	}
}

// CheckNames gives the names of the preflight checks, sorted.
func CheckNames() []string { return slices.Sorted(maps.Keys(checks())) }

func checkSkips(names []string) error {
	var unknown []string
	all := checks()
	for _, n := range names {
		if _, ok := all[n]; !ok {
			unknown = append(unknown, fmt.Sprintf("%q", n))
		}
	}
	if len(unknown) > 0 {
		sort.Strings(unknown)
		return &UnknownCheckError{Names: unknown}
	}
	return nil
}

// Preflight checks whether the host is fit for the role. It changes nothing
// and costs one round trip. The error is for a host that could not be
// checked; what is wrong with the host is in the findings. A host that is a
// node of the cluster already is checked as before an upgrade.
func Preflight(ctx context.Context, conn Conn, opts Options) (findings []Finding, err error) {
	s, err := newSession(conn, opts)
	if err != nil {
		return nil, err
	}
	defer func() { s.close(err) }()
	h, err := s.look(ctx)
	if err != nil {
		return nil, err
	}
	member := opts.MachineID != "" || h.Cluster == opts.Bundle.ClusterName && h.Role == opts.Role
	return h.judge(&s.opts, h.Installed == Complete && member), nil
}

// judge does the checks, those that stand in the way first.
func (h *hostFacts) judge(o *Options, upgrade bool) []Finding {
	var out []Finding
	all := checks()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if slices.Contains(o.SkipChecks, name) || upgrade && !all[name].upgrade {
			continue
		}
		for _, f := range all[name].judge(h, o) {
			f.Name = name
			if f.Severity == "" {
				f.Severity = SeverityError
			}
			out = append(out, f)
		}
	}
	slices.SortStableFunc(out, func(a, b Finding) int { return strings.Compare(string(a.Severity), string(b.Severity)) })
	return out
}

// errorsOf gives the findings that stand in the way.
func errorsOf(findings []Finding) []Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f Finding) bool { return f.Severity != SeverityError })
}

// contentSum is the sum that preflight.sh makes of a package's files. Its id
// need not tell them apart: it is made of the release's commit, the templates'
// names and the arguments, not of what the templates say (gen/__init__.py).
func contentSum(p bundle.Package) string {
	lines := make([]string, len(p.Files))
	for i, f := range p.Files {
		lines[i] = sum(f.Content) + "  ." + f.Path + "\n"
	}
	slices.Sort(lines)
	return sum([]byte(strings.Join(lines, "")))
}

// wishes writes what preflight.sh has to look at.
func (s *session) wishes(artifacts []bundle.Artifact, accounts []bundle.Account) *strings.Builder {
	var b strings.Builder
	wish := func(words ...string) {
		if slices.Contains(words, "") {
			return
		}
		for i, w := range words {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(w)
		}
		b.WriteByte('\n')
	}
	args := s.opts.Bundle.Arguments
	facts := bundle.PreflightFacts(s.opts.Bundle.Line, s.opts.Role.OnDisk())
	for _, c := range facts.Commands {
		wish("command", c.Name)
	}
	for _, g := range facts.Groups {
		wish("group", g)
	}
	for _, m := range facts.KernelModules {
		wish("module", m)
	}
	wish("space", s.staging)
	wish("space", "/opt/mesosphere")
	wish("space", "/var/tmp")
	if facts.XFSFtype {
		wish("xfs", agentWorkDirectory(s.opts.Bundle))
		wish("xfs", "docker")
	}
	for _, dir := range append([]string{"/opt/mesosphere", "/etc/mesosphere", "/var/lib/dcos", "/var/lib/mesos", s.staging},
		workDirectories(s.opts.Bundle, s.opts.Role)...) {
		wish("place", dir)
	}
	for _, p := range s.opts.Bundle.ConfigPackages {
		wish("content", p.ID, contentSum(p))
	}
	for _, a := range artifacts {
		if s.push {
			wish("artifact", s.staging+"/"+a.Path, fmt.Sprint(a.Size), a.SHA256)
		}
		if id := packageID(a.Path); id != "" {
			wish("package", id)
		}
		if !s.push && strings.HasPrefix(a.Path, "bootstrap/") {
			wish("url", s.url+"/"+a.Path)
		}
	}
	wish("ip_detect", encode(ipDetect(s.opts.Bundle)))
	wish("resolve", "@")
	for _, d := range reach(s.opts.Bundle) {
		if d.name == "exhibitor-backend" && s.opts.Role != Master {
			continue
		}
		wish("resolve", d.host)
		wish("tcp", d.host, d.port)
	}
	if args["exhibitor_storage_backend"] == "shared_filesystem" && s.opts.Role == Master {
		wish("directory", args["exhibitor_fs_config_dir"])
	}
	wishAccounts(accounts, wish)
	s.wishCloud(wish)
	wish("health", "node-poststart")
	return &b
}

// wishAccounts wishes for what packages ask of the host's users.
func wishAccounts(accounts []bundle.Account, wish func(...string)) {
	for _, a := range accounts {
		if harmlessName.MatchString(a.User) && harmlessName.MatchString(cmp.Or(a.Group, a.User)) {
			wish("account", a.User, cmp.Or(a.Group, "-"))
		}
	}
}

// wishCloud wishes for what services ask of Amazon's cloud.
func (s *session) wishCloud(wish func(...string)) {
	if service, _ := usesRole(&s.opts); service != "" {
		wish("instance_role")
	}
	args := s.opts.Bundle.Arguments
	if bucket := args["s3_bucket"]; usesBucket(&s.opts) && harmlessBucket.MatchString(bucket) && harmlessName.MatchString(args["aws_region"]) {
		wish("bucket", s3Host(args["aws_region"]), bucket)
	}
}

// agentWorkDirectory gives where agents keep their work; older lines have no
// parameter for it.
func agentWorkDirectory(b *bundle.Bundle) string {
	if dir := path.Clean(b.Arguments["mesos_agent_work_dir"]); harmlessPath.MatchString(dir) {
		return dir
	}
	return defaultWorkDirectory
}

const defaultWorkDirectory = "/var/lib/mesos/slave"

// workDirectories gives where a node of the role is told to keep Mesos's work;
// of a role that is not known, both.
func workDirectories(b *bundle.Bundle, role Role) []string {
	var dirs []string
	if role != Master {
		dirs = append(dirs, agentWorkDirectory(b))
	}
	if dir := path.Clean(b.Arguments["mesos_master_work_dir"]); role != Agent && role != PublicAgent && harmlessPath.MatchString(dir) {
		dirs = append(dirs, dir)
	}
	return dirs
}

// watches says which directories the record is to know of, besides DC/OS's own.
func (s *session) watches() string {
	var b strings.Builder
	for _, dir := range workDirectories(s.opts.Bundle, s.opts.Role) {
		if !strings.HasPrefix(dir, "/var/lib/dcos/") && dir != defaultWorkDirectory {
			fmt.Fprintf(&b, "watch %s\n", dir)
		}
	}
	return b.String()
}

// packageID gives the id of the package that an artifact is, "" for others.
func packageID(artifact string) string {
	rest, ok := strings.CutPrefix(artifact, "packages/")
	if !ok {
		return ""
	}
	_, file, _ := strings.Cut(rest, "/")
	return strings.TrimSuffix(file, ".tar.xz")
}

func ipDetect(b *bundle.Bundle) []byte {
	for _, p := range b.ConfigPackages {
		for _, f := range p.Files {
			if p.Name == "dcos-config" && f.Path == "/bin/detect_ip" {
				return f.Content
			}
		}
	}
	return nil
}

// A peer is something that the node has to reach.
type peer struct {
	name       string // of the check
	what       string
	host, port string
	// severity is that of not reaching it, "" if the check says so: what may
	// be behind a proxy that only DC/OS's services know is only warned of.
	severity Severity
}

// reach gives what a node of the bundle has to reach.
func reach(b *bundle.Bundle) []peer {
	var out []peer
	args := b.Arguments
	if args["master_discovery"] == "master_http_loadbalancer" {
		port := args["exhibitor_port"]
		if port == "" {
			port = "8181"
		}
		out = append(out, peer{name: "load-balancer", what: "the load balancer in front of the masters (exhibitor_address)",
			host: args["exhibitor_address"], port: port})
	}
	switch args["exhibitor_storage_backend"] {
	case "aws_s3":
		if region := args["aws_region"]; region != "" {
			out = append(out, peer{"exhibitor-backend", "AWS S3 in aws_region, for exhibitor", s3Host(region), "443", SeverityWarning})
		}
	case "azure":
		if account := args["exhibitor_azure_account_name"]; account != "" {
			out = append(out, peer{"exhibitor-backend", "the Azure storage account, for exhibitor (exhibitor_azure_account_name)",
				account + ".blob.core.windows.net", "443", SeverityWarning})
		}
	case "zookeeper":
		for hp := range strings.SplitSeq(args["exhibitor_zk_hosts"], ",") {
			if host, port, err := net.SplitHostPort(strings.TrimSpace(hp)); err == nil {
				out = append(out, peer{name: "exhibitor-backend", what: "exhibitor's ZooKeeper (exhibitor_zk_hosts)", host: host, port: port})
			}
		}
	}
	if u, err := url.Parse(args["bootstrap_url"]); err == nil && u.Scheme != "file" && u.Hostname() != "" {
		out = append(out, peer{name: "bootstrap-url", what: "the server of bootstrap_url", host: u.Hostname(), port: portOf(u)})
	}
	return out
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

// masterList reads the parameter of a static site.
func masterList(b *bundle.Bundle) []string {
	var list []string
	if err := json.Unmarshal([]byte(b.Arguments["master_list"]), &list); err != nil {
		return nil // there is none: the masters are not listed
	}
	return list
}
