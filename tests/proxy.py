"""A network that does not hold: connections to a real server, cut."""

from __future__ import annotations

import random
import selectors
import socket
import threading


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
            ready = [key.fileobj for key, _ in waiting.select()]
            if self._stopped in ready:
                return
            for one in ready:
                data = one.recv(min(left_bytes, 65536))
                if not data:
                    return
                left_bytes -= len(data)
                others[one].sendall(data)
        self.cuts += 1
