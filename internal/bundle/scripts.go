// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"text/template"
)

//go:embed scripts
var scriptFiles embed.FS

// loadScript reads a script's template. Shell and Docker's own templates have
// braces of their own, so ours look different.
func loadScript(name string) (*template.Template, error) {
	return template.New(name).Delims("@{", "}@").Option("missingkey=error").ParseFS(scriptFiles, "scripts/"+name)
}

// A scriptFile is a file that a script writes from a here-document.
type scriptFile struct {
	Path string
	Mode string // octal
	Mark string // a line that the text does not have
	Text string // ends with a line end
}

// A unitCommand is what a script does with a unit.
type unitCommand struct {
	Verb, Unit string
	NoBlock    bool // if the user asks for it
}

// HostFiles gives the files that installing puts on a node beside packages, as
// they end up there: setup files, then units, in the order in which they are
// written. Each ends with an empty line more than was rendered, as DC/OS's own
// dcos_install.sh leaves it (gen/build_deploy/bash.py, file_template).
func (b *Bundle) HostFiles() []File {
	var files []File
	for _, f := range b.SetupFiles {
		if f.Sealed {
			files = append(files, f)
			continue
		}
		files = append(files, File{Path: f.Path, Mode: f.Mode, Content: append(slices.Clone(f.Content), '\n')})
	}
	for _, u := range b.Units {
		if u.Content != "" {
			files = append(files, File{Path: unitDirectory + u.Name, Mode: 0o644, Content: []byte(u.Content + "\n")})
		}
	}
	return files
}

// SealedFiles are the setup files without the content of those that hold
// secrets: those that only root may read, and others that hide says so of.
func (b *Bundle) SealedFiles(hide func(File) bool) []File {
	files := slices.Clone(b.SetupFiles)
	for i, f := range files {
		if f.Mode&0o077 == 0 || hide(f) {
			files[i].Content, files[i].Sealed = nil, true
		}
	}
	return files
}

// unitCommands gives what installing does with units, in order.
func (b *Bundle) unitCommands() []unitCommand {
	var commands []unitCommand
	for _, u := range b.Units {
		name := strings.TrimSuffix(u.Name, ".service")
		if u.Enable {
			commands = append(commands, unitCommand{Verb: "enable", Unit: name})
		}
		if u.Command != "" {
			commands = append(commands, unitCommand{Verb: u.Command, Unit: name, NoBlock: u.NoBlock})
		}
	}
	return commands
}

// defaultAgentWorkDir is where agents work on lines that have no parameter for it.
const defaultAgentWorkDir = "/var/lib/mesos/slave"

// InstallScript gives the dcos_install.sh of the bundle. It has the flags,
// exit codes and effects of the line's own script, and is the same whenever
// and wherever it is rendered.
func (b *Bundle) InstallScript() ([]byte, error) {
	data := struct {
		Version, Commit, BundleID string
		Facts                     PreflightFact
		MasterPorts, AgentPorts   []PortFact
		PlainCommands             []string // those whose version does not matter
		AgentWorkDir              string
		BothRefused               bool // -d and -p together
		Files                     []scriptFile
		Commands                  []unitCommand
	}{
		Version: b.Version, Commit: b.rel.Commit(), BundleID: b.ID,
		Facts:        PreflightFacts(b.Line, "master"),
		MasterPorts:  PreflightFacts(b.Line, "master").Ports,
		AgentPorts:   PreflightFacts(b.Line, "slave").Ports,
		AgentWorkDir: b.Arguments["mesos_agent_work_dir"],
		BothRefused:  span{to: "1.13"}.has(b.Line),
		Commands:     b.unitCommands(),
	}
	if data.AgentWorkDir == "" {
		data.AgentWorkDir = defaultAgentWorkDir
	}
	for _, c := range data.Facts.Commands {
		if c.MinVersion == "" {
			data.PlainCommands = append(data.PlainCommands, c.Name)
		}
	}
	for _, f := range b.HostFiles() {
		file := scriptFile{Path: f.Path, Mode: fmt.Sprintf("%04o", f.Mode&fs.ModePerm), Mark: "END", Text: string(f.Content)}
		for n := 1; slices.Contains(strings.Split(file.Text, "\n"), file.Mark); n++ {
			file.Mark = fmt.Sprintf("END%d", n)
		}
		if strings.ContainsRune(file.Text, 0) || strings.ContainsAny(file.Path, "'\n") {
			return nil, fmt.Errorf("%s cannot be written by a shell script", f.Path)
		}
		data.Files = append(data.Files, file)
	}
	if strings.ContainsAny(data.AgentWorkDir, "'\n") {
		return nil, fmt.Errorf("mesos_agent_work_dir %q cannot be written in a shell script", data.AgentWorkDir)
	}
	return b.fill("dcos_install.sh", data)
}

// UpgradeScript gives the script that upgrades a node from the given version
// by hand: fetch, activate, check.
func (b *Bundle) UpgradeScript(fromVersion string) ([]byte, error) {
	ids := slices.Clone(b.PackageIDs)
	slices.SortStableFunc(ids, func(a, b string) int { return strings.Compare(packageName(a), packageName(b)) })
	data := struct {
		From, To, Commit, BundleID, BootstrapURL string
		PackageIDs                               []string
		NoBlock                                  bool
	}{
		From: fromVersion, To: b.Version, Commit: b.rel.Commit(), BundleID: b.ID,
		BootstrapURL: b.Arguments["bootstrap_url"], PackageIDs: ids,
		NoBlock: span{to: "2.1"}.has(b.Line),
	}
	for _, text := range []string{data.From, data.BootstrapURL} {
		if strings.ContainsAny(text, "'\n") {
			return nil, fmt.Errorf("%q cannot be written in a shell script", text)
		}
	}
	return b.fill("dcos_node_upgrade.sh", data)
}

// fill renders a script's template.
func (b *Bundle) fill(name string, data any) ([]byte, error) {
	t, err := loadScript(name)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, data); err != nil {
		return nil, fmt.Errorf("rendering %s: %w", name, err)
	}
	return out.Bytes(), nil
}
