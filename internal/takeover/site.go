// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package takeover

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
)

// A site is what is known of a cluster.
type site struct {
	from     string // in words
	provider string // its address in the registry

	given   map[string]string // parameters, but for secrets and what attributes imply
	secrets []string          // parameters that are
	// scripts are the attributes that stand for files, and programs those of custom checks:
	// by name, the path of the file as the configuration has it.
	scripts, programs map[string]string
	own               []file // files that are written for that

	masters, agents, public []string
	asked                   bool   // the cluster has said which agents it has
	first                   string // from which node configuration is imported; "": the first of all

	user, key, sshConfig, release string
	port                          int

	decide []string // what a person has to decide
}

// A file is one that is written.
type file struct {
	name    string
	content []byte
}

// take takes the parameters of a config.yaml, and returns the scripts that it uses, by
// attribute.
func (s *site) take(parameters map[string]config.Value) (scripts map[string]string) {
	scripts = config.Implied(parameters)
	s.given = map[string]string{}
	for name, value := range parameters {
		p, known := config.Lookup(name)
		if known && p.Secret || !known && config.LooksSecret(name, value.Text) {
			s.secrets = append(s.secrets, name)
		} else {
			s.given[name] = value.Text
		}
	}
	slices.Sort(s.secrets)
	return scripts
}

// settle puts in what is given on the command line.
func (s *site) settle(o *options) error {
	for _, list := range []struct {
		flag, given string
		into        *[]string
	}{{"--masters", o.masters, &s.masters}, {"--agents", o.agents, &s.agents}, {"--public-agents", o.public, &s.public}} {
		if list.given != "" {
			*list.into = strings.Split(list.given, ",")
		}
		seen := map[string]bool{}
		for i, address := range *list.into {
			address = strings.TrimSpace(address)
			if address == "" || strings.ContainsAny(address, " \t\"\\$%{}@/") || seen[address] {
				return fmt.Errorf("%s: %q is no list of addresses with commas between them, each once", list.flag, strings.Join(*list.into, ","))
			}
			seen[address], (*list.into)[i] = true, address
		}
	}
	if o.user != "" {
		s.user = o.user
	}
	if o.port != 0 {
		s.port = o.port
	}
	if o.release != "" {
		s.release = o.release
	}
	if o.sshConfig != "" {
		s.sshConfig = o.reach(o.sshConfig)
	}
	if o.key != "" {
		s.key = o.reach(o.key)
	}
	if s.node() == "" {
		return fmt.Errorf("%s names no node; give --masters, and the agents as --agents and --public-agents", s.from)
	}
	s.doubts()
	return nil
}

// node is the node from which the configuration is imported.
func (s *site) node() string {
	for _, all := range [][]string{{s.first}, s.masters, s.agents, s.public} {
		if len(all) > 0 && all[0] != "" {
			return all[0]
		}
	}
	return ""
}

// agentsUnknown reports whether nothing says whether there are agents.
func (s *site) agentsUnknown() bool { return len(s.agents)+len(s.public) == 0 && !s.asked }

// doubts notes what a person has to decide.
func (s *site) doubts() {
	if s.release == "" {
		s.decide = append(s.decide, "where the release is that the cluster was installed from: variable release")
	}
	if s.user == "" {
		s.decide = append(s.decide, "who logs in to the hosts: ssh.user in main.tf")
	}
	if len(s.masters) == 0 {
		s.decide = append(s.decide, "the addresses of the masters, which are not known: locals in main.tf")
	}
	if s.agentsUnknown() {
		s.decide = append(s.decide, "the addresses of the agents, if there are any: locals in main.tf")
	}
}

// reach is a path as it is written where the configuration is.
func (o *options) reach(path string) string {
	from, err := filepath.Abs(o.out)
	to, err2 := filepath.Abs(path)
	if err != nil || err2 != nil {
		return filepath.ToSlash(path)
	}
	relative, err := filepath.Rel(from, to)
	if err != nil {
		return filepath.ToSlash(to)
	}
	return filepath.ToSlash(relative)
}

// report says what was written, and how to go on.
func (s *site) report(w io.Writer, dir string, files []file) {
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = f.name
	}
	fmt.Fprintf(w, "Written into %s: %s.\n", dir, strings.Join(names, ", "))
	fmt.Fprintf(w, "Masters: %d, agents: %d, public agents: %d, parameters: %d, from %s.\n",
		len(s.masters), len(s.agents), len(s.public), len(s.given)+len(s.secrets), s.from)
	if len(s.decide) > 0 {
		fmt.Fprint(w, "\nTo decide (look for DECIDE):\n")
		for _, d := range s.decide {
			fmt.Fprintf(w, "  - %s\n", d)
		}
	}
	fmt.Fprint(w, "\nThen, there, with tofu as with terraform:\n")
	for _, name := range s.secrets {
		fmt.Fprintf(w, "  export TF_VAR_%s=…\n", identifier(name))
	}
	fmt.Fprint(w, "  terraform init\n  terraform plan     # nothing but imports, if all is as it was installed\n  terraform apply\n")
}

// list reads the text of a list of texts, in the form in which DC/OS's generator writes
// it, which is what the attribute makes of the list again.
func list(text string) ([]string, bool) {
	var items []string
	if !strings.HasPrefix(text, "[") || json.Unmarshal([]byte(text), &items) != nil {
		return nil, false
	}
	quoted := make([]string, len(items))
	for i, item := range items {
		as, err := json.Marshal(item)
		if err != nil {
			return nil, false
		}
		quoted[i] = string(as)
	}
	return items, "["+strings.Join(quoted, ", ")+"]" == text
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
