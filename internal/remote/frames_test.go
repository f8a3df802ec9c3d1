// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// decode feeds text to the decoder in pieces of n bytes.
func decode(text []byte, n int) (stdout, stderr string, code int, err error) {
	var out, errs bytes.Buffer
	code = -1
	f := newFrames(&out, &errs, func(c int) { code = c })
	for len(text) > 0 {
		k := min(n, len(text))
		// It never fails; what is wrong shows in finish.
		_, _ = f.Write(text[:k])
		text = text[k:]
	}
	return out.String(), errs.String(), code, f.finish()
}

func TestFrames(t *testing.T) {
	t.Parallel()
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for name, c := range map[string]struct {
		text, out, err string
		code           int
		bad            bool
	}{
		"nothing":         {"", "", "", -1, false},
		"code":            {"%X:17.\n", "", "", 17, false},
		"streams":         {"%O:" + b64("out") + ".\n%E:" + b64("err") + ".\n%O:" + b64("more") + ".\n%X:0.\n", "outmore", "err", 0, false},
		"lines":           {"%O:" + b64("abc") + "\n" + b64("def") + "\n.\n%X:0.\n", "abcdef", "", 0, false},
		"carriage return": {"%O:" + b64("abc") + "\r\n.\r\n%X:0.\r\n", "abc", "", 0, false},
		"broadcast": {"\r\nBroadcast message from root@h:\n\n%going down now.\n%O:" + b64("x") + ".\nOops %X:1.\n%X:0.\n", "x",
			"", 0, false},
		"within":     {"%O:" + b64("abc")[:2] + "\nBroadcast message\n", "", "", -1, true},
		"cut short":  {"%X:0.\n%O:QUJD", "", "", 0, true},
		"not base64": {"%O:A.\n", "", "", -1, true},
		"no code":    {"%X:.\n", "", "", -1, true},
		"big code":   {"%X:256.\n", "", "", -1, true},
		"endless":    {"%O:" + strings.Repeat("A", maxFrame+10), "", "", -1, true},
	} {
		for _, n := range []int{1, 3, 1 << 20} {
			out, errs, code, err := decode([]byte(c.text), n)
			if out != c.out || errs != c.err || code != c.code || (err != nil) != c.bad {
				t.Errorf("%s by %d: have %q %q %d %v", name, n, out, errs, code, err)
			}
		}
	}
}

// Whatever comes, the decoder gives the same however it is cut into pieces,
// and what the encoder makes comes back whole.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("%O:QUJD.\n%E:QQ==.\n%X:0.\n"), []byte("out"), []byte("err"), byte(3))
	f.Add([]byte("noise\r\n%%O:\n.\n%X:9.%X:8.\n"), []byte{0, 255, '\n'}, []byte{}, byte(255))
	f.Fuzz(func(t *testing.T, raw, stdout, stderr []byte, code byte) {
		o1, e1, c1, err1 := decode(raw, 1)
		o2, e2, c2, err2 := decode(raw, 1<<20)
		if o1 != o2 || e1 != e2 || c1 != c2 || (err1 == nil) != (err2 == nil) {
			t.Fatalf("%q: %q %q %d %v, in one piece %q %q %d %v", raw, o1, e1, c1, err1, o2, e2, c2, err2)
		}
		var text bytes.Buffer
		frame := func(kind string, b []byte) {
			for len(b) > 0 {
				k := min(len(b), 7)
				fmt.Fprintf(&text, "%%%s:%s\n.\n", kind, base64.StdEncoding.EncodeToString(b[:k]))
				b = b[k:]
			}
		}
		frame("O", stdout)
		frame("E", stderr)
		fmt.Fprintf(&text, "%%X:%d.\n", code)
		o, e, c, err := decode(text.Bytes(), 5)
		if o != string(stdout) || e != string(stderr) || c != int(code) || err != nil {
			t.Fatalf("have %q %q %d %v", o, e, c, err)
		}
	})
}

// Noise never gets past the mark, and nothing of the output is lost before its
// end, wherever it is cut.
func FuzzStream(f *testing.F) {
	f.Add([]byte("motd\nword"), []byte("out"), byte(2))
	f.Fuzz(func(t *testing.T, noise, out []byte, n byte) {
		const word = "dcos-0123456789abcdef01"
		if bytes.Contains(append(bytes.Clone(noise), word[:len(word)-1]...), []byte(word)) {
			return
		}
		text := append(append(bytes.Clone(noise), word+"\r\n"...), out...)
		var got bytes.Buffer
		begun := 0
		s := &stream{mark: word, to: &got, begun: func() { begun++ }, most: mostSaid, flood: func() { t.Error("a flood") }}
		s.copy(&piecewise{text, int(n)%5 + 1})
		if got.String() != string(out) || begun != 1 {
			t.Fatalf("have %q, begun %d times, want %q", got.String(), begun, out)
		}
		const end = endByte + word
		if bytes.Contains(append(bytes.Clone(out), end[:len(end)-1]...), []byte(end)) {
			return
		}
		for after, want := range map[string]struct{ ended, code int }{
			end + "7.": {1, 7}, end + "0.more": {1, 0}, end + "255.": {1, 255}, end + "1234.": {1, -1}, end + "x.": {1, -1}, end + ".": {1, -1},
			end + "7": {0, 0}, end: {0, 0}, "": {0, 0}, end[:4]: {0, 0},
		} {
			got.Reset()
			ended := 0
			e := &ending{to: &got, end: end, ended: func() { ended++ }}
			s := &stream{mark: word, to: e, most: mostSaid, flood: func() { t.Error("a flood") }}
			s.copy(&piecewise{append(bytes.Clone(text), after...), int(n)%7 + 1})
			e.release()
			output := string(out)
			if len(after) < len(end) {
				output += after // it is no end
			}
			if got.String() != output || ended != want.ended || e.code != want.code {
				t.Fatalf("after %q have %q, ended %d times, code %d, want %q, %v", after, got.String(), ended, e.code, output, want)
			}
		}
	})
}

type piecewise struct {
	text []byte
	n    int
}

func (r *piecewise) Read(p []byte) (int, error) {
	return bytes.NewReader(r.next()).Read(p)
}

func (r *piecewise) next() []byte {
	k := min(r.n, len(r.text))
	p := r.text[:k]
	r.text = r.text[k:]
	return p
}

func FuzzKnownHosts(f *testing.F) {
	f.Add([]byte("host,*.b,!c ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHJ3Zy5qZ3Jqc2RmZ2hqa2xxd2VydHl1aW9wYXNkZg\n@revoked * ssh-rsa x\n"+
		"|1|a|b x y"), "host")
	f.Fuzz(func(_ *testing.T, text []byte, name string) {
		var strict, lax knownHosts
		// It may be anything; it must not break.
		_ = strict.add(text, "fuzz", true)
		_ = lax.add(text, "fuzz", false)
		hostKeyAlgorithms(lax.lookup(name))
	})
}

// A list of revoked keys may be anything: what is not understood is an error.
func FuzzRevokedKeys(f *testing.F) {
	f.Add([]byte("# a comment\n\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHJ3Zy5qZ3Jqc2RmZ2hqa2xxd2VydHl1aW9wYXNkZg\n"))
	f.Add(append([]byte(krlMagic), 0, 0, 0, 1))
	signer, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		f.Fatal(err)
	}
	key := signer.PublicKey()
	cert := &ssh.Certificate{Key: key, SignatureKey: key, Serial: 7, KeyId: "host"}
	f.Fuzz(func(_ *testing.T, text []byte) {
		if keys, err := parseRevokedKeys(text); err == nil {
			keys.revokes(key)
			keys.revokes(cert)
		}
	})
}

func TestOutput(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("0123456789", 100)
	for _, bound := range []int{1, 2, 3, 10, 11, 999, 1000, 1001, 5000} {
		for _, piece := range []int{1, 7, 50, 5000} {
			o := &output{max: bound}
			for b := []byte(text); len(b) > 0; {
				k := min(piece, len(b))
				if n, err := o.Write(b[:k]); n != k || err != nil {
					t.Fatal(n, err)
				}
				b = b[k:]
			}
			want := text
			if bound < len(text) {
				want = text[:bound-bound/2] + text[len(text)-bound/2:]
			}
			if have := string(o.bytes()); have != want || o.truncated() != (bound < len(text)) {
				t.Errorf("bound %d by %d: have %q, want %q", bound, piece, have, want)
			}
		}
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{"": "''", "a-b_c/d.e:f,g+h@i%j": "a-b_c/d.e:f,g+h@i%j", "a b": "'a b'", "it's": `'it'\''s'`,
		"$x": "'$x'", "ü": "'ü'"} {
		if have := quote(s); have != want {
			t.Errorf("%q: %s", s, have)
		}
	}
}

// What the login shell parses must mean the same in sh, csh and fish.
func TestCommandLineIsPlain(t *testing.T) {
	t.Parallel()
	for _, text := range []string{starter, onTTY, tryDD, ownGroup, checkUID("root"), checkUID("user")} {
		if i := strings.IndexAny(text, "'!\\\n"); i >= 0 {
			t.Errorf("%q has %q", text, text[i])
		}
	}
}

// What is printed is the payload again, to whoever reads a printf's format.
func FuzzPrinted(f *testing.F) {
	f.Add([]byte("\x00-%s\\n \xff'\n=k\n0\n"))
	f.Add(bytes.Repeat([]byte("a-"), 600))
	f.Fuzz(func(t *testing.T, content []byte) {
		payload := append(fmt.Appendf(nil, "%d\n", len(content)), content...)
		if len(content) == 0 {
			payload = nil
		}
		lines, ok := bytes.CutSuffix(printed(append(payload, payloadEnd...)), []byte(payloadEnd))
		if !ok {
			t.Fatalf("it has no end: %q", lines)
		}
		var back []byte
		for line := range bytes.Lines(lines) {
			format, ok := bytes.CutPrefix(bytes.TrimSuffix(line, []byte("\n")), []byte("="))
			if !ok || len(line) > 2048 || bytes.ContainsAny(format, "%-'\"$") {
				t.Fatalf("a line is %q", line)
			}
			text, err := strconv.Unquote(`"` + string(format) + `"`)
			if err != nil {
				t.Fatalf("%v: %q", err, format)
			}
			back = append(back, text...)
		}
		if !bytes.Equal(back, content) {
			t.Fatalf("have %q, want %q", back, content)
		}
	})
}
