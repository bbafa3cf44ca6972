"""A network that does not hold: connections to a real server, cut."""

from __future__ import annotations

import asyncio
import random
import selectors
import socket
import threading
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit


class CuttingProxy:
    """Passes connections on to a server, one by one, and cuts each after a random number of bytes, in whichever direction."""

    def __init__(self, url: str, seed: int, most_bytes: int) -> None:
        self._random, self._most_bytes = random.Random(seed), most_bytes
        self.aim(url)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.cuts = 0
        self._stopped, self._stopping = socket.socketpair()
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def aim(self, url: str) -> None:
        """Names the server of the connections to come."""
        host, _, port = url.rpartition("/")[2].partition(":")
        self._target = (host, int(port))

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._stopping.close()
        self._thread.join()
        self._listener.close()
        self._stopped.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                with client, socket.create_connection(self._target) as server:
                    self._pass_on(client, server, self._random.randrange(self._most_bytes))
            except OSError:
                pass  # There is no server just now, or one of the two has hung up.

    def _pass_on(self, client: socket.socket, server: socket.socket, left_bytes: int) -> None:
        others = {client: server, server: client}
        waiting = selectors.DefaultSelector()  # select cannot be asked about descriptors from 1024 on
        for each in (*others, self._stopped):
            waiting.register(each, selectors.EVENT_READ)
        while left_bytes > 0:
            ready = {key.fileobj for key, _ in waiting.select()}
            if self._stopped in ready:
                return
            for one in others.keys() & ready:
                data = one.recv(min(left_bytes, 65536))
                if not data:
                    return
                left_bytes -= len(data)
                others[one].sendall(data)
        self.cuts += 1


class Request(NamedTuple):
    """What was asked over a wire: the method, the path with its query, the headers by their names in lower case."""

    method: str
    target: str
    headers: dict[str, str]


class Wire:
    """The way to a server, for any number of connections: stops passing bytes, loses answers, counts and records requests."""

    def __init__(self, url: str, *, recording: bool = False) -> None:
        """``url`` names the server by its host and port, whatever the scheme is; ``recording`` keeps all that is sent to it."""
        self._recorded: list[bytearray] | None = [] if recording else None
        self.aim(url)
        self._loop = asyncio.new_event_loop()
        self._passing = asyncio.Event()
        self._passing.set()
        self._connections: set[asyncio.Task[None]] = set()
        self._lose = 0
        self.gets = 0
        self.lost = 0
        self.round_trips = 0
        """The times that a client has spoken after the server had."""
        self._server = self._loop.run_until_complete(asyncio.start_server(self._connected, "127.0.0.1", 0, limit=2**16))
        self.port = int(self._server.sockets[0].getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def aim(self, url: str) -> None:
        """Names the server of the connections to come."""
        parts = urlsplit(url)
        assert parts.hostname
        assert parts.port
        self._target = (parts.hostname, parts.port)

    def stall(self) -> None:
        """Passes nothing on any more, either way; connections stay, and new ones are taken: nobody is told."""
        self._loop.call_soon_threadsafe(self._passing.clear)

    def mend(self) -> None:
        """Passes on all that has come meanwhile, and what comes."""
        self._loop.call_soon_threadsafe(self._passing.set)

    def cut(self) -> None:
        """Ends the connections that there are."""
        self._loop.call_soon_threadsafe(self._cancel)

    def lose(self, answers: int) -> None:
        """Passes requests on, and cuts the connections over which the next ``answers`` answers come."""
        self._lose = answers

    @property
    def connections(self) -> int:
        """How many there are now."""
        return len(self._connections)

    def stop(self) -> None:
        """Cuts every connection and ends."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        self._cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _cancel(self) -> None:
        for task in self._connections:
            task.cancel()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        writers = [writer]
        try:
            await self._passing.wait()
            server_reader, server_writer = await asyncio.open_connection(*self._target)
            writers.append(server_writer)
            async with asyncio.TaskGroup() as both:
                answered = asyncio.Event()
                both.create_task(self._pass_on(reader, server_writer, answered, answers=False))
                both.create_task(self._pass_on(server_reader, writer, answered, answers=True))
        except* (OSError, _Cut, asyncio.CancelledError):
            pass  # There is no server just now, one of the two has hung up, or the connection was cut.
        finally:
            for each in writers:
                each.transport.abort()
            self._connections.discard(task)

    @property
    def sent(self) -> list[bytes]:
        """What clients have sent, connection by connection."""
        return [bytes(sent) for sent in self._recorded or []]

    def requests(self) -> list[Request]:
        """Returns what was asked, connection by connection, of a server that speaks HTTP; bodies have their lengths told."""
        return [request for sent in self.sent for request in _requests(sent)]

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answered: asyncio.Event, *, answers: bool
    ) -> None:
        sent = bytearray()
        if self._recorded is not None and not answers:
            self._recorded.append(sent)
        while data := await reader.read(2**16):
            await self._passing.wait()
            if answers and self._lose:
                self._lose -= 1
                self.lost += 1
                raise _Cut
            if answers:
                answered.set()
            else:
                self.round_trips += answered.is_set()
                answered.clear()
                self.gets += data.count(b"GET /")
                sent += data if self._recorded is not None else b""
            writer.write(data)
            await writer.drain()
        raise _Cut


def _requests(sent: bytes) -> Iterator[Request]:
    while sent:
        head, _, rest = sent.partition(b"\r\n\r\n")
        line, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = line.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
        yield Request(method, target, headers)
        sent = rest[int(headers.get("content-length", "0")) :]


class _Cut(Exception):
    """The connection ends here."""
