#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A proxy that breaks connections on command, for tests of what happens then.

    fault_proxy.py --listen PORT --to HOST:PORT --control PORT [--http]

Loopback only. Without --http it passes bytes (PostgreSQL, anything); with --http it understands HTTP/1.1 well enough to
pick requests. Commands are JSON objects, one a line, on the control port; each is answered by one line.

  {"do": "rule", "kind": K, ...}   adds a rule; the first that fits is used and, after `times` uses (default 1), gone
  {"do": "clear"}                  removes all rules, lets refused and held connections pass again
  {"do": "cut"}                    resets every open connection now
  {"do": "refuse"}                 resets every open connection and every new one, until "clear" (the server is down)
  {"do": "hold"}                   bytes stop moving on open and new connections, until "clear" (black hole)
  {"do": "rate", "bytes": N}       at most N bytes a second and direction; 0: no limit
  {"do": "late", "seconds": S}     each piece of bytes arrives that much later; 0: at once
  {"do": "stats"}                  {"connections": n, "open": n, "requests": n, "used": {kind: n}, "log": [...]}
  {"do": "reset_stats"}            counts from zero

Kinds of rules, --http (`match`: regular expression on "METHOD /path?query", default: every request):
  answer        answers `status` with `body`, or with an S3 error document of `code`; does not ask the server
  answer_body   asks the server, then answers 200 with `body` in place of its answer
  cut           resets the connection after `bytes` of the request's body have gone to the server
  cut_answer    lets the server do it, then resets the connection instead of answering
  delay         waits `seconds` before asking the server
  half_open     takes the request, answers nothing, leaves the connection open
Kinds without --http:
  cut           resets the connection after `bytes` from the client (or with "from": "server", from the server)
  delay         waits `seconds` before connecting to the server
  half_open     accepts the connection and moves nothing
"""
import argparse
import asyncio
import json
import re
import socket
import struct

CHUNK = 16 * 1024


def reset(writer):
    """Closes with RST, as a crashed peer or a firewall does."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
    writer.transport.abort()


class Cut(Exception):
    """A rule or command ended this connection."""


class Proxy:
    def __init__(self, to, http):
        self.host, port = to.rsplit(":", 1)
        self.port = int(port)
        self.http = http
        self.rules = []
        self.writers = set()
        self.refusing = False
        self.moving = asyncio.Event()
        self.moving.set()
        self.rate = 0
        self.late = 0
        self.stats = {"connections": 0, "requests": 0, "used": {}, "log": []}

    # ---- commands

    def command(self, asked):
        do = asked.get("do")
        if do == "rule":
            self.rules.append({"times": 1, "match": "", **asked})
        elif do == "clear":
            self.rules, self.refusing, self.rate, self.late = [], False, 0, 0
            self.moving.set()
        elif do in ("cut", "refuse"):
            self.refusing = self.refusing or do == "refuse"
            for writer in list(self.writers):
                reset(writer)
        elif do == "hold":
            self.moving.clear()
        elif do == "rate":
            self.rate = int(asked["bytes"])
        elif do == "late":
            self.late = float(asked["seconds"])
        elif do == "reset_stats":
            self.stats = {"connections": 0, "requests": 0, "used": {}, "log": []}
        elif do == "stats":
            return {**self.stats, "open": len(self.writers) // 2}
        else:
            return {"error": f"unknown command {do!r}"}
        return {"ok": True}

    async def control(self, reader, writer):
        while line := await reader.readline():
            try:
                answer = self.command(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                answer = {"error": str(error)}
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        writer.close()

    def rule_for(self, line):
        for rule in self.rules:
            if re.search(rule["match"], line):
                rule["times"] -= 1
                if rule["times"] <= 0:
                    self.rules.remove(rule)
                used = self.stats["used"]
                used[rule["kind"]] = used.get(rule["kind"], 0) + 1
                return rule
        return {"kind": ""}

    # ---- moving bytes

    async def send(self, writer, data):
        await self.moving.wait()
        if self.late:
            await asyncio.sleep(self.late)
        writer.write(data)
        await writer.drain()
        if self.rate:
            await asyncio.sleep(len(data) / self.rate)

    async def pump(self, reader, writer, cut_after):
        passed = 0
        while data := await reader.read(CHUNK):
            if cut_after is not None and passed + len(data) > cut_after:
                await self.send(writer, data[: cut_after - passed])
                raise Cut
            await self.send(writer, data)
            passed += len(data)
        if writer.can_write_eof():
            writer.write_eof()

    async def tcp(self, reader, writer):
        rule = self.rule_for("")
        if rule["kind"] == "half_open":
            await asyncio.Event().wait()
        if rule["kind"] == "delay":
            await asyncio.sleep(rule["seconds"])
        server_reader, server_writer = await self.connect()
        cut = rule["bytes"] if rule["kind"] == "cut" else None
        from_server = rule.get("from") == "server"
        pumps = [
            asyncio.ensure_future(self.pump(reader, server_writer, None if from_server else cut)),
            asyncio.ensure_future(self.pump(server_reader, writer, cut if from_server else None)),
        ]
        try:
            await asyncio.gather(*pumps)
        finally:
            for pump in pumps:
                pump.cancel()
            self.writers.discard(server_writer)
            server_writer.transport.abort()

    async def connect(self):
        reader, writer = await asyncio.open_connection(self.host, self.port)
        self.writers.add(writer)
        return reader, writer

    # ---- HTTP

    async def head(self, reader):
        """(raw bytes, first line, {header: value}); an empty first line at the end of the connection."""
        try:
            raw = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return b"", "", {}
        lines = raw.decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if colon:
                headers[name.strip().lower()] = value.strip()
        return raw, lines[0], headers

    async def body(self, reader, headers, until_close=False):
        """The body's bytes as they are on the wire, piece by piece."""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            while True:
                line = await reader.readline()
                yield line
                size = int(line.split(b";")[0], 16)
                yield await reader.readexactly(size + 2)
                if size == 0:
                    return
        elif "content-length" in headers:
            left = int(headers["content-length"])
            while left:
                data = await reader.read(min(left, CHUNK))
                if not data:
                    raise Cut
                left -= len(data)
                yield data
        elif until_close:
            while data := await reader.read(CHUNK):
                yield data

    async def answer(self, writer, status, body):
        head = f"HTTP/1.1 {status} Test\r\nContent-Length: {len(body)}\r\nContent-Type: application/xml\r\n\r\n"
        await self.send(writer, head.encode() + body)

    async def exchange(self, reader, writer, server):
        raw, line, headers = await self.head(reader)
        if not line:
            return False
        method, target, _ = line.split(" ", 2)
        name = f"{method} {target}"
        rule = self.rule_for(name)
        kind = rule["kind"]
        self.stats["requests"] += 1
        self.stats["log"] = self.stats["log"][-200:] + [f"{name} {kind}".strip()]
        if kind == "half_open":
            await asyncio.Event().wait()
        if kind == "delay":
            await asyncio.sleep(rule["seconds"])
        if kind == "answer":
            async for _ in self.body(reader, headers):
                pass
            code = rule.get("code", "SlowDown")
            text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>made by a test</Message></Error>"
            text = rule.get("body", text)
            await self.answer(writer, rule["status"], b"" if method == "HEAD" else text.encode())
            return True
        if server[0] is None:
            server[:] = await self.connect()
        await self.send(server[1], raw)
        passed = 0
        async for data in self.body(reader, headers):
            if kind == "cut" and passed + len(data) > rule.get("bytes", 0):
                await self.send(server[1], data[: rule.get("bytes", 0) - passed])
                raise Cut
            passed += len(data)
            await self.send(server[1], data)
        if kind == "cut":
            raise Cut
        return await self.give_back(writer, server[0], method, rule)

    async def give_back(self, writer, server_reader, method, rule):
        raw, line, headers = await self.head(server_reader)
        if not line:
            raise Cut
        status = int(line.split(" ")[1])
        silent = rule["kind"] in ("cut_answer", "answer_body")
        if not silent:
            await self.send(writer, raw)
        if method != "HEAD" and status not in (204, 304):
            async for data in self.body(server_reader, headers, until_close=True):
                if not silent:
                    await self.send(writer, data)
        if rule["kind"] == "cut_answer":
            raise Cut
        if rule["kind"] == "answer_body":
            await self.answer(writer, 200, rule["body"].encode())
        return headers.get("connection", "").lower() != "close"

    async def requests(self, reader, writer):
        server = [None, None]
        try:
            while await self.exchange(reader, writer, server):
                pass
        finally:
            if server[1] is not None:
                self.writers.discard(server[1])
                server[1].transport.abort()

    async def client(self, reader, writer):
        self.stats["connections"] += 1
        self.writers.add(writer)
        try:
            if self.refusing:
                raise Cut
            await (self.requests if self.http else self.tcp)(reader, writer)
            writer.close()
        except (Cut, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            reset(writer)
        finally:
            self.writers.discard(writer)


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", type=int, required=True)
    parser.add_argument("--to", required=True)
    parser.add_argument("--control", type=int, required=True)
    parser.add_argument("--http", action="store_true")
    options = parser.parse_args()
    proxy = Proxy(options.to, options.http)
    servers = [
        await asyncio.start_server(proxy.client, "127.0.0.1", options.listen),
        await asyncio.start_server(proxy.control, "127.0.0.1", options.control),
    ]
    print("ready", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
