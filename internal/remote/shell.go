// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
)

// starter is what the login shell is asked to run, onTTY what on a terminal, the
// same for every script: it reads the script from its standard input and evaluates
// it, so that no part of a script is ever seen in a process list or a log. Its
// argument is a random word.
//
// It says the word on stderr and stdout (once on a terminal), so that
// everything before it (profiles that chatter, sudo's lecture) is known to be
// noise. The plus sign behind it is in nothing that is sent: what sends back what it
// is sent (a ForceCommand that is cat) does not say it. Then it reads up to the script's first line (see message), which throws
// away a password line that sudo did not ask for, then the script's size in bytes,
// then the script up to the word. A script that comes incomplete is not run at all.
//
// From a pipe, "read" takes no byte more than its line (POSIX, sh, "INPUT
// FILES"), so what follows is left for the script's own machinery. For that it
// asks the kernel for each byte, so dd reads longer scripts. From a terminal bash takes all there is: a dd
// in between makes a pipe of it (BusyBox's cat would hold bytes back, since it
// uses sendfile).
//
// It must mean the same within single quotes to sh, csh, tcsh, fish and zsh:
// no single quote, no backslash, no exclamation mark, no newline. ${IFS#??} is
// the newline.
const (
	starter = `echo $1+ >&2;echo $1+;` + reader
	onTTY   = `stty raw -echo;echo $1+;{ dd bs=4096 <&3 3<&- 2>/dev/null & } 3<&0|{ ` + reader + `;}`
	reader  = `n=${IFS#??};while IFS= read -r l||exit 97;do case $l in *$1?)break;;esac;done;` +
		`s=.;read -r l;[ $l = 0 ]||s=$(dd bs=$l count=1 iflag=fullblock 2>/dev/null;echo .);s=${s%.};while IFS= read -r l||exit 97;do ` +
		`[ "$l" = $1 ]&&break;s=$s$l$n;done;eval "$s"`
)

// asUser comes before the starter where another user runs it than the one that is
// logged in. Whoever did that, and however it is configured, its word is not taken
// for it: the shell looks at its real and its effective user (proc(5), the line Uid
// of status; id where there is no /proc) before it gives its sign.
// And sudo's noexec lets the shell start no programs: what it preloads for that shows.
const asUser = `case $LD_PRELOAD in *noexec*)echo $1 noexec >&2;exit 94;;esac;` +
	`until read u r e x;[ "$u" = Uid: ];do [ "$u" ]||break;done </proc/self/status;` +
	`[ "$e" ]||r=$(id -ru) e=$(id -u);%s[ "$r:$e" = %s ]||{ echo "$1 uid $r $e $SUDO_UID" >&2;exit 96;};`

// checkUID is asUser for a user. Only root's number is the same everywhere.
func checkUID(user string) string {
	switch user {
	case "":
		return ""
	case "root":
		return fmt.Sprintf(asUser, "", "0:0")
	}
	return fmt.Sprintf(asUser, "x=$(id -u "+user+");", "$x:$x")
}

// tryDD comes before the starter's sign where dd is to be used for the first time. It has
// to take what it is told to and no byte more: what comes behind would be lost (uutils
// 0.0.17 reads ahead), or never come where there is none, or one that does not know
// fullblock (BusyBox before 1.23).
const tryDD = `[ "$(echo ab|{ dd bs=1 count=1 iflag=fullblock 2>/dev/null;read -r x;echo :$x;})" = a:b ]||{ echo $1 dd >&2;exit 95;};`

// ownGroup comes before the starter too, which it has for its second parameter. What
// ends a script ends its process group, and that must be nobody else's. OpenSSH
// makes one for each command, and sudo another one on a terminal, but servers that
// do not (Dropbear, most that are made of a library) have the command in the group of
// the connection or of the server itself. So the group's leader has to be the shell or
// the sudo that it came by (proc(5), stat and comm). Otherwise the starter becomes the
// leader of a group, and of a session, by setsid; where there is no setsid, g tells the
// watchdog that the group is not its own.
const ownGroup = `g=;read x x x x g x </proc/self/stat;` +
	`if [ "$g" = $$ ]||{ [ "$g" = $PPID ]&&read x </proc/$PPID/comm&&[ "$x" = sudo ];};then g=;else ` +
	`command -v setsid >/dev/null&&exec setsid sh -c "g=;$2" $0 $1;g=t;fi;eval "$2"`

// mostQuestions is how many lines of a message what is in the starter's way may take
// before another shell reads on.
const mostQuestions = 4

// exitForeign is with what a shell ends that reads a message without being told to
// by a starter.
const exitForeign = 98

// scriptName is $0 of every script: what the shell puts before its messages.
const scriptName = "dcos"

// signOf is what the starter says of a word.
func signOf(word string) string { return word + "+" }

// longScript is from how many bytes on a script is read by dd: starting that
// takes as long as reading two or three thousand bytes one by one.
const longScript = 3 << 10

// A message is what the starter gets to read, and what it is made in. It is on its
// way before it is known who reads it, which is another shell where a start-up file
// of the login shell does not come back ("exec sh"), and that one must not run a
// word of it: the first line ends it. If something has taken that line (a start-up
// file asked a question, or for a password), the next one does, as often as
// mostQuestions. The last line of this kind makes the rest a here-document without
// an end, to whoever reads a POSIX shell's language. That is the line that the
// starter waits for.
type message struct{ text, whole bytes.Buffer }

var messages = sync.Pool{New: func() any { return new(message) }}

// write makes the message of a text. It is there until the next one is made.
// Where dd is not to be used, long ones are read as the others are.
func (m *message) write(word string, dd bool, text func(*bytes.Buffer)) []byte {
	m.text.Reset()
	text(&m.text)
	size := 0
	if dd && m.text.Len() >= longScript {
		size = m.text.Len()
	}
	m.whole.Reset()
	for range mostQuestions {
		fmt.Fprintf(&m.whole, "exit %d\n", exitForeign)
	}
	fmt.Fprintf(&m.whole, ": <<\".%s\"\n%d\n", word, size)
	m.whole.Write(m.text.Bytes())
	return m.add([]byte(word + "\n"))
}

// add puts more behind it.
func (m *message) add(more []byte) []byte {
	m.whole.Write(more)
	return m.whole.Bytes()
}

// commandLine is what the login shell gets; try tells that dd is to be tried. The word is last in it as well: there who
// looks at command lines finds it.
func commandLine(b becoming, word string, try bool) string {
	text := starter
	if b.tty {
		text = onTTY
	}
	if try {
		text = tryDD + text
	}
	return "exec " + b.prefix + "sh -c '" + checkUID(b.user) + ownGroup + "' " + scriptName + " " + word + " '" + text + "' " + word
}

// Lines that the running script's watchdog takes on its standard input. An
// empty line means that we are still there.
const (
	lineAlive = "\n"
	lineKill  = "k\n"
)

// watchdog reads lines until it is told to end the script, its input ends, or
// it has not heard from us for the lease; then it ends the whole process
// group, politely first, or, where that is not the script's own (see ownGroup),
// the shell and its descendants but itself. Where there is no timeout command, or one that takes other arguments, there is no lease. It
// looks for the first time after a second, since a timed read is dear and most
// scripts are over by then. SIGPIPE, on which no shell comments, ends it. (What it is made of is not
// called r, which is an alias in mksh and ksh93.)
func watchdog(lease int) string {
	return fmt.Sprintf(`trap "" TERM HUP INT
k(){ if [ "$g" ];then read o x </proc/self/stat;t;g=$q;kill -TERM $q;sleep 2;t;for x in $g $q;do [ $x = "$o" ]||kill -KILL $x;done
else kill -TERM 0;sleep 2;kill -KILL 0;fi;exit;}
t(){ q=" $m ";n=;until [ "$n" = "$q" ];do n=$q;for p in /proc/[0-9]*;do { read -r s <$p/stat;} 2>/dev/null||continue
set -- ${s##*")"};p=${p#/proc/};case $q in *" $p "*);;*" $2 "*)q="$q$p ";;esac;done;done;}
i(){ x=$(timeout %d sh -c 'printf s;IFS= read -r x&&printf "x%%s" "$x"' 2>/dev/null);case $x in
sx*)x=${x#sx};;
s)return 1;;
*)IFS= read -r x;;
esac;}
w(){ trap 'kill -9 $! 2>/dev/null;exit' PIPE USR1;sleep 1& wait $!;trap - PIPE USR1;while i&&[ "$x" != k ];do :;done;k;}
`, lease)
}

// copier is the watchdog's part that hands a payload on.
const copier = `c(){ while i;do case $x in
k)break;;
"");;
0)return;;
*)dd bs="$x" count=1 iflag=fullblock 2>/dev/null;;
esac;done;k;}
`

// printer is copier without dd: what comes is the format of a printf.
const printer = `c(){ while i;do case $x in
k)break;;
"");;
0)return;;
=*)printf "${x#=}";;
esac;done;k;}
`

// encoder turns its input into frames that survive a terminal, as it comes:
// each line of base64 with a tag before it and a dot behind it. Two encoders
// write to one pipe: what a shell writes at once, a line or all lines of a
// block, depending on how it buffers, is less than 4096 bytes, so that frames
// do not mix (POSIX, write(), PIPE_BUF).
const encoder = `dcos_encode(){ while :;do c=$(dd bs=2736 count=1 2>/dev/null|base64);[ "$c" ]||break;printf "%%$1:%s.\n" $c;done;}
`

// settings give every script the same surroundings, whatever the user's
// profile or sudo's rules made of them.
const settings = `export LC_ALL=C PATH="${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin";`

// What comes behind a script's output, on both streams, is this byte, the
// process's word, and the exit code with a dot behind it. So output that is whole is
// told from what came of it before the connection broke, also when the server's word
// of the exit code was faster: sshd sends it at its own time, and on a terminal the
// encoders are behind. And what other servers make of the exit code, and when, does
// not count.
const (
	endByte  = "\x01"
	endOctal = `\001` // the same to printf
)

// wrap writes the script with what surrounds it on the host. Its own text begins
// on the line after the last of ours, in a subshell: whatever it does to its
// shell, the exit code comes back. dd tells that there is one.
func wrap(b *bytes.Buffer, s *Script, tty, dd bool, lease int) {
	body := func() {
		b.WriteString("(unset d e g l m n r s u w x;set --")
		for _, a := range s.Args {
			b.WriteByte(' ')
			b.WriteString(quote(a))
		}
		b.WriteString("\n")
		b.WriteString(s.Text)
		b.WriteString("\n)")
	}
	b.WriteString(settings)
	switch {
	case s.Stdin != nil:
		// The watchdog hands the payload on, in blocks that it is told the
		// size of: it must see the end of the connection, not the payload's.
		b.WriteString("exec 9<&0 </dev/null\n")
	default:
		b.WriteString("exec 9<&0 </dev/null;(m=$$;")
		b.WriteString(watchdog(lease))
		b.WriteString("w)<&9 9<&- >/dev/null 2>&1 & d=$!;exec 9<&-\n")
	}
	if tty {
		b.WriteString(encoder)
		b.WriteString("{ { { { ")
	}
	if s.Stdin != nil {
		withPayload(b, body, dd, lease)
	} else {
		body()
	}
	// The watchdog goes first: what the end is answered by would tell it to end all.
	dismiss := ""
	if s.Stdin == nil {
		dismiss = endDog("$d")
	}
	const end = "printf '" + endOctal + "%s%s.' $1 $r;printf '" + endOctal + "%s%s.' $1 $r >&2"
	if tty {
		b.WriteString(" 8>&- 6>&-;r=$?;" + end + ";printf '%%X:%s.\\n' $r >&8;} 2>&1 >&6 6>&-|dcos_encode E >&8;} 6>&1|" +
			"dcos_encode O >&8;} 8>&1;}|dd bs=4096 2>/dev/null\n" + dismiss + "exit 0\n")
		return
	}
	b.WriteString("\nr=$?;" + dismiss + end + ";exit $r\n")
}

// withPayload writes the body of a script with what hands the payload on to it.
//
// The shell waits for both ends of a pipe, so the script's end has to end the watchdog,
// whose process id comes ahead of the payload: also where it ends because its shell
// cannot fork. bash runs a trap of the end also when it is itself ended, which must not
// end the watchdog before its time. What the shell says of how the watchdog ended is kept
// from the script's errors.
//
// Some shells have one more process for a subshell within a pipe, and some keep what exec
// redirects there (mksh and posh): either would keep the pipe open when the payload has
// ended. So the watchdog is a program of its own from then on, with the same process id.
// Some run the last part of a pipe themselves.
func withPayload(b *bytes.Buffer, body func(), dd bool, lease int) {
	dog, copying := watchdog(lease), copier
	if !dd {
		copying = printer
	}
	b.WriteString("{ {\nm=$$;" + dog + copying)
	b.WriteString("sh -c 'echo $PPID';c;exec sh -c " + quote("m=$1 g=$2;"+dog+"w") + " dcos $m \"$g\" >/dev/null;}" +
		"<&9 9<&- 2>/dev/null 7>&-|(exec 9<&- 2>&7 7>&-;IFS= read -r w||exit 97;trap \"" + endDog("$w") + "\" 0;trap 'trap - 0;exit 143' TERM;")
	body()
	b.WriteString(";exit $?);} 7>&2 2>/dev/null")
}

// endDog ends the watchdog. Where SIGPIPE is ignored from the start (a session
// recorder, a wrapper in Perl or Python), no trap can change that (POSIX, trap), and
// another signal does it.
func endDog(pid string) string {
	return "kill -PIPE " + pid + " 2>/dev/null;kill -USR1 " + pid + " 2>/dev/null;"
}

// quote makes one word of a POSIX shell of s.
func quote(s string) string {
	plain := s != ""
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:,+@%", r)) {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
