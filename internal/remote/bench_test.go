// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build !windows

package remote_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/remotetest"
)

// The works that are measured, each beside its floor: the least that a program
// on x/crypto/ssh and pkg/sftp can do, with one exec a script, no retry and
// one fixed host key. Besides the time, most of which is the server's, each
// reports the CPU time of this process alone.
//
//   - Stage: connect, log in, one script of 4 KB, 2 KB back.
//   - Install: connect, log in, a work directory, six files of 20 MB in all with
//     their sums checked on the host, three scripts, and everything removed.

// old makes the server offer what OpenSSH 7.4 does, so that the machine's own
// version does not decide the result.
const old = "KexAlgorithms curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,diffie-hellman-group14-sha256"

func stageScript() string {
	return strings.Repeat(": a stage of a node, the fourth part of a line of which is this\n", 62) + "head -c 2048 /dev/zero | tr '\\0' x\n"
}

func installFiles() []remote.File {
	files := []remote.File{randomFile("bootstrap.tar.xz", 12<<20), randomFile("packages.tar", 5<<20), randomFile("dcos-image.bin", 2<<20),
		randomFile("docker.rpm", 1<<20)}
	return append(files, randomFile("package_list.json", 3000), randomFile("dcos_install.sh", 40_000))
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// measure runs the work and reports the CPU time.
func measure(b *testing.B, work func()) {
	work()
	b.ReportAllocs()
	runtime.GC()
	start := cpuTime(b)
	for b.Loop() {
		work()
	}
	b.ReportMetric(float64(cpuTime(b)-start)/float64(b.N)/1e6, "cpu-ms/op")
}

func BenchmarkStage(b *testing.B) {
	s := remotetest.StartSSHD(b, old)
	text := stageScript()
	b.Run("remote", func(b *testing.B) {
		c := newClient(b, remote.Config{User: s.User, Credentials: remote.Credentials{PrivateKey: remote.Secret(s.Key)}})
		measure(b, func() {
			conn, err := c.Dial(b.Context(), remote.Target{Address: s.Host, Port: s.Port, HostKey: s.HostKey})
			if err != nil {
				b.Fatal(err)
			}
			res, err := conn.Run(b.Context(), remote.Script{Name: "stage", Text: text, Root: true})
			if err != nil || len(res.Stdout) != 2048 {
				b.Fatal(err, len(res.Stdout))
			}
			if err := conn.Close(); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("floor", func(b *testing.B) {
		cfg := floorConfig(b, s)
		measure(b, func() {
			c, err := ssh.Dial("tcp", fmt.Sprintf("%s:%d", s.Host, s.Port), cfg)
			if err != nil {
				b.Fatal(err)
			}
			if out := floorRun(b, c, "sh -s", []byte(text)); len(out) != 2048 {
				b.Fatal(len(out))
			}
			if err := c.Close(); err != nil {
				b.Fatal(err)
			}
		})
	})
}

func BenchmarkInstall(b *testing.B) {
	s := remotetest.StartSSHD(b, old)
	text, files := stageScript(), installFiles()
	var size int64
	for _, f := range files {
		size += f.Size
	}
	b.Run("remote", func(b *testing.B) {
		b.SetBytes(size)
		c := newClient(b, remote.Config{User: s.User, Credentials: remote.Credentials{PrivateKey: remote.Secret(s.Key)}})
		measure(b, func() {
			conn, err := c.Dial(b.Context(), remote.Target{Address: s.Host, Port: s.Port, HostKey: s.HostKey})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := conn.Upload(b.Context(), files, nil); err != nil {
				b.Fatal(err)
			}
			for range 3 {
				if _, err := conn.Run(b.Context(), remote.Script{Name: "stage", Text: text, Root: true}); err != nil {
					b.Fatal(err)
				}
			}
			if err := conn.Close(); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("floor", func(b *testing.B) {
		b.SetBytes(size)
		cfg := floorConfig(b, s)
		measure(b, func() { floorInstall(b, s, cfg, files, text) })
	})
}

func floorConfig(b *testing.B, s *remotetest.SSHD) *ssh.ClientConfig {
	b.Helper()
	signer, err := ssh.ParsePrivateKey([]byte(s.Key))
	if err != nil {
		b.Fatal(err)
	}
	host, _, _, _, err := ssh.ParseAuthorizedKey([]byte(s.HostKey))
	if err != nil {
		b.Fatal(err)
	}
	return &ssh.ClientConfig{
		User: s.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback: ssh.FixedHostKey(host), HostKeyAlgorithms: []string{ssh.KeyAlgoED25519},
	}
}

func floorRun(b *testing.B, c *ssh.Client, command string, stdin []byte) []byte {
	b.Helper()
	sess, err := c.NewSession()
	if err != nil {
		b.Fatal(err)
	}
	defer sess.Close()
	var out, errs bytes.Buffer
	sess.Stdin, sess.Stdout, sess.Stderr = bytes.NewReader(stdin), &out, &errs
	if err := sess.Run(command); err != nil {
		b.Fatalf("%v: %s", err, errs.String())
	}
	return out.Bytes()
}

func floorInstall(b *testing.B, s *remotetest.SSHD, cfg *ssh.ClientConfig, files []remote.File, text string) {
	b.Helper()
	c, err := ssh.Dial("tcp", fmt.Sprintf("%s:%d", s.Host, s.Port), cfg)
	if err != nil {
		b.Fatal(err)
	}
	dir := strings.TrimSpace(string(floorRun(b, c, "mktemp -d -p /var/tmp", nil)))
	sc, err := sftp.NewClient(c, sftp.UseConcurrentWrites(true), sftp.MaxPacketUnchecked(256<<10-1024))
	if err != nil {
		b.Fatal(err)
	}
	var sums strings.Builder
	for _, f := range files {
		src, err := f.Open()
		if err != nil {
			b.Fatal(err)
		}
		dst, err := sc.OpenFile(path.Join(dir, f.Name), os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := dst.ReadFrom(io.LimitReader(src, f.Size)); err != nil {
			b.Fatal(err)
		}
		if err := dst.Close(); err != nil {
			b.Fatal(err)
		}
		fmt.Fprintf(&sums, "%s  %s\n", f.SHA256, path.Join(dir, f.Name))
	}
	if err := sc.Close(); err != nil {
		b.Fatal(err)
	}
	floorRun(b, c, "sha256sum -c", []byte(sums.String()))
	for range 3 {
		floorRun(b, c, "sh -s", []byte(text))
	}
	floorRun(b, c, "rm -rf "+dir, nil)
	if err := c.Close(); err != nil {
		b.Fatal(err)
	}
}
