// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import "context"

// killScript ends the process groups of the processes that have a word among
// their arguments, politely first. grep, which has it too, is in a group of
// this script's own.
const killScript = `group(){ g=;c=$(cat "$1/stat" 2>/dev/null)||return 1;set -- ${c##*) };g=$3;}
group /proc/self;own=$g
groups(){ for p in $(grep -ls -e "$1" /proc/[0-9]*/cmdline);do
group "${p%/cmdline}"&&[ "$g" != "$own" ]&&kill -s "$2" -- "-$g";done 2>/dev/null;}
groups "$1" TERM;sleep 2;groups "$1" KILL
exit 0
`

// stop ends the script on the host. One that does not read the input that it
// has keeps the order to end from getting to its watchdog: it is ended from
// beside, over a channel of its own.
func (j *job) stop() {
	p := j.p
	defer p.close()
	if !j.hasLongInput() {
		p.end(endLimit)
		return
	}
	if p.end(endUnread) || !p.t.alive() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), killLimit)
	defer cancel()
	// Whether it has helped shows in the process.
	_, _ = j.conn.Run(ctx, Script{Name: "the end of " + j.work, Root: j.script.Root, Text: killScript, Args: []string{p.word}})
	p.ends(endUnread)
}
