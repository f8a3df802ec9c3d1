// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	// longLimit bounds each round trip that only looks or starts.
	longLimit = time.Minute
	// longKillLimit is how long ending a long script on the host may take.
	longKillLimit = 20 * time.Second
)

// longBegin starts a long script, or finds it started. Arguments: the name of
// its directory and unit, which has a sum of the text in it, the text, and the
// runner. It answers "begun DIRECTORY BOOT-ID".
//
// A begin whose connection breaks may be killed at any point, and the next one
// must not start the script twice. So the directory "started" in the script's
// directory decides, which only one can make: the runner, which then runs the
// script, or a begin that finds none, which then knows that no runner ever
// will and starts afresh. A runner that is left over waits at the named pipe in
// which the text travels, so as never to be on a disk, and is sent home with
// nothing; should it wake up late, it may as well take the text, which ends
// with the name to show that it is whole. BusyBox's shell gives up opening the
// pipe when the end of a child interrupts it, hence several attempts.
//
//nolint:lll // a script that is sent as it is
const longBegin = `umask 077;boot=$(cat /proc/sys/kernel/random/boot_id)
for b in /var/tmp /tmp "$HOME" /dev/shm;do [ -d "$b" ]&&[ -w "$b" ]&&break;done
for d in "$b"/.dcos-long.*;do [ "$d" != "$b/$1" ]&&[ -f "$d/started/boot" ]&&[ "$(cat "$d/started/boot")" != "$boot" ]&&rm -rf "$d";done
d=$b/$1;name=$1;text=$2;runner=$3
mine(){ set -- $(ls -ldn "$d");case "$1 $3" in "drwx------"*" $(id -u)") ;;*) echo "$d belongs to somebody else" >&2;exit 1;;esac;}
held(){ ! (exec 9<"$d/alive"&&flock -n 9) 2>/dev/null;}
while :;do
mkdir "$d" 2>/dev/null;mine
command exec 8<"$d"&&flock -w 30 8||{ echo "somebody else is starting it" >&2;exit 1;}
[ "$d" -ef /proc/self/fd/8 ]&&break
exec 8<&-
done
if [ -e "$d/alive" ]&&! mkdir "$d/started" 2>/dev/null&&{ [ -s "$d/started/boot" ]||held;};then echo "begun $d $boot";exit;fi
if [ -p "$d/in" ];then (exec 7<>"$d/in");i=0;while held&&[ $i -lt 50 ];do i=$((i+1));sleep 0.1 2>/dev/null||sleep 1;done;fi
rm -rf "$d/started"
{ [ -p "$d/in" ]||mkfifo "$d/in";}&&printf %s "$runner" >"$d/.run"&&mv "$d/.run" "$d/run"&&: >>"$d/alive"||exit 1
unit=
if [ "$(id -u)" = 0 ]&&[ -d /run/systemd/system ];then
systemd-run --quiet --unit="${name#.}" --description="a long script of the DC/OS provider" -p KillMode=process /bin/sh "$d/run" "$d" "$name" "$HOME" 8>&- >/dev/null 2>&1&&unit=1
fi
if [ -z "$unit" ];then setsid sh "$d/run" "$d" "$name" "$HOME" 8>&- </dev/null >/dev/null 2>&1 &
fi
i=0;until { printf '%s\n%s' "$text" "$name" >"$d/in";} 2>/dev/null||[ $i -ge 9 ];do i=$((i+1));done;i=0
while [ ! -s "$d/started/boot" ];do i=$((i+1));[ $i -lt 300 ]||{ echo "it does not start" >&2;exit 1;};sleep 0.1 2>/dev/null||sleep 1;done
echo "begun $d $boot"
`

// longRunner is what stays on the host. It holds a lock for as long as it
// lives, and the script's outcome for an hour, should nobody come for it.
const longRunner = `cd "$1"||exit;umask 077;HOME=$3;export HOME
exec 9>>alive </dev/null >/dev/null 2>&1;flock -n 9||exit
t="timeout 60";$t true||t=
s=$($t cat in)
case $s in *"$2") ;;*) exit;;esac
rm -f in run;echo $$ >pid;mkdir started||exit;cat /proc/sys/kernel/random/boot_id >started/.boot;mv started/.boot started/boot
umask 022
(exec 9>&- >out 2>err;cd /;eval "${s%"$2"}")
echo $? >.code;mv .code code;i=0
while [ -f code ]&&[ $i -lt 3600 ];do sleep 1;i=$((i+1));done
[ . -ef "$1" ]&&{ cd /;rm -rf "$1";}
exit 0
`

// longFollow writes what the script writes, from the given bytes of its stdout
// and stderr on, until it has ended. Its end is looked for before the last
// bytes are, so that none is missed.
const longFollow = `cd "$1" 2>/dev/null||exit 0;o=$2;e=$3;z=0
new(){ [ -f "$1" ]||return 1;n=$(wc -c <"$1");n=$((n));[ $n -gt $2 ]||return 1;tail -c +$(($2+1)) "$1"|head -c $((n-$2));z=0;}
while :;do
f=;if [ -f code ]||[ ! -f alive ]||(exec 9<alive&&flock -n 9) 2>/dev/null;then f=1;fi
new out $o&&o=$n
new err $e >&2&&e=$n
[ -z "$f" ]||exit 0
z=$((z+1));if [ $z -lt 25 ];then sleep 0.2 2>/dev/null||sleep 1;else sleep 1;fi
done
`

// longOutcome tells how the script ended. A host that goes down ends scripts
// before it ends connections.
//
//nolint:lll // as above
const longOutcome = `b=$(cat /proc/sys/kernel/random/boot_id);cd "$1" 2>/dev/null||{ echo "gone $b";exit;}
if [ -f code ];then echo "code $(cat code)";exit;fi
[ "$(cat started/boot)" = "$b" ]||{ echo rebooted;exit;}
if [ ! -f alive ]||(exec 9<alive&&flock -n 9) 2>/dev/null;then
if [ -f code ];then echo "code $(cat code)";exit;fi
[ ! -d /run/systemd/system ]||case $(systemctl is-system-running 2>/dev/null) in init*|starting|running|degraded|maint*) ;;*) echo rebooted;exit;;esac
echo killed
else echo running;fi
`

// longEnd ends the script, if it still runs, and removes everything.
const longEnd = `d=$1;cd "$d" 2>/dev/null||exit 0
held(){ ! (exec 9<alive&&flock -n 9) 2>/dev/null;}
unit(){ [ "$(id -u)" = 0 ]&&[ -d /run/systemd/system ]&&systemctl "$@" 2>/dev/null;}
if [ ! -f code ]&&held&&p=$(cat pid);then
kill -TERM "-$p";unit kill --signal=TERM "$2.service"
i=0;while held&&[ $i -lt 20 ];do sleep 0.1 2>/dev/null||sleep 1;i=$((i+1));done
kill -KILL "-$p";unit kill --signal=KILL "$2.service"
unit reset-failed "$2.service"
fi 2>/dev/null
cd /;rm -rf "$d"
`

// RunLong runs a script that takes long enough for the connection to break
// meanwhile: on a host with systemd and as root as a transient unit, else in a
// session of its own. When the connection breaks, it connects again, as often
// as it takes, and follows on from the last byte of output, so that Stdout,
// Stderr and the Result miss none; ConnectTimeout says how long it looks for
// the host each time. A script of the same id and content that runs there
// already, or has ended less than an hour ago, is followed instead of started:
// that is how the next run takes up the work of a client that was killed.
//
// Errors are those of [Client.Dial] and [Conn.Run]; a script that the host's
// reboot ended is a *RebootError. The end of ctx and of Script.Timeout end the
// script. Nothing of it is left on the host once RunLong has returned, unless
// the host could not be reached any more. The script has no Stdin.
func (c *Client) RunLong(ctx context.Context, t Target, id string, s Script) (*Result, error) {
	l, err := c.newLong(t, id, s)
	if err != nil {
		return &Result{ExitCode: -1}, err
	}
	within := ctx
	if s.Timeout > 0 {
		var cancel context.CancelFunc
		within, cancel = context.WithTimeout(ctx, s.Timeout)
		defer cancel()
	}
	begin := time.Now()
	code, err := l.run(within)
	defer l.close()
	res := &Result{Stdout: l.out.bytes(), Stderr: l.errs.bytes(), Truncated: l.out.truncated() || l.errs.truncated(), ExitCode: code,
		Duration: time.Since(begin)}
	var refused *SudoError
	switch {
	case err == nil && code == 0:
		return res, nil
	case err == nil:
		return res, &ExitError{Host: l.host, Script: s.Name, Code: code, Signal: signalOf("", code), Stderr: l.redacted()}
	case within.Err() == nil || errors.As(err, &refused):
		return res, err
	case ctx.Err() != nil:
		return res, fmt.Errorf("%s: script %s: %w", l.host, s.Name, context.Cause(ctx))
	}
	return res, &TimeoutError{Host: l.host, Script: s.Name, After: s.Timeout, Stderr: l.redacted()}
}

// long is one call of RunLong.
type long struct {
	client *Client
	target Target
	script Script
	name   string // of its directory and unit
	host   string
	conn   *Conn

	dir, boot string
	out, errs *output
}

func (c *Client) newLong(t Target, id string, s Script) (*long, error) {
	if err := checkUser(id); err != nil || id == "" || len(id) > 64 {
		return nil, fmt.Errorf("%q is no name for a long script", id)
	}
	if s.Stdin != nil {
		return nil, errors.New("a long script has no standard input")
	}
	if s.Name == "" {
		s.Name = id
	}
	if strings.ContainsRune(s.Text, 0) || strings.ContainsRune(strings.Join(s.Args, ""), 0) {
		return nil, fmt.Errorf("script %s holds a NUL character", s.Name)
	}
	if s.MaxOutput <= 0 {
		s.MaxOutput = defaultMaxOutput
	}
	sum := sha256.Sum256([]byte(s.Text + "\x00" + strings.Join(s.Args, "\x00")))
	return &long{
		client: c, target: t, script: s, host: t.Address, name: ".dcos-long." + id + "-" + hex.EncodeToString(sum[:6]),
		out:  &output{max: s.MaxOutput, copy: s.Stdout},
		errs: &output{max: s.MaxOutput, copy: s.Stderr},
	}, nil
}

func (l *long) unit() string { return strings.TrimPrefix(l.name, ".") }

func (l *long) redacted() string { return l.errs.last(l.client.cfg.Redactor.Redact) }

func (l *long) close() {
	if l.conn != nil {
		// It has no work directory and no lock whose removal could fail.
		_ = l.conn.Close()
	}
}

// run sees the script through to its end and gives its exit code.
func (l *long) run(ctx context.Context) (int, error) {
	code := -1
	for _, step := range []func(context.Context) error{
		l.begin,
		l.follow,
		func(ctx context.Context) (err error) { code, err = l.outcome(ctx); return err },
	} {
		if err := l.steady(ctx, step); err != nil {
			if ctx.Err() != nil {
				l.end(ctx)
			}
			return -1, err
		}
	}
	l.end(ctx)
	return code, nil
}

// steady does a step, over a new connection each time that one breaks.
func (l *long) steady(ctx context.Context, step func(context.Context) error) error {
	for {
		err := l.connect(ctx)
		if err == nil {
			err = step(ctx)
		}
		var lost *LostError
		if err == nil || ctx.Err() != nil || !errors.As(err, &lost) {
			return err
		}
		l.close()
		l.conn = nil
		if err := sleep(ctx, networkWait.after(1)); err != nil {
			return err
		}
	}
}

func (l *long) connect(ctx context.Context) error {
	if l.conn != nil {
		return nil
	}
	conn, err := l.client.Dial(ctx, l.target)
	if err != nil {
		return err
	}
	l.conn, l.host = conn, conn.host()
	return nil
}

// ask runs one of the scripts above.
func (l *long) ask(ctx context.Context, what, text string, args ...string) (string, error) {
	res, err := l.conn.Run(ctx, Script{Name: what + " " + l.script.Name, Text: text, Args: args, Root: l.script.Root, Timeout: longLimit})
	return strings.TrimSpace(string(res.Stdout)), err
}

func (l *long) begin(ctx context.Context) error {
	var text strings.Builder
	text.WriteString(settings + "(unset s t i;set --")
	for _, a := range l.script.Args {
		text.WriteString(" " + quote(a))
	}
	text.WriteString("\n" + l.script.Text + "\n)")
	said, err := l.ask(ctx, "start of", longBegin, l.name, text.String(), longRunner)
	if err != nil {
		return err
	}
	words := strings.Fields(said)
	if len(words) != 3 || words[0] != "begun" {
		return fmt.Errorf("%s: start of script %s: unexpected answer %q", l.host, l.script.Name, clip(said))
	}
	if l.dir == "" {
		l.dir, l.boot = words[1], words[2]
	}
	return nil
}

func (l *long) follow(ctx context.Context) error {
	_, err := l.conn.Run(ctx, Script{
		Name: l.script.Name, Text: longFollow, Root: l.script.Root, MaxOutput: 1, Most: l.script.Most,
		Args:   []string{l.dir, strconv.FormatInt(l.out.total, 10), strconv.FormatInt(l.errs.total, 10)},
		Stdout: onlyWriter{l.out}, Stderr: onlyWriter{l.errs},
	})
	return err
}

func (l *long) outcome(ctx context.Context) (int, error) {
	said, err := l.ask(ctx, "outcome of", longOutcome, l.dir)
	if err != nil {
		return -1, err
	}
	word, rest, _ := strings.Cut(said, " ")
	switch {
	case word == "code":
		code, err := strconv.Atoi(rest)
		if err != nil {
			return -1, fmt.Errorf("%s: outcome of script %s: %q is no exit code", l.host, l.script.Name, clip(rest))
		}
		return code, nil
	case word == "rebooted", word == "gone" && rest != l.boot:
		l.end(ctx)
		return -1, &RebootError{Host: l.host, Script: l.script.Name}
	case word == "killed":
		l.end(ctx)
		return -1, &ExitError{Host: l.host, Script: l.script.Name, Code: 137, Signal: "KILL", Stderr: l.redacted()}
	case word == "gone":
		return -1, fmt.Errorf("%s: script %s: its directory %s was removed on the host", l.host, l.script.Name, l.dir)
	}
	return -1, fmt.Errorf("%s: outcome of script %s: unexpected answer %q", l.host, l.script.Name, clip(said))
}

// end removes what is on the host, and the script if it runs. It is done even
// if ctx is; where it fails, the runner does it later by itself.
func (l *long) end(ctx context.Context) {
	if l.dir == "" {
		// A begin that was under way may or may not have started it.
		if l.conn == nil {
			return
		}
		l.dir = "/var/tmp/" + l.name
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), longKillLimit)
	defer cancel()
	if l.connect(limited) == nil {
		// What it would say does not change the outcome.
		_, _ = l.ask(limited, "end of", longEnd, l.dir, l.unit())
	}
}
