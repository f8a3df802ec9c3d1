// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

const surveyName, verifyName = "upload survey", "upload check"

// uploadShell is the beginning of both scripts. sums gives the sums of files
// as sha256sum does: a line each, of sum, two blanks and name.
const uploadShell = `umask 077;cd "$1"||exit
if command -v sha256sum >/dev/null 2>&1;then sums(){ sha256sum "$@";}
elif command -v openssl >/dev/null 2>&1;then sums(){ for f do s=$(openssl dgst -sha256 <"$f")&&echo "${s##* }  $f";done;}
elif command -v sha256 >/dev/null 2>&1;then sums(){ for f do s=$(sha256 -q <"$f")&&echo "$s  $f";done;}
else echo "no program for sha256 sums (sha256sum, openssl, sha256)" >&2;exit 1;fi
`

// surveyScript says what of the wanted files is there already. Files with an
// owner of their own may not be readable any more, and come anew. Its further
// arguments are sum, mode, name and owner of each file.
const surveyScript = `shift;i=0
while [ $# -gt 0 ];do f=./$3;p=./` + partsDirectory + `/$3
if [ -z "$4" ]&&[ -f "$f" ]&&s=$(sums "$f")&&[ "${s%% *}" = "$1" ];then chmod "$2" "$f"&&echo "have $i"
elif [ -f "$p" ];then echo "part $i $(wc -c <"$p")";fi
i=$((i+1));shift 4
done
`

// survey finds out what the host has, and makes the directories that the files
// need.
func (u *upload) survey(ctx context.Context) error {
	args := []string{u.dir}
	var dirs []string
	for _, it := range u.items {
		args = append(args, it.sum(), it.mode(), it.Name, it.Owner)
		if dir := path.Dir(it.Name); dir != "." {
			dirs = append(dirs, "./"+dir, inParts(dir))
		}
	}
	slices.Sort(dirs)
	text := uploadShell + commands("mkdir -p", slices.Compact(dirs), "||exit") + surveyScript
	res, err := u.conn.Run(ctx, Script{Name: surveyName, Text: text, Args: args, Timeout: u.checkLimit()})
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(res.Stdout)) {
		var word string
		var i int
		var size int64
		if n, _ := fmt.Sscan(line, &word, &i, &size); n < 2 || i < 0 || i >= len(u.items) {
			return fmt.Errorf("%s: script %s: unexpected answer %q", u.conn.host(), surveyName, clip(line))
		}
		switch it := u.items[i]; {
		case word == "have":
			it.done = true
			u.add(it.Size)
		case word == "part" && size > 0 && size <= it.Size:
			it.there, it.resumed = size, true
			u.add(size)
		}
	}
	return nil
}

// checkLimit is how long the host may take to compare the files with their sums.
func (u *upload) checkLimit() time.Duration {
	const slowest = 1 << 20 // bytes a second
	var bytes int64
	for _, it := range u.items {
		bytes += it.Size
	}
	return u.conn.client.limits.quiet + time.Duration(bytes/slowest)*time.Second
}

// verify compares what has arrived with what was sent. If all of it is right,
// each file gets its owner, its mode and its name.
func (u *upload) verify(ctx context.Context, attempt int) error {
	items := u.pending()
	text, root := verifyScript(items)
	res, err := u.conn.Run(ctx, Script{Name: verifyName, Text: text, Args: []string{u.dir}, Root: root, Timeout: u.checkLimit()})
	if err != nil {
		return err
	}
	if len(res.Stdout) == 0 {
		for _, it := range items {
			it.done = true
		}
		return nil
	}
	sums := map[string]string{}
	for line := range strings.Lines(string(res.Stdout)) {
		sum, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		sums[name] = sum
	}
	bad := 0
	for _, it := range items {
		sum := sums[inParts(it.Name)]
		if sum == it.sum() {
			continue
		}
		if bad++; !it.resumed || attempt > 1 {
			return &TransferError{Host: u.conn.host(), File: it.Name, Err: fmt.Errorf("sha256 on the host is %s, not %s", sum, it.sum())}
		}
		// What was there was not the beginning of this file.
		u.add(-it.there)
		it.there, it.resumed, it.arrived = 0, false, false
	}
	if bad == 0 {
		return fmt.Errorf("%s: script %s: unexpected answer %q", u.conn.host(), verifyName, clip(string(res.Stdout)))
	}
	return nil
}

// verifyScript says the sums of all files if one of them is wrong. Otherwise it
// takes one command each for the files of an owner, of a mode and of a
// directory, however many they are. root tells that it has to run as root.
func verifyScript(items []*item) (text string, root bool) {
	var names, sums []string
	owners, modes, dirs := map[string][]string{}, map[string][]string{}, map[string][]string{}
	for _, it := range items {
		name := inParts(it.Name)
		names = append(names, name)
		sums = append(sums, it.sum()+"  "+name)
		if it.Owner != "" {
			owners[it.Owner] = append(owners[it.Owner], name)
		}
		modes[it.mode()] = append(modes[it.mode()], name)
		dirs[path.Dir(it.Name)] = append(dirs[path.Dir(it.Name)], name)
	}
	var b strings.Builder
	b.WriteString(uploadShell)
	b.WriteString("s=$(\n" + commands("sums", names, "") + ")\n")
	b.WriteString("[ \"$s\" = " + quote(strings.Join(sums, "\n")) + " ]||{ echo \"$s\";exit;}\n")
	for _, owner := range slices.Sorted(maps.Keys(owners)) {
		b.WriteString(commands("chown "+quote(owner), owners[owner], "||exit"))
	}
	for _, mode := range slices.Sorted(maps.Keys(modes)) {
		b.WriteString(commands("chmod "+mode, modes[mode], "||exit"))
	}
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		b.WriteString(commands("mv -f", dirs[dir], " "+quote("./"+dir+"/")+"||exit"))
	}
	return b.String(), len(owners) > 0
}

func inParts(name string) string { return "./" + partsDirectory + "/" + name }

// commands are lines with a command each, of as many of the names as are sure
// to be few enough for one.
func commands(command string, names []string, end string) string {
	var b strings.Builder
	for some := range slices.Chunk(names, 500) {
		b.WriteString(command)
		for _, name := range some {
			b.WriteString(" " + quote(name))
		}
		b.WriteString(end + "\n")
	}
	return b.String()
}
