// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// keeperScript is the keeper: a process on the host that holds the work
// directory and the operators' lock for as long as the connection lives. It
// takes commands on its standard input, one a line, and answers each with one
// line. It runs as root where that is possible, so that it can remove whatever
// ends up in the directory.
//
// A keeper has its work directory locked (flock(2)), and then makes a file in
// it that says so. The kernel drops that lock with the process, so a directory
// that can be locked belongs to nobody: the next keeper takes one of those
// over, with the files that a broken run left in it, and removes the others. One
// that needs no directory itself removes them when it is done: whose they were
// may have been over with its work when it was killed (a host that reboots).
// "work" comes with the end of a new directory's name, which nobody can know.
//
// When its input ends without "bye", the connection has broken. The keeper
// then waits for the scripts of the connection to end and gives up the
// operators' lock; for half a minute it leaves the directory to a successor,
// then it removes it. It ends as soon as a successor has. A keeper that hears
// nothing from us for the lease takes that as the end too. SIGTERM (a host that
// shuts down) removes everything at once.
//
// Its answers begin with keeperSays: on a terminal, other lines may come
// between them (complaints of the shell about a process that ended while it was
// looked at, a broadcast message). "command exec" is exec whose failure does
// not end the shell (POSIX, 2.8.1): files go away between a look and an open. flock
// gets what it is to lock as its standard input: ksh93 and mksh keep all that exec
// opens above 2 to themselves. grab is flock, and keeps why it failed if that is not that
// another has the lock.
func keeperScript(lease, linger int) string {
	return fmt.Sprintf(`umask 077;w=;k=;l=;b=;m=;z=
grab(){ e=$(flock -n 0 2>&1);v=$?;[ $v -le 1 ]||z="$v $e";return $v;}
say(){ printf '`+keeperSays+`%%s\n' "$*";}
pause(){ sleep "$1"&p=$!;wait $p;kill $p 2>/dev/null;}
unlock(){ [ -z "$l" ]||rm -f "$l";exec 7<&-;l=;}
leave(){ unlock;[ -z "$w" ]||{ cd /;rm -rf "$w";};w=;}
owner(){ set -- $(ls -ldn "$1" 2>/dev/null);o=$3;}
who(){ u=$SUDO_UID;[ "$u" ]||u=$(id -u $DOAS_USER)
{ while read -r q m i&&[ "$q" != Uid: ];do :;done </proc/self/status;} 2>/dev/null;[ "$m" ]||m=$(id -u);}
ours(){ [ -d "$1" ]&&[ ! -L "$1" ]||return;owner "$1";[ "$o" = "$u" ]||[ "$o" = "$m" ];}
drop(){ if [ ! -f "$1/.keeper" ];then
[ -z "$(find "$1" -prune -mmin +10 2>/dev/null)" ]||rm -rf "$1"
else (exec 6<"$1"&&grab <&6&&rm -rf "$1") 2>/dev/null;fi;}
sweep(){ for d in /var/tmp/.dcos-work.* /tmp/.dcos-work.* "$HOME"/.dcos-work.* /dev/shm/.dcos-work.*;do
[ -d "$d" ]||continue
who;ours "$d"&&drop "$d"
done;}
work(){ [ -z "$w" ]||return 0
who
for b in /var/tmp /tmp "$HOME" /dev/shm;do
[ -d "$b" ]&&[ -w "$b" ]||continue
for d in "$b"/.dcos-work.*;do
ours "$d"||continue
if [ -z "$w" ]&&[ "$o" = "$u" ]&&[ -f "$d/.keeper" ];then
if { command exec 8<"$d";} 2>/dev/null&&grab <&8&&[ -f "$d/.keeper" ];then w=$d;k=adopted;else exec 8<&-;fi
else drop "$d";fi
done
[ -z "$w" ]||return 0
d=$b/.dcos-work.$1
if mkdir "$d" 2>/dev/null;then
if mkdir "$d/`+partsDirectory+`"&&command exec 8<"$d"&&grab <&8&&: >"$d/.keeper"&&{ [ "$m" = "$u" ]||chown "$u" "$d" "$d/`+
		partsDirectory+`";};then w=$d;k=new;return 0;fi
rm -rf "$d";fi
done;return 1;}
above(){ q=$1;while [ "$q" -gt 1 ] 2>/dev/null;do c=$(cat "/proc/$q/comm" 2>/dev/null)||return
case $c in sshd*) kill "$q" 2>/dev/null;return;;esac
c=$(cat "/proc/$q/stat" 2>/dev/null)||return;set -- ${c##*")"};q=$2;done;}
same(){ if [ / -ef / ] 2>/dev/null;then [ "$g" -ef /proc/self/fd/7 ];return;fi
set -- $(ls -iLd "$g") $(ls -iLd /proc/self/fd/0 <&7);[ "$1" = "$3" ];}
lock(){ n=$1;f=$2;shift 2;i=0
for d in /run /var/run /var/lock /var/tmp;do [ -w "$d" ]&&break;done;g=$d/dcos-operator.lock
while :;do
[ -e "$g" ]||(umask 022;: >>"$g") 2>/dev/null
a=;s=;q=;h=
if { command exec 7<"$g";} 2>/dev/null;then
if grab <&7;then
same||continue
l=$g;printf '%%s\n' "$*" "$(date -u +%%Y-%%m-%%dT%%H:%%M:%%SZ)" $$ "$n" >"$g";say locked;return;fi
[ -z "$z" ]||{ exec 7<&-;say badflock $z;return;}
{ { IFS= read -r a;IFS= read -r s;read -r q;read -r h;} <"$g";} 2>/dev/null
case ,$f, in *,"$h",*) [ -z "$h" ]||above "$q";;esac
fi
i=$((i+1));[ $i -lt 20 ]||{ exec 7<&-;say "held $s $a";return;}
sleep 0.25 2>/dev/null||sleep 1
done;}
do_line(){ case $1 in
work) if work "$2";then say "$k $w";elif [ "$z" ];then say badflock $z;else say "nowhere";fi;;
lock) shift;lock "$@";;
bye) leave;sweep;say bye;exit 0;;
esac;}
trap 'leave;exit 143' TERM INT;trap : HUP
command -v flock >/dev/null 2>&1||{ say badflock 127;exit 1;}
t="timeout %[1]d"
x=$FIRST
while :;do
case $x in
"") ;;
*) set -f;set -- $x;set +f;do_line "$@";;esac
[ -z "$t" ]||{ x=$($t sh -c 'printf s;IFS= read -r x&&printf "x%%s" "$x"' 2>/dev/null 7<&- 8<&-)
case $x in
sx*) x=${x#sx};continue;;
s) break;;
*) t=;;
esac;}
IFS= read -r x||break
done
trap "" HUP PIPE;exec </dev/null >/dev/null 2>&1
[ -z "$l" ]||{ pause 3;unlock;}
[ "$w" ]||exit 0
exec 8<&-;i=0;while [ $i -lt %[2]d ]&&[ -f "$w/.keeper" ];do pause 1;i=$((i+1));done
[ -f "$w/.keeper" ]&&command exec 8<"$w"&&grab <&8&&leave
exit 0
`, lease, max(linger-3, 1))
}

// endStranded ends what sudo may leave when the terminal of a script is hung up
// (seen with 1.9.13): a process that waits, never asleep for long, to be given
// a terminal that is gone, if the script was just being started, or one that
// waits for a command that has ended. Only root can end them, so they have to
// wait for the next that comes. A script that is still on its way out does not
// need its sudo.
const endStranded = `for p in $(pgrep -x sudo);do
case $(readlink "/proc/$p/fd/0") in *"(deleted)");;*) continue;;esac
case $(tr '\0' ' ' <"/proc/$p/cmdline") in *" dcos dcos-"*) kill -9 "$p";;esac
done 2>/dev/null
`

// keeperSays begins each answer of the keeper.
const keeperSays = "keeper="

// lingering is for how many seconds a keeper whose connection broke leaves the
// work directory to a successor.
const lingering = 30

// keeper is the keeper process seen from here.
type keeper struct {
	p     *process
	lines chan string
	owed  int // answers to commands that nobody waits for any more

	mu      sync.Mutex
	beat    *time.Timer
	stopped bool

	dir string // the work directory, once it is made
	// dirty tells that the directory may hold files already: a broken run's,
	// or an earlier upload's.
	dirty bool
}

var errKeeperEnded = errors.New("the keeper on the host has ended")

// keep gives the connection's keeper, starting it with a first command whose
// answer is given too. If it runs already, the command is sent to it.
func (c *Conn) keep(ctx context.Context, command string) (*keeper, string, error) {
	asked := ctx
	ctx, cancel := context.WithTimeoutCause(ctx, c.client.limits.keeper, errors.New("the host does not answer"))
	defer cancel()
	if err := c.keeping.acquire(ctx); err != nil {
		return nil, "", fmt.Errorf("%s: waiting for the work directory's keeper: %w", c.host(), err)
	}
	defer c.keeping.release()
	if c.keeper != nil {
		answer, err := c.keeper.ask(ctx, command)
		if lacks := c.lacksFlock(answer); lacks != nil {
			return nil, "", lacks
		}
		if errors.Is(err, errFlood) {
			return nil, "", c.keeperFlood()
		}
		switch {
		case err == nil:
			return c.keeper, answer, nil
		case asked.Err() != nil:
			return nil, "", fmt.Errorf("%s: asking the work directory's keeper: %w", c.host(), context.Cause(ctx))
		}
		return nil, "", c.lost(c.keeper.p.t, "holding the work directory", err)
	}
	k := &keeper{lines: make(chan string, 4)}
	said := &output{max: 4 << 10}
	text := "FIRST=" + quote(command) + "\n" + keeperScript(c.lease(), c.client.linger)
	j := &job{conn: c, work: "the start of the work directory's keeper", raw: true, out: &lineWriter{to: k.lines}, errs: said}
	j.text = func(b *bytes.Buffer, tty bool) {
		b.WriteString(settings)
		if tty {
			b.WriteString(endStranded)
		}
		b.WriteString(text)
	}
	sudo := c.client.cfg.Sudo
	root := sudo.Command != "none" && (sudo.User == "" || sudo.User == "root")
	err := j.begin(ctx, root)
	var refused *SudoError
	if root && errors.As(err, &refused) && refused.Reason != SudoPasswordWrong {
		err = j.begin(ctx, false)
	}
	if err != nil {
		return nil, "", err
	}
	k.p = j.p
	answer, err := k.answer(ctx)
	if lacks := c.lacksFlock(answer); lacks != nil {
		k.p.finish()
		return nil, "", lacks
	}
	if err != nil {
		ended := errors.Is(err, errKeeperEnded)
		k.p.finish()
		if errors.Is(err, errFlood) {
			return nil, "", c.keeperFlood()
		}
		if ctx.Err() == nil && (!k.p.t.alive() || ended && !k.p.t.answers(ctx)) {
			return nil, "", c.lost(k.p.t, j.work, err)
		}
		return nil, "", fmt.Errorf("%s: %s: %w %s", c.host(), j.work, err, said.last(c.redact))
	}
	k.startBeat(c.heartbeat())
	c.keeper = k
	return k, answer, nil
}

// lacksFlock makes an error of the keeper's word that flock cannot lock anything: its
// exit code, which is 1 where another has the lock (flock(1)), and what it said.
func (c *Conn) lacksFlock(answer string) error {
	why, lacks := strings.CutPrefix(answer, "badflock ")
	if !lacks {
		return nil
	}
	code, said, _ := strings.Cut(why, " ")
	switch {
	case code == "127":
		said = "the host has none"
	case said == "":
		said = "it ends with exit code " + code
	}
	return &ToolError{Host: c.host(), Tool: "flock", Why: c.redact(clip(said)),
		Use: "the work directory and the operators' lock need it: util-linux and busybox have it"}
}

func (c *Conn) keeperFlood() error {
	return &FloodError{Host: c.host(), Work: "the work directory's keeper", Most: mostSaid}
}

func (k *keeper) startBeat(every time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.beat = time.AfterFunc(every, func() {
		// A broken connection shows at the next command.
		_ = k.p.put([]byte(lineAlive))
		k.mu.Lock()
		defer k.mu.Unlock()
		if !k.stopped {
			k.beat.Reset(every)
		}
	})
}

func (k *keeper) stop() {
	k.mu.Lock()
	k.stopped = true
	k.beat.Stop()
	k.mu.Unlock()
	k.p.finish()
}

func (k *keeper) ask(ctx context.Context, command string) (string, error) {
	if err := k.p.write(ctx, []byte(command+"\n")); err != nil {
		return "", err
	}
	return k.answer(ctx)
}

// answer waits for the answer to the last command.
func (k *keeper) answer(ctx context.Context) (string, error) {
	for {
		select {
		case l := <-k.lines:
			if k.owed == 0 {
				return l, nil
			}
			k.owed--
		case <-k.p.flooded:
			return "", errFlood
		case <-k.p.exited:
			k.p.drain(ctx, nil)
			for ; len(k.lines) > 0; k.owed-- {
				if l := <-k.lines; k.owed == 0 {
					return l, nil
				}
			}
			return "", errKeeperEnded
		case <-ctx.Done():
			k.owed++
			return "", context.Cause(ctx)
		}
	}
}

// workDirectory gives the work directory and its keeper.
func (c *Conn) workDirectory(ctx context.Context) (*keeper, error) {
	if err := c.working.acquire(ctx); err != nil {
		return nil, fmt.Errorf("%s: waiting for the work directory: %w", c.host(), err)
	}
	defer c.working.release()
	k, err := c.runningKeeper(ctx)
	if err != nil || k != nil && k.dir != "" {
		return k, err
	}
	word, err := newWord()
	if err != nil {
		return nil, err
	}
	k, answer, err := c.keep(ctx, "work "+strings.TrimPrefix(word, "dcos-"))
	if err != nil {
		return nil, err
	}
	how, dir, _ := strings.Cut(answer, " ")
	if how != "new" && how != "adopted" || !strings.HasPrefix(dir, "/") {
		return nil, fmt.Errorf("%s: no work directory could be made in /var/tmp, /tmp, the home directory or /dev/shm (%s)", c.host(), answer)
	}
	k.dir, k.dirty = dir, how == "adopted"
	return k, nil
}

func (c *Conn) runningKeeper(ctx context.Context) (*keeper, error) {
	if err := c.keeping.acquire(ctx); err != nil {
		return nil, fmt.Errorf("%s: waiting for the work directory's keeper: %w", c.host(), err)
	}
	defer c.keeping.release()
	if c.keeper == nil || c.keeper.p.exitCode() >= 0 || !c.keeper.p.t.alive() {
		return nil, nil
	}
	return c.keeper, nil
}

// dismissKeeper has the work directory removed and the lock released.
func (c *Conn) dismissKeeper(ctx context.Context) error {
	if err := c.keeping.acquire(ctx); err != nil {
		return fmt.Errorf("%s: the work directory's keeper is not done within %s", c.host(), c.client.limits.dismiss)
	}
	k := c.keeper
	c.keeper = nil
	c.keeping.release()
	if k == nil {
		return nil
	}
	defer k.stop()
	if !k.p.t.alive() {
		return nil // the host does it by itself
	}
	if err := k.p.write(ctx, []byte("bye\n")); err != nil {
		return nil // as above
	}
	for {
		select {
		case l := <-k.lines:
			if l == "bye" {
				return nil
			}
		case <-k.p.exited:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("%s: removing the work directory %s takes longer than %s", c.host(), k.dir, c.client.limits.dismiss)
		}
	}
}

// lineWriter hands the keeper's answers on. What nobody takes is dropped.
type lineWriter struct {
	to   chan<- string
	line []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			break
		}
		line := strings.TrimSuffix(string(append(w.line, p[:i]...)), "\r")
		w.line, p = w.line[:0], p[i+1:]
		line, answer := strings.CutPrefix(line, keeperSays)
		if !answer {
			continue
		}
		select {
		case w.to <- line:
		default:
		}
	}
	if len(w.line) < maxNoise {
		w.line = append(w.line, p...)
	}
	return n, nil
}
