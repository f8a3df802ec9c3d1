# Copyright (c) The terraform-provider-dcos Authors
# SPDX-License-Identifier: MPL-2.0
"""An SSH server by the examples in AsyncSSH's documentation: asyncssh_server.py PORT.

It lets everybody in and runs commands in its own process group.
"""

import asyncio
import subprocess
import sys

import asyncssh


class Server(asyncssh.SSHServer):
    def begin_auth(self, username):
        return True

    def public_key_auth_supported(self):
        return True

    def validate_public_key(self, username, key):
        return True


async def run(process):
    child = subprocess.Popen(process.command, shell=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    await process.redirect(stdin=child.stdin, stdout=child.stdout, stderr=child.stderr)
    code = await asyncio.get_event_loop().run_in_executor(None, child.wait)
    await process.stdout.drain()
    process.exit(code)


async def main():
    await asyncssh.listen("", int(sys.argv[1]), server_factory=Server, process_factory=run, encoding=None, sftp_factory=True,
                          server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")])
    await asyncio.get_event_loop().create_future()


asyncio.run(main())
