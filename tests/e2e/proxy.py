# SPDX-License-Identifier: Apache-2.0
"""The fault proxy (tests/support/fault_proxy.py) in front of a server, as a process of its own."""

import contextlib
import json
import pathlib
import socket
import subprocess
import sys

from servers import free_port, wait_for

PROGRAM = pathlib.Path(__file__).resolve().parent.parent / "support/fault_proxy.py"


class Proxy:
    """Passes bytes (or, with `http`, requests) to the server at `port`; `do` sends it one command. Its bench stops it."""

    def __init__(self, bench, port, http=False):
        self.port, self.control = free_port(), free_port()
        self.process = subprocess.Popen(
            [sys.executable, PROGRAM, "--listen", str(self.port), "--to", f"127.0.0.1:{port}", "--control", str(self.control),
             *(["--http"] if http else [])], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=open(bench.folder / f"proxy-{self.port}.log", "wb"))
        bench.closers.append(self.close)
        wait_for("the proxy", self.answers, 20)

    def answers(self):
        with contextlib.suppress(OSError):
            return self.do("stats")

    def do(self, what, **members):
        with socket.create_connection(("127.0.0.1", self.control), 10) as link:
            link.sendall(json.dumps({"do": what, **members}).encode() + b"\n")
            return json.loads(link.makefile().readline())

    def close(self):
        self.process.kill()
        self.process.wait()
