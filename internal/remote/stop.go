// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"
	"slices"
	"time"
)

// killScript ends the process groups of the processes that have a word among
// their arguments, politely first. A group whose leader does not have it, or that this
// script is in, is somebody else's, of which the process is ended with its descendants.
// All that is to be ended is known before anything is: sudo passes a signal on to the
// leader of the group.
const killScript = `group(){ read -r c <"$1/stat"||return;set -- ${c##*")"};f=$2 g=$3;}
group /proc/self;own=$g;q=;t=" "
for p in $(grep -ls -e "$1" /proc/[0-9]*/cmdline);do p=${p%/cmdline};group "$p"||continue
if [ "$g" != "$own" ]&&grep -qs -e "$1" "/proc/$g/cmdline";then q="$q -$g";else t="$t${p#/proc/} ";fi;done 2>/dev/null
n=$t;[ "$t" = " " ]||n=;until [ "$n" = "$t" ];do n=$t;for p in /proc/[0-9]*;do group "$p"||continue
p=${p#/proc/};case $t in *" $p "*);;*" $f "*)t="$t$p ";;esac;done 2>/dev/null;done
for s in TERM KILL;do for x in $q $t;do kill -s $s -- "$x";done 2>/dev/null;[ $s = KILL ]||sleep 2;done
exit 0
`

// stop ends the script on the host, and waits for that as long as Run may. What is
// not ended then goes on being ended while whoever comes next on this connection
// waits for it (see settle), Close among them, which gives up the operators' lock.
func (j *job) stop() {
	p, c := j.p, j.conn
	defer p.close()
	ended := make(chan struct{})
	c.mu.Lock()
	c.endings = append(c.endings, ended)
	c.mu.Unlock()
	go func() {
		defer close(ended)
		if !j.endOnHost() {
			// The host ends it by itself then, and the keeper holds the lock for as long
			// as that takes.
			p.t.fail(stuck(j.work))
		}
	}()
	timer := time.NewTimer(p.t.limits.end)
	defer timer.Stop()
	select {
	case <-ended:
	case <-p.exited:
	case <-timer.C:
	}
}

// endOnHost has the host end the script. One that does not read the input that it
// has keeps the order to end, and the end of the connection too, from getting to
// its watchdog: it is ended from beside, over a channel of its own.
func (j *job) endOnHost() bool {
	p := j.p
	if !j.hasLongInput() {
		return p.end(p.t.limits.kill)
	}
	if p.end(p.t.limits.unread) {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.t.limits.kill)
	defer cancel()
	_, err := j.conn.run(ctx, &Script{Name: "the end of " + j.work, Root: j.script.Root, Text: killScript, Args: []string{p.word},
		MaxOutput: maxNoise, Most: mostNoise})
	return err == nil
}

// settle waits until the scripts that were stopped have ended.
func (c *Conn) settle(ctx context.Context) {
	c.mu.Lock()
	endings := slices.Clone(c.endings)
	c.mu.Unlock()
	for _, ended := range endings {
		select {
		case <-ended:
		case <-ctx.Done(): // which whoever comes next will see
			return
		}
	}
	c.mu.Lock()
	c.endings = slices.DeleteFunc(c.endings, func(ended <-chan struct{}) bool {
		select {
		case <-ended:
			return true
		default:
			return false
		}
	})
	c.mu.Unlock()
}
