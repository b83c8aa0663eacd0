# SPDX-License-Identifier: Apache-2.0
"""An S3 server that checks signatures, and the proxy in front of it that breaks things on command."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys

import boto3
import botocore.config

from proxy import Proxy
from servers import free_port, wait_for

TESTS = pathlib.Path(__file__).resolve().parent.parent
KEYS = ("millracetest", "millracetestsecret")
BUCKET = "lake"


class Moto:
    """A server that plays services of AWS (and checks no signature)."""

    def __init__(self, bench):
        self.port = free_port()
        log = open(bench.folder / "moto.log", "wb")
        self.process = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
                                        stdout=log, stderr=subprocess.STDOUT)
        bench.closers.append(self.stop)
        wait_for("moto", lambda: answers(self.port), 60)

    def stop(self):
        self.process.kill()
        self.process.wait()


class HeaderJudge(Moto):
    """A bucket of moto, which keeps what S3 keeps of encryption and ACL headers."""

    def __init__(self, bench):
        super().__init__(bench)
        self.client = client_for(self.port)
        self.client.create_bucket(Bucket=BUCKET)

    def endpoint(self, **settings):
        return endpoint_at(self.port, settings)


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def client_for(port):
    return boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", aws_access_key_id=KEYS[0],
                        aws_secret_access_key=KEYS[1], region_name="us-east-1",
                        config=botocore.config.Config(s3={"addressing_style": "path"}))


def endpoint_at(port, settings):
    return {"EndpointIdentifier": "s3", "EndpointType": "target", "EngineName": "s3",
            "MillraceUrl": f"http://127.0.0.1:{port}/{BUCKET}", "MillraceRegion": "us-east-1",
            "MillraceCredentials": ":".join(KEYS), "S3Settings": {"CdcMaxBatchInterval": 1, **settings}}


class S3:
    """Server, proxy and one bucket; the scenario's bench stops them. The server may be killed, paused and started again."""

    def __init__(self, bench):
        self.folder = bench.folder / "s3"
        self.folder.mkdir()
        self.port = free_port()
        bench.closers.append(self.stop)
        self.start()
        self.proxy = Proxy(bench, self.port, http=True)
        self.proxy_port = self.proxy.port
        self.client = client_for(self.port)
        self.client.create_bucket(Bucket=BUCKET)

    def start(self):
        subprocess.run([TESTS / "services/s3_server.sh", "start", str(self.port), str(self.folder)], check=True,
                       stdout=subprocess.DEVNULL)

    def stop(self, mode="fast"):
        """There is one way to stop it; `mode` is what a database is asked for."""
        with contextlib.suppress(OSError, ValueError):
            self.resume()
        subprocess.run([TESTS / "services/s3_server.sh", "stop", str(self.folder)], check=False)

    def _signal(self, number):
        os.kill(int((self.folder / "pid").read_text()), number)

    def kill(self):
        self._signal(signal.SIGKILL)
        wait_for("the server's end", lambda: not answers(self.port), 10, 0.01)

    def pause(self):
        self._signal(signal.SIGSTOP)

    def resume(self):
        self._signal(signal.SIGCONT)

    def endpoint(self, **settings):
        return endpoint_at(self.proxy_port, settings)

    def command(self, do, **words):
        """One command to the proxy; its answer."""
        return self.proxy.do(do, **words)

    def download(self, folder):
        """Every object as a file below `folder`; returns the keys."""
        keys = []
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
            for item in page.get("Contents", []):
                keys.append(item["Key"])
                path = pathlib.Path(folder) / item["Key"]
                path.parent.mkdir(parents=True, exist_ok=True)
                self.client.download_file(BUCKET, item["Key"], str(path))
        return keys

    def unfinished_uploads(self):
        return self.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads") or []
