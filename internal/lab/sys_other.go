// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build !linux

package lab

import (
	"errors"
	"io/fs"
	"os/exec"
)

// Check refuses every system but Linux before any of these is reached; they
// are here so that tests which use the lab compile everywhere.

type fileID struct{ dev, ino uint64 }

func lockFile(string) (func(), error)                             { return nil, errors.ErrUnsupported }
func mountOverlay(string, []string, string, string, string) error { return errors.ErrUnsupported }
func mountProc(string) error                                      { return errors.ErrUnsupported }
func unmount(string) error                                        { return errors.ErrUnsupported }
func fileIDOf(string) (fileID, error)                             { return fileID{}, errors.ErrUnsupported }
func onOverlay(string) (bool, error)                              { return false, errors.ErrUnsupported }
func freeBytes(string) (int64, error)                             { return 0, errors.ErrUnsupported }
func allocate(string, int64, int64) error                         { return errors.ErrUnsupported }
func isDiskFull(error) bool                                       { return false }
func inNamespace(string, func() error) error                      { return errors.ErrUnsupported }
func insideNamespace(string) (bool, error)                        { return false, errors.ErrUnsupported }
func execInNamespace(string, string, []string, []string) error    { return errors.ErrUnsupported }
func detach(*exec.Cmd)                                            {}
func killGroup(*exec.Cmd)                                         {}
func terminate(int) error                                         { return errors.ErrUnsupported }
func kill(int) error                                              { return errors.ErrUnsupported }
func ownerOfFile(string) (int, int, error)                        { return 0, 0, errors.ErrUnsupported }
func statOf(fs.FileInfo) fileStat                                 { return fileStat{} }
func bindMount(string, string) error                              { return errors.ErrUnsupported }
