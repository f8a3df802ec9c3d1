// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package lab makes real Linux hosts for tests and for the demo, in about 0.3 s each: systemd as PID 1, OpenSSH, sudo,
// an address and a file system of their own, what DC/OS's preflight asks for, and a stand-in for Docker. It can do to
// them what happens to hosts: reboots, power cuts, networks that vanish or refuse, bad paths, full disks, programs that
// end at one of their system calls. Only tests and the commands below internal/lab/cmd use it.
//
// # In tests
//
// A package that needs hosts runs its tests in a lab of its own:
//
//	func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }
//
//	func TestLogin(t *testing.T) {
//		t.Parallel()
//		l := lab.Require(t)   // skips, or fails where CI=true, if no lab can run here
//		h := l.Host(t, "m1")  // boots; gone when the test ends
//		out, err := h.Exec(t.Context(), "systemctl", "is-active", "ssh")
//		...
//	}
//
// [Main] executes the test binary again inside the lab's network, so tests, and what they start, reach the hosts by
// plain dialling and reach nothing else. Hosts cost 0.4 s of CPU to boot: tests that leave a host as they found it
// share one.
//
// # How it works
//
// A host is a systemd-nspawn container on an overlay: below is a Debian image that debootstrap makes once, with layers
// of further packages where a host wants them; above, a directory of the host's own. Images are kept outside the tree,
// by the hash of their definition, so a change of it makes a new one.
//
// A lab is a directory with all that is known of it, and a network namespace with a bridge. There is no daemon:
// every process reads the directory, and locks what it changes. The hosts are kept running by a shell each, which
// outlives the process that started it. A lab either lasts until it is destroyed ([New]), or belongs to a process
// ([Main]): when that has ended without taking it down, whoever comes next does ([RemoveLeftovers]).
//
// Everything about hosts that could differ between machines is taken care of here: with systemd as process 1 and
// without, with cgroups of version 1 and 2. What a lab changes on the machine itself is one limit, which stays
// raised: fs.inotify.max_user_instances, of which each host's systemd takes several.
//
// # What is not as on a real host
//
// Left out: a kernel of its own. There is one, the machine's: no modules, no vm or kernel sysctls, no clock to set,
// no devices, no limits on memory; `nproc` and `free` show the machine's, and `df` too unless the host was made
// [WithDisk]. Overlays cannot be mounted inside. The journal is in memory and gone after a reboot. Docker is a
// script that answers what DC/OS's preflight asks; one test brings Debian's own ([Lab.Mirror]). A load balancer
// ([LoadBalancer]) checks each half second, where Amazon's does so each half minute.
//
// Compared: never with machines side by side. systemd, OpenSSH, sudo, HAProxy and ZooKeeper are the real ones, Debian's.
//
// # Environment
//
//	DCOS_LAB_CACHE   where images and labs are kept, on a disk; else the user's cache directory
//	DCOS_LAB_MIRROR  the Debian mirror for images; else the one that apt uses
//	CI               true: a test that needs hosts fails where it would be skipped
package lab
