# Copyright (c) The terraform-provider-dcos Authors
# SPDX-License-Identifier: MPL-2.0
"""An SSH server of Paramiko's parts, as its demo_server.py has them: paramiko_server.py PORT.

It lets everybody in, runs commands in its own process group, and has no SFTP.
"""

import socket
import subprocess
import sys
import threading

import paramiko


def copy(read, write, end):
    while True:
        data = read(32768)
        if not data:
            break
        try:
            write(data)
        except OSError:
            break
    end()


class Server(paramiko.ServerInterface):
    def check_auth_publickey(self, username, key):
        return paramiko.AUTH_SUCCESSFUL

    def get_allowed_auths(self, username):
        return "publickey"

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED if kind == "session" else paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_exec_request(self, channel, command):
        threading.Thread(target=self.run, args=(channel, command), daemon=True).start()
        return True

    def run(self, channel, command):
        child = subprocess.Popen(["/bin/sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        outputs = [threading.Thread(target=copy, args=(child.stdout.read, channel.sendall, lambda: None)),
                   threading.Thread(target=copy, args=(child.stderr.read, channel.sendall_stderr, lambda: None))]
        threading.Thread(target=copy, args=(channel.recv, child.stdin.write, child.stdin.close), daemon=True).start()
        for output in outputs:
            output.start()
        for output in outputs:
            output.join()
        channel.send_exit_status(child.wait())
        channel.close()


key = paramiko.RSAKey.generate(2048)
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("", int(sys.argv[1])))
listener.listen(100)
while True:
    client, _ = listener.accept()
    transport = paramiko.Transport(client)
    transport.add_server_key(key)
    transport.start_server(event=threading.Event(), server=Server())
