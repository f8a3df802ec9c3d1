// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/adler32"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The files of ZooKeeper, 3.4 to 3.8 (org.apache.zookeeper.server.persistence: FileSnap,
// FileTxnLog). Both begin with a magic number, a version and an id of 16 bytes together. A snapshot
// ends with the Adler-32 sum of all before it, as eight bytes, and the text "/" behind its length. A
// log has records: the sum of what the record is, as eight bytes, its length, the record, and a 'B';
// behind the last one there are zeros, since files are made larger in advance.
const (
	snapshotMagic = "ZKSN"
	logMagic      = "ZKLG"
	headSize      = 16
	sealSize      = 13
	mostRecord    = 64 << 20 // jute.maxbuffer is 1 MiB unless somebody has set it
)

// zxidOf is what a file's name says: a snapshot's last transaction, a log's first.
func zxidOf(name string) (uint64, error) {
	_, hex, _ := strings.Cut(path.Base(name), ".")
	return strconv.ParseUint(hex, 16, 64)
}

// save writes one file below a directory, by its own name.
func save(r io.Reader, directory, name string) (err error) {
	f, err := os.OpenFile(filepath.Join(directory, path.Base(name)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

// verifyBackup looks for the newest whole snapshot among the files in directory, and for the whole
// transactions behind it, and removes what is not needed or not whole.
func verifyBackup(directory string, files []string) (*Backup, error) {
	var snapshots, logs []string
	for _, f := range files {
		name := path.Base(f)
		if _, err := zxidOf(name); err != nil {
			continue
		}
		if strings.HasPrefix(name, "snapshot.") {
			snapshots = append(snapshots, name)
		} else {
			logs = append(logs, name)
		}
	}
	newestFirst := func(a, b string) int { return -compareZxid(a, b) }
	slices.SortFunc(snapshots, newestFirst)
	slices.SortFunc(logs, compareZxid)
	b := &Backup{}
	var why error
	for _, name := range snapshots {
		if b.Snapshot == "" {
			if err := checkSnapshot(filepath.Join(directory, name)); err != nil {
				why = errors.Join(why, fmt.Errorf("%s: %w", name, err))
			} else {
				b.Snapshot = name
				continue
			}
		}
		if err := os.Remove(filepath.Join(directory, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	if b.Snapshot == "" {
		return nil, fmt.Errorf("no snapshot is whole: %w", why)
	}
	last, err := zxidOf(b.Snapshot)
	b.Last = last
	if err == nil {
		err = b.checkLogs(directory, logs)
	}
	return b, err
}

func compareZxid(a, b string) int {
	x, _ := zxidOf(a) // those that have none are not compared
	y, _ := zxidOf(b)
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// checkLogs keeps the logs that go on from the snapshot: the last one that begins with or before its
// transaction, and all behind it, each as far as it is whole.
func (b *Backup) checkLogs(directory string, logs []string) error {
	from := 0
	for i, name := range logs {
		if first, err := zxidOf(name); err == nil && first <= b.Last+1 {
			from = i
		}
	}
	for i, name := range logs {
		file := filepath.Join(directory, name)
		if i < from {
			if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) { // ZooKeeper may have purged it
				return err
			}
			continue
		}
		size, zxids, err := checkLog(file)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for _, z := range zxids {
			switch {
			case z <= b.Last: // the snapshot has it
				continue
			case z != b.Last+1 && z>>32 == b.Last>>32: // a new leader counts on from its own epoch
				return fmt.Errorf("%s: transactions are missing between %x and %x", name, b.Last, z)
			}
			b.Transactions++
			b.Last = z
		}
		if err := os.Truncate(file, size); err != nil {
			return err
		}
		b.Logs = append(b.Logs, LogFile{name, size})
	}
	return nil
}

// checkSnapshot says what is wrong with a snapshot, nil if it is whole.
func checkSnapshot(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() < headSize+sealSize {
		return fmt.Errorf("it has %d bytes", info.Size())
	}
	sum := adler32.New()
	head := make([]byte, 4)
	body := io.TeeReader(io.LimitReader(f, info.Size()-sealSize), sum)
	if _, err := io.ReadFull(body, head); err != nil {
		return err
	}
	if string(head) != snapshotMagic {
		return errors.New("it is no snapshot")
	}
	if _, err := io.Copy(io.Discard, body); err != nil {
		return err
	}
	seal := make([]byte, sealSize)
	if _, err := io.ReadFull(f, seal); err != nil {
		return err
	}
	if !bytes.Equal(seal[8:], []byte{0, 0, 0, 1, '/'}) || binary.BigEndian.Uint64(seal) != uint64(sum.Sum32()) {
		return errors.New("it is not whole: its checksum is not that of its content")
	}
	return nil
}

// checkLog reads a log, and gives the size of what is whole in it and the transactions' zxids.
func checkLog(name string) (size int64, zxids []uint64, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, nil, err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 1<<20)
	head := make([]byte, headSize)
	if _, err := io.ReadFull(r, head); err != nil || string(head[:4]) != logMagic {
		return 0, nil, errors.New("it is no log of ZooKeeper")
	}
	size = headSize
	lead := make([]byte, 12)
	for {
		if _, err := io.ReadFull(r, lead); err != nil {
			return size, zxids, nil // its end
		}
		length := int64(binary.BigEndian.Uint32(lead[8:]))
		if length < 16 || length > mostRecord {
			return size, zxids, nil // zeros, or what is only about to be written
		}
		record := make([]byte, length+1)
		if _, err := io.ReadFull(r, record); err != nil || record[length] != 'B' ||
			binary.BigEndian.Uint64(lead) != uint64(adler32.Checksum(record[:length])) {
			return size, zxids, nil
		}
		size += int64(len(lead)) + length + 1
		zxids = append(zxids, binary.BigEndian.Uint64(record[12:])) // behind client (8) and cxid (4)
	}
}
