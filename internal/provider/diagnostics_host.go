// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/release"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// errNoRecipe is a bundle object that no dcos_cluster_config made.
var errNoRecipe = errors.New("the bundle has no recipe; write " + writeBundle)

// A hostFailure is one operation on a host that failed: what a diagnostic says
// about it, in this order.
type hostFailure struct {
	summary   string
	host      string
	role      string
	holder    string // dcos_node, dcos_node_pool
	operation string // in words: "installing DC/OS"
	stage     string
	doing     string
	exitCode  int
	message   string
	stderr    string
	journal   string
	hint      string
}

// hostError words why an operation on a host failed.
func (s *shared) hostError(h *fleet.Host, operation string, err error) diag.Diagnostic {
	f := s.failure(h, operation, err)
	return diag.NewErrorDiagnostic(f.summary, s.redactor.Redact(f.detail()))
}

// hostWarning words why a host could not be looked at, and that nothing
// follows from it.
func (s *shared) hostWarning(h *fleet.Host, operation string, err error) diag.Diagnostic {
	f := s.failure(h, operation, err)
	f.hint = "Its state is kept as it was, so this plan may not see what has changed on the host.\n" + f.hint
	return diag.NewWarningDiagnostic(f.summary, s.redactor.Redact(f.detail()))
}

// detail is the body of the diagnostic.
func (f hostFailure) detail() string {
	var b strings.Builder
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-11s%s\n", name+":", value)
		}
	}
	host := f.host
	if f.role != "" {
		host += " (" + f.role + ")"
	}
	field("Host", host)
	field("While", f.operation)
	field("Stage", f.stage)
	field("Doing", f.doing)
	if f.exitCode != 0 {
		field("Exit code", fmt.Sprint(f.exitCode))
	}
	b.WriteString("\n" + capital(sentence(f.message)) + "\n")
	block := func(title, text string) {
		text = strings.TrimRight(text, "\n")
		if strings.TrimSpace(text) == "" {
			return
		}
		fmt.Fprintf(&b, "\n%s\n", title)
		for line := range strings.SplitSeq(text, "\n") {
			b.WriteString("  " + line + "\n")
		}
	}
	block("Last lines of error output:", f.stderr)
	block("Journal of the units that failed:", f.journal)
	if f.hint != "" {
		b.WriteString("\nWhat to do: " + capital(sentence(f.hint)) + "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

// failure finds out what an error is. Errors of inner packages wrap one
// another; wordings says which of them tells it.
func (s *shared) failure(h *fleet.Host, operation string, err error) hostFailure {
	f := hostFailure{
		summary: "Operation On Host Failed", operation: operation, message: err.Error(), host: h.Address(), role: string(h.Role),
		holder: h.Holder,
	}
	if f.role != "" && f.host == "" {
		f.host = "unknown"
	}
	f.hint = hintOf(err)
	var stage *node.StageError
	if errors.As(err, &stage) {
		f.summary = stageSummary(stage.Stage)
		f.stage, f.doing, f.exitCode = stage.Stage, stage.Doing, stage.ExitCode
		f.stderr, f.journal = stage.Stderr, stage.Journal
		f.message = stage.Reason()
		if stage.Hint != "" {
			f.hint = stage.Hint
		}
	}
	f.word(err)
	var failed *fleet.Failure
	switch errors.As(err, &failed); {
	case failed == nil:
	case failed.Ended == fleet.ByTimeLimit:
		f.message = sentence(f.message) + " The time limit of the operation was reached."
		if f.hint == "" {
			f.hint = "Look at the host for what it is waiting for, or give the operation more time in timeouts."
		}
	case failed.Ended == fleet.ByInterrupt:
		f.summary = "Interrupted"
		f.message = strings.ReplaceAll(f.message, context.Canceled.Error(), "interrupted by you")
		f.hint = "Run the same again: it continues where this ended."
	}
	if f.hint == "" && f.stage != "" {
		f.hint = "Put right what the output names, then run the same again."
	}
	return f
}

// A wording is how a kind of error is told.
type wording struct {
	kind    remote.Kind
	summary string
	// own says that it is told in the error's own words, reason and hint,
	// whatever it is wrapped in.
	own   bool
	stage string // if no other is known
}

// wordings are those of all kinds that have a title of their own, whatever the
// stage. Of several
// kinds that an error is of, the first one here titles it, and the first one
// that is told in its own words words it: what is wrong with a connection tells
// more than in which stage it was.
func wordings() []wording {
	return []wording{
		{kind: remote.KindHostKey, summary: "Host Key Refused", own: true, stage: "connect"},
		{kind: remote.KindLogin, summary: "Login Refused", own: true, stage: "connect"},
		{kind: remote.KindSudo, summary: "No Root On The Host", own: true},
		{kind: remote.KindShell, summary: "Account Runs No Commands", own: true, stage: "connect"},
		{kind: remote.KindTool, summary: "Host Lacks A Command", own: true},
		{kind: remote.KindLocked, summary: "Host Locked By Another Run", own: true},
		{kind: remote.KindFlood, summary: "Host Sends Without End", own: true},
		{kind: remote.KindLost, summary: "Connection Lost"},
		{kind: remote.KindUnreachable, summary: "Host Not Reachable", stage: "connect"},
		{kind: remote.KindConfig, summary: "Invalid SSH Configuration", stage: "connect"},

		{kind: fleet.KindGate, summary: "Ensemble Of Masters At Risk", own: true},
		{kind: fleet.KindHalted, summary: "Not Touched, Since A Master Failed", own: true},
		{kind: fleet.KindUnavailable, summary: "Not Touched, Since Agents Failed", own: true},
		{kind: node.KindRollback, summary: "Upgrade Failed", own: true},
		{kind: node.KindPreflight, summary: "Preflight Checks Failed", own: true, stage: "preflight"},
		{kind: node.KindNotMember, summary: "Host Not Adopted", own: true, stage: "inspect"},
		{kind: node.KindForeign, summary: "DC/OS Is Already On The Host", own: true},
		{kind: node.KindStrangers, summary: "DC/OS's Directory Is In Use", own: true},
		{kind: node.KindClaimed, summary: "Node Belongs To Another Resource", own: true},
		{kind: fleet.KindAlone, summary: "No Host Of The Cluster Answers", own: true, stage: "connect"},
		{kind: fleet.KindShared, summary: "One Machine For Two Resources", own: true},
		{kind: node.KindReplaced, summary: "Machine Replaced", own: true},
		{kind: node.KindSameMachine, summary: "Machine Is The Same", own: true},
		{kind: node.KindWorse, summary: "Host Worse Than Planned", own: true, stage: "inspect"},
		{kind: node.KindNotNode, summary: "Host Is Not The Node", own: true},
		{kind: node.KindRole, summary: "Role Cannot Change In Place"},
		{kind: node.KindLeftover, summary: "Host Not Clean After Uninstall", own: true},
	}
}

// stageSummary is the title for a stage that failed.
func stageSummary(stage string) string {
	summaries := map[string]string{
		"inspect":     "Host Could Not Be Inspected",
		"cloud-init":  "Cloud-Init Did Not Finish",
		"preflight":   "Preflight Failed",
		"transfer":    "Transfer Failed",
		"install":     "Installation Failed",
		"postflight":  "Node Did Not Come Up",
		"upgrade":     "Upgrade Failed",
		"drain":       "Agent Could Not Be Drained",
		"uninstall":   "Uninstall Failed",
		"verify":      "Host Not Clean After Uninstall",
		"check":       "Checks Could Not Be Run",
		"restart":     "Restart Failed",
		"backup":      "Backup Failed",
		"diagnostics": "Diagnostics Not Collected",
		"resume":      "Agent Could Not Be Resumed",
	}
	if s, ok := summaries[stage]; ok {
		return s
	}
	return "Operation On Host Failed"
}

// word titles and words an error by what kinds it is of.
func (f *hostFailure) word(err error) {
	titled, worded := false, false
	for _, w := range wordings() {
		fault := remote.OfKind(err, w.kind)
		if fault == nil {
			continue
		}
		if !titled {
			f.summary, titled = w.summary, true
			f.stage = cmp.Or(f.stage, w.stage)
		}
		if w.own && !worded {
			f.message, f.hint, worded = reasonOf(fault), hintOf(fault), true
		}
	}
	var foreign *node.ForeignError
	if errors.As(err, &foreign) && foreign.Importable() && f.holder == holderPool {
		f.hint = "if it is a node of the pool's cluster in another configuration, and no other resource has it, name it in the pool's adopt: " +
			"the next plan says in what it would be changed. Or import it. A pool that is in no state yet is imported with all of its hosts: " +
			"terraform import " +
			"ADDRESS_OF_THE_POOL " + foreign.Host + ",OTHERS. For one that is, import the host into another pool (dcos_node_pool.new), apply, and " +
			"then move it over to the hosts of this one: it is taken over as it is, and gets this pool's bundle. Otherwise uninstall DC/OS first"
	}
	var key *remote.HostKeyError
	if errors.As(err, &key) && len(key.Want) > 0 && !key.Jump {
		f.hint += " On a node, ssh.host_key with the new key does that, and so does another value of machine, if it had one and its machine is " +
			"another one now: " + key.Key
	}
}

// hintOf is what the outermost error that knows it says to do.
func hintOf(err error) string {
	var hinter remote.Hinter
	if errors.As(err, &hinter) {
		return hinter.Hint()
	}
	return ""
}

// reasonOf is what an error says without what is told beside it.
func reasonOf(err error) string {
	if e, ok := err.(interface{ Reason() string }); ok { // this error's, not one's inside
		return e.Reason()
	}
	return err.Error()
}

// finding words what the user should hear of although it stands in nothing's
// way.
func (s *shared) finding(address string, f node.Finding) diag.Diagnostic {
	summary := "Preflight Warning"
	switch f.Name {
	case "exhibitor-backend":
		summary = "State Of An Ensemble In Exhibitor's Backend"
	case fleet.NoOutageLock:
		summary = "No Lock Of The Ensemble"
	case node.TakenOver:
		summary = "Node Taken Over"
	case node.NotDrained:
		summary = "Agent Not Drained"
	case node.NotPutBack:
		summary = "Not Put Back On The Host"
	case node.Stayed:
		summary = "Left On The Host"
	}
	return diag.NewWarningDiagnostic(summary, s.redactor.Redact(fmt.Sprintf("Host:      %s\n\nFound: %s\nNeeded: %s\n\nWhat to do: %s",
		address, capital(sentence(f.Found)), capital(sentence(f.Needed)), capital(sentence(f.Hint)))))
}

// notLookedAt words a refresh that had to be left out.
func notLookedAt(address, attribute string) diag.Diagnostic {
	return diag.NewWarningDiagnostic("Host Not Looked At",
		fmt.Sprintf("Host:      %s\n\nThe provider's %s is not known yet, so the host could not be asked. Its state is kept as it was.", address,
			attribute))
}

// machineReplaced words a refresh that found another machine.
func machineReplaced(address, want, got string) diag.Diagnostic {
	return diag.NewWarningDiagnostic("Machine Replaced",
		fmt.Sprintf("Host:      %s\n\nAnother machine answers at this address: its machine id is %s, that of the node was %s. "+
			"The node is gone from there, so it is planned to be installed anew. Nothing was changed on the machine.", address, got, want))
}

// abandonedMachine words a destroy that met another machine.
func abandonedMachine(address string, err *node.ReplacedError) diag.Diagnostic {
	return diag.NewWarningDiagnostic("Machine Replaced",
		fmt.Sprintf("Host:      %s\n\nAnother machine answers at this address: its machine id is %s, that of the node was %s. "+
			"The node is gone with its machine. Nothing was changed on the machine that is there now.", address, err.Got, err.Want))
}

// removalFailure is the failure of an uninstall, which says how to get rid of
// a node that cannot be reached.
func (s *shared) removalFailure(h *fleet.Host, err error) hostFailure {
	f := s.failure(h, "uninstalling DC/OS", err)
	var failed *fleet.Failure
	if errors.As(err, &failed) && !failed.Reached && f.stage == "connect" {
		f.hint = sentence(f.hint) + " " + abandonHint
	}
	if remote.OfKind(err, fleet.KindGate) != nil {
		f.hint = sentence(f.hint) + " If the cluster is given up as a whole, destroy all of it in one run, or set allow_ensemble_loss in the " +
			"provider block (DCOS_ALLOW_ENSEMBLE_LOSS=true)."
	}
	return f
}

// abandonHint says how to get rid of a node whose machine is gone.
const abandonHint = "If the machine is gone for good, set on_destroy = \"abandon\" on the node, apply that, and destroy again: " +
	"the host is not connected to then. uninstall_if_reachable in the provider block (DCOS_UNINSTALL_IF_REACHABLE=true) gives up, in this " +
	"very run, nodes whose machines give no answer."

// unknownChecks words names in preflight.skip that no check has.
func unknownChecks(names []string) diag.Diagnostic {
	return diag.NewAttributeErrorDiagnostic(tfpath.Root("preflight").AtName("skip"), "Unknown Preflight Check", unknownChecksText(names))
}

func unknownChecksText(names []string) string {
	return fmt.Sprintf("There is no check named %s. The checks are: %s.", strings.Join(names, ", "), strings.Join(node.CheckNames(), ", "))
}

// upgradeRefused words a change that DC/OS does not support on a node that runs.
func upgradeRefused(address string, err error, hint string) diag.Diagnostic {
	return diag.NewAttributeErrorDiagnostic(tfpath.Root("bundle"), "Upgrade Not Supported",
		fmt.Sprintf("Host:      %s\n\n%s\n\nWhat to do: %s", address, capital(sentence(err.Error())), capital(sentence(hint))))
}

// masterRestarts warns of what an apply does to masters: all of DC/OS's services
// restart, if none are named.
func masterRestarts(w restart) diag.Diagnostic {
	what := "all of DC/OS's services"
	if len(w.units) > 0 {
		what = listed(w.units)
	}
	begin := "Apply"
	if len(w.files) > 0 && len(w.units) > 0 {
		begin = "Apply changes " + listed(w.files) + " and"
	}
	where := "on the masters"
	if w.masters > 0 {
		where = fmt.Sprintf("on %s of the cluster", plural(w.masters, "master"))
	}
	by := ""
	if w.unseen && len(w.units) > 0 {
		by = "No refresh has seen the units of these masters yet: these are the release's. "
	}
	return diag.NewAttributeWarningDiagnostic(tfpath.Root("bundle"), "Master Will Restart",
		fmt.Sprintf("%s restarts %s %s, as far as they are in this plan. %s"+
			"Masters are changed one at a time, each after the ensemble has quorum again.", begin, what, where, by))
}

// maxListed is how many names are listed before the others are counted.
const maxListed = 5

// listed names the first few.
func listed(names []string) string {
	if n := len(names) - maxListed; n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxListed], ", "), n)
	}
	return strings.Join(names, ", ")
}

// bundleError words a bundle that cannot be made.
func (s *shared) bundleError(address string, err error) diag.Diagnostic {
	return diag.NewAttributeErrorDiagnostic(tfpath.Root("bundle"), "Bundle Cannot Be Made",
		s.redactor.Redact(fmt.Sprintf("Host:      %s\n\n%s\n\nA node is installed from the release that its dcos_cluster_config names, "+
			"so the release has to be within reach of this run too.",
			address, capital(sentence(err.Error())))))
}

// bundleGone words a repair that has to wait for the release.
func (s *shared) bundleGone(address string, err error) diag.Diagnostic {
	return diag.NewAttributeWarningDiagnostic(tfpath.Root("bundle"), "Release Is Gone",
		s.redactor.Redact(fmt.Sprintf("Host:      %s\n\n%s\n\nWhat has changed on the node cannot be put right without its release. "+
			"Destroying needs none.", address, capital(sentence(err.Error())))))
}

// releaseGone reports whether a bundle cannot be made because there is no release at
// its place.
func releaseGone(err error) bool {
	var bad *release.Error
	return errors.As(err, &bad) && (bad.Reason == release.NotFound || bad.Reason == release.NotAvailable)
}

// nothingToImport words an import from a host that is no node.
func nothingToImport(address string, state *node.State) diag.Diagnostic {
	found := "DC/OS is not installed on it"
	if state.Installed != node.None {
		found = fmt.Sprintf("its roles are %q, of which exactly one has to be there", state.Roles)
	}
	return diag.NewErrorDiagnostic("Nothing To Import",
		fmt.Sprintf("Host:      %s\n\nThe host was reached, but it cannot be imported: %s. A host without DC/OS does not need importing: "+
			"apply installs it.", address, found))
}
