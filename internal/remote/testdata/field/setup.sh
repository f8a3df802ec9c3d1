#!/bin/sh
# Makes a host of the lab one for the cells of field_test.go: accounts with each login shell, each sh, each userland and
# each way to be refused, and beside OpenSSH other SSH servers, on ports of their own. Run as root in the host, once.
# The Go servers are at /opt/sshservers then, the Python ones at /opt/*_server.py.
set -eu
systemctl -q disable --now tinysshd.socket # Debian's takes port 22 where it is first
systemctl restart ssh

# By hand: useradd takes a tenth of a second each.
uid=3000
account() { # account NAME SHELL [GROUP of sudoers: sudo, password or none]
  uid=$((uid + 1))
  echo "$1:x:$uid:$uid::/home/$1:$2" >>/etc/passwd
  echo "$1:x:$uid:" >>/etc/group
  echo "$1:*:20000:0:99999:7:::" >>/etc/shadow
  cp -r /etc/skel "/home/$1"
  mkdir -m 700 "/home/$1/.ssh"
  cp /home/alice/.ssh/authorized_keys "/home/$1/.ssh/"
  chown -R "$1:" "/home/$1"
  case ${3:-sudo} in
  sudo) echo "$1 ALL=(ALL:ALL) NOPASSWD: ALL" >>/etc/sudoers.d/field ;;
  password) echo "$1 ALL=(ALL:ALL) ALL" >>/etc/sudoers.d/field ;;
  esac
}

# path ACCOUNT DIRECTORY: what its commands, and those of sudo, are looked for in first or, with "only", in alone.
path() {
  where=$2:/usr/local/bin:/usr/bin:/bin
  [ "${3:-}" != only ] || where=$2
  printf 'Match User %s\n  SetEnv PATH=%s\n' "$1" "$where" >>/etc/ssh/sshd_config.d/90-field.conf
  echo "Defaults:$1 secure_path=$where" >>/etc/sudoers.d/field
}

: >/etc/sudoers.d/field
chmod 440 /etc/sudoers.d/field
: >/etc/ssh/sshd_config.d/90-field.conf

# Login shells.
ln -s busybox /bin/ash
for sh in bash dash fish tcsh zsh ksh93 mksh yash posh ash; do
  at=$(command -v "$sh")
  echo "$at" >>/etc/shells
  account "l-$sh" "$at"
done
printf '#!/bin/sh\ntrap "" PIPE\n/bin/bash "$@"\n' >/bin/recorder # as what records sessions does
chmod 755 /bin/recorder
account l-recorder /bin/recorder

# What is called sh.
for sh in bash dash ksh93 mksh yash posh zsh ash; do
  mkdir -p "/opt/sh/$sh"
  ln -s "$(command -v "$sh")" "/opt/sh/$sh/sh"
  account "s-$sh" /bin/bash
  path "s-$sh" "/opt/sh/$sh"
done

# Userlands.
for tools in busybox toybox uutils; do mkdir -p "/opt/tools/$tools"; done
busybox --install -s /opt/tools/busybox
for name in $(toybox); do ln -s "$(command -v toybox)" "/opt/tools/toybox/$name"; done
for name in /usr/lib/cargo/bin/coreutils/*; do ln -s "$name" "/opt/tools/uutils/${name##*/}"; done
rm -f /opt/tools/*/su /opt/tools/*/login /opt/tools/*/sh
for tools in busybox toybox uutils; do
  account "u-$tools" /bin/bash
  path "u-$tools" "/opt/tools/$tools"
done
# Everything but one program.
for without in dd timeout setsid flock; do
  mkdir -p "/opt/without/$without"
  ln -s /usr/bin/* "/opt/without/$without/"
  rm "/opt/without/$without/$without"
  account "w-$without" /bin/bash
  path "w-$without" "/opt/without/$without" only
done
account u-badflock /bin/bash
mkdir -p /opt/tools/badflock
printf '#!/bin/sh\necho "flock: 7: No locks available" >&2\nexit 71\n' >/opt/tools/badflock/flock
chmod 755 /opt/tools/badflock/flock
path u-badflock /opt/tools/badflock

# Privileges.
account p-password /bin/bash password
account p-tty /bin/bash
echo 'Defaults:p-tty requiretty' >>/etc/sudoers.d/field
account p-pty /bin/bash
echo 'Defaults:p-pty use_pty' >>/etc/sudoers.d/field
account p-noexec /bin/bash
echo 'Defaults:p-noexec noexec' >>/etc/sudoers.d/field
account p-rootpw /bin/bash password
echo 'Defaults:p-rootpw rootpw' >>/etc/sudoers.d/field
account p-none /bin/bash none
account p-doas /bin/bash none
echo 'permit nopass p-doas' >/etc/doas.conf
chmod 600 /etc/doas.conf
printf '%s\n' root:root-secret p-password:p-password-secret p-rootpw:p-rootpw-secret | chpasswd
visudo -cq

# Accounts that run nothing.
account r-expired /bin/bash
chage -d 0 r-expired
account r-ended /bin/bash
chage -E 2020-01-01 r-ended
account r-nologin /usr/sbin/nologin
account r-false /bin/false
account r-missing /bin/no-such-shell
account r-rbash /bin/rbash
account r-git /usr/bin/git-shell
cat >/usr/bin/git-shell <<'END' # as git's own says it
#!/bin/sh
echo "fatal: unrecognized command '$2'" >&2
exit 128
END
chmod 755 /usr/bin/git-shell
account r-exit /bin/bash
sed -i '1i echo "This machine is for batch jobs."\nexit 0' /home/r-exit/.bashrc
account r-force /bin/bash
account r-forcewait /bin/bash
account r-sftp /bin/bash
account r-chroot /bin/bash
mkdir -p /srv/empty
account r-menu /bin/bash
account r-factor /bin/bash
cat >>/etc/ssh/sshd_config.d/90-field.conf <<'END'
Match User r-force
  ForceCommand echo "Backups only."
Match User r-forcewait
  ForceCommand /usr/bin/cat >/dev/null
Match User r-sftp
  ForceCommand internal-sftp
Match User r-chroot
  ChrootDirectory /srv/empty
Match User r-menu
  ForceCommand echo "1) deploy 2) quit"; read x; echo "no such choice"; exit 3
Match User r-factor
  AuthenticationMethods publickey,keyboard-interactive
  KbdInteractiveAuthentication yes
END
sshd -t
systemctl restart ssh

# Other servers.
service() { # service NAME [OPTION of systemd-run...] -- COMMAND...
  name=$1
  shift
  systemd-run -q --unit="field-$name" "$@"
}
mkdir -p /etc/dropbear
dropbearkey -t ed25519 -f /etc/dropbear/key >/dev/null 2>&1
service dropbear -- dropbear -F -E -p 2201 -r /etc/dropbear/key
tinysshd-makekey -q /etc/tinyssh/field
service tinyssh -- systemd-socket-activate -l 2202 --accept --inetd /usr/sbin/tinysshd -x sftp=/usr/lib/openssh/sftp-server /etc/tinyssh/field
service asyncssh -- python3 /opt/asyncssh_server.py 2203
service paramiko -- python3 /opt/paramiko_server.py 2204
if [ -e /opt/sshservers ]; then
  service gliderlabs -- /opt/sshservers gliderlabs :2205
  service wish -- /opt/sshservers wish :2206
fi
# What is no SSH server.
service http -p StandardInput=null -- python3 -m http.server 2211
service smtp -- systemd-socket-activate -l 2212 --accept --inetd /bin/sh -c 'printf "220 mail ESMTP\r\n"; sleep 60'
# One that knows nothing that we know, and one that lets nobody write by SFTP.
service old -- /usr/sbin/sshd -D -p 2213 -o PidFile=none -o KexAlgorithms=diffie-hellman-group1-sha1
printf 'Port 2214\nHostKey /etc/ssh/ssh_host_ed25519_key\nUsePAM yes\nPidFile none\nSubsystem sftp internal-sftp -R\n' >/etc/ssh/read-only
service read-only -- /usr/sbin/sshd -D -f /etc/ssh/read-only
