// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remotetest

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"
)

// ptyPair is a pseudo-terminal.
type ptyPair struct {
	master, slave *os.File
	once          sync.Once
}

// openPTY makes a terminal with those modes of a pty-req that matter here.
func openPTY(payload []byte) (*ptyPair, error) {
	var m struct {
		Term                         string
		Columns, Rows, Width, Height uint32
		Modes                        string
	}
	if err := ssh.Unmarshal(payload, &m); err != nil {
		return nil, err
	}
	// Not blocking, so that closing it ends a read.
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	p := &ptyPair{master: os.NewFile(uintptr(fd), "/dev/ptmx")}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		p.slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		p.close()
		return nil, err
	}
	if err := setModes(p.slave, []byte(m.Modes)); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *ptyPair) close() {
	p.once.Do(func() {
		_ = p.master.Close()
		if p.slave != nil {
			_ = p.slave.Close()
		}
	})
}

// setModes applies encoded terminal modes (RFC 4254, section 8).
func setModes(f *os.File, modes []byte) error {
	tio, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		return err
	}
	set := func(flags *uint32, bit uint32, on bool) {
		if *flags &^= bit; on {
			*flags |= bit
		}
	}
	for len(modes) >= 5 && modes[0] != 0 && modes[0] < 160 {
		on := binary.BigEndian.Uint32(modes[1:]) != 0
		switch modes[0] {
		case 36:
			set(&tio.Iflag, unix.ICRNL, on)
		case 38:
			set(&tio.Iflag, unix.IXON, on)
		case 50:
			set(&tio.Lflag, unix.ISIG, on)
		case 51:
			set(&tio.Lflag, unix.ICANON, on)
		case 53:
			set(&tio.Lflag, unix.ECHO, on)
		case 59:
			set(&tio.Lflag, unix.IEXTEN, on)
		case 70:
			set(&tio.Oflag, unix.OPOST, on)
		}
		modes = modes[5:]
	}
	return unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, tio)
}
