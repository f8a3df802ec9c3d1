// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"bytes"
	"encoding/binary"
	"hash/adler32"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// zkSnapshot is a snapshot file with some content.
func zkSnapshot(content string) []byte {
	b := append([]byte("ZKSN\x00\x00\x00\x02"), make([]byte, 8)...)
	b = append(b, content...)
	b = binary.BigEndian.AppendUint64(b, uint64(adler32.Checksum(b)))
	return append(b, 0, 0, 0, 1, '/')
}

// zkLog is a log with these transactions, and room for more.
func zkLog(zxids ...uint64) []byte {
	b := append([]byte("ZKLG\x00\x00\x00\x02"), make([]byte, 8)...)
	for _, z := range zxids {
		record := binary.BigEndian.AppendUint64(make([]byte, 12), z)
		record = append(record, "time, type and what is changed"...)
		b = binary.BigEndian.AppendUint64(b, uint64(adler32.Checksum(record)))
		b = binary.BigEndian.AppendUint32(b, uint32(len(record)))
		b = append(append(b, record...), 'B')
	}
	return append(b, make([]byte, 1000)...)
}

// A backup is the newest snapshot that is whole and what is whole behind it, without a gap; else
// it is an error. What is needed for nothing, or about to be written, is not in it.
func TestVerifyBackup(t *testing.T) {
	t.Parallel()
	whole := zkSnapshot("nodes")
	torn := zkLog(0x10b, 0x10c)
	torn = torn[:len(torn)-1000-20]
	for name, c := range map[string]struct {
		files        map[string][]byte
		snapshot     string
		transactions int
		last         uint64
		wrong        string
	}{
		"plain": {map[string][]byte{"snapshot.105": whole, "log.103": zkLog(0x103, 0x104, 0x105, 0x106), "log.107": zkLog(0x107)},
			"snapshot.105", 2, 0x107, ""},
		"nothing since": {map[string][]byte{"snapshot.105": whole, "log.101": zkLog(0x104, 0x105)}, "snapshot.105", 0, 0x105, ""},
		"older logs":    {map[string][]byte{"snapshot.105": whole, "log.1": zkLog(1), "log.106": zkLog(0x106)}, "snapshot.105", 1, 0x106, ""},
		"being written": {map[string][]byte{"snapshot.105": whole, "snapshot.109": whole[:20], "log.106": zkLog(0x106)},
			"snapshot.105", 1, 0x106, ""},
		"other content":     {map[string][]byte{"snapshot.105": bytes.Replace(whole, []byte("nodes"), []byte("modes"), 1)}, "", 0, 0, "checksum"},
		"no snapshot":       {map[string][]byte{"snapshot.105": []byte("ZK")}, "", 0, 0, "no snapshot is whole"},
		"a record torn":     {map[string][]byte{"snapshot.10a": whole, "log.10b": torn}, "snapshot.10a", 1, 0x10b, ""},
		"a gap":             {map[string][]byte{"snapshot.105": whole, "log.106": zkLog(0x106, 0x108)}, "", 0, 0, "missing between 106 and 108"},
		"a gap before logs": {map[string][]byte{"snapshot.105": whole, "log.107": zkLog(0x107)}, "", 0, 0, "missing between 105 and 107"},
		"torn in between": {map[string][]byte{"snapshot.10a": whole, "log.10b": torn, "log.10d": zkLog(0x10d)}, "", 0, 0,
			"missing between 10b and 10d"},
		"another leader": {map[string][]byte{"snapshot.100000005": whole, "log.100000006": zkLog(0x100000006, 0x200000001)},
			"snapshot.100000005", 2, 0x200000001, ""},
		"no log": {map[string][]byte{"snapshot.105": whole, "log.106": []byte("text that is no log at all")}, "", 0, 0, "no log of ZooKeeper"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			var files []string
			for file, content := range c.files {
				files = append(files, "zookeeper/x/version-2/"+file)
				if err := save(bytes.NewReader(content), dir, file); err != nil {
					t.Fatal(err)
				}
			}
			b, err := verifyBackup(dir, files)
			switch {
			case c.wrong != "":
				if err == nil || !strings.Contains(err.Error(), c.wrong) {
					t.Errorf("it says %v", err)
				}
				return
			case err != nil:
				t.Fatal(err)
			case b.Snapshot != c.snapshot || b.Transactions != c.transactions || b.Last != c.last:
				t.Errorf("%s, %d transactions to %x", b.Snapshot, b.Transactions, b.Last)
			}
			left, err := os.ReadDir(dir)
			if err != nil || len(left) != 1+len(b.Logs) {
				t.Errorf("%v, %v", left, err)
			}
			for _, l := range b.Logs {
				if info, err := os.Stat(filepath.Join(dir, l.Name)); err != nil || info.Size() != l.Size || info.Mode().Perm() != 0o600 {
					t.Errorf("%s: %v, %v", l.Name, info, err)
				}
			}
		})
	}
}
