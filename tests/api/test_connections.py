"""What the client's connections do with servers and proxies that are not as they should be."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from joblog.api.connections import Connections
from joblog.api.refs import LogRef
from joblog.api.writer import Writer
from joblog.errors import Busy, Invalid, Unreachable

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"
LOG = LogRef("lab", 1, 1, "worker-0")


class Peer:
    """Takes connections one after the other: to each request on one it says the next of its answers, and then closes it.

    An answer of no bytes is none: it closes the connection when the request has come.
    """

    def __init__(self, answers: list[list[bytes]]) -> None:
        self.asked = list[list[bytes]]()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, args=(answers,), daemon=True)
        self._thread.start()

    def _serve(self, answers: list[list[bytes]]) -> None:
        for each in answers:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return  # stopped
            self.asked.append([])
            with connection:
                for answer in each:
                    self.asked[-1].append(request_on(connection))
                    connection.sendall(answer)

    def stop(self) -> None:
        with self._listening:
            self._listening.shutdown(socket.SHUT_RDWR)  # which wakes who waits in accept
            self._thread.join()


def request_on(connection: socket.socket) -> bytes:
    """Reads a request with its body: what closes a connection with bytes unread takes back the answer that it gave."""
    request, size = b"", -1
    while not 0 <= size <= len(request) and (more := connection.recv(65536)):
        request += more
        head, end, _ = request.partition(b"\r\n\r\n")
        if end:
            length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
            size = len(head) + len(end) + (int(length[1]) if length else 0)
    return request


Serve = Callable[..., Peer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    peers = list[Peer]()

    def start(*answers: list[bytes]) -> Peer:
        peers.append(Peer(list(answers)))
        return peers[-1]

    yield start
    for peer in peers:
        peer.stop()


def get(connections: Connections, path: str = "/x", method: str = "GET", *, repeatable: bool | None = None) -> bytes:
    answer = connections.send(method, path, None, {}, repeatable=repeatable)
    try:
        return answer.data()
    finally:
        answer.close()


def opened(url: str) -> Connections:
    return Connections(url, connect_s=5, silence_s=5)


def test_connection_serves_again(serve: Serve) -> None:
    """Two calls, one connection."""
    peer = serve([OK, OK])
    connections = opened(peer.url)
    assert (get(connections), get(connections)) == (b"yes", b"yes")
    connections.close()
    assert [len(each) for each in peer.asked] == [2]


def test_connection_is_taken_back_once(serve: Serve) -> None:
    """However often an answer is closed: of two calls at a time each has a connection of its own."""
    peer = serve([OK, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome"], [OK])
    connections = opened(peer.url)
    answer = connections.send("GET", "/x", None, {})
    assert answer.data() == b"yes"
    answer.close()
    answer.close()
    half = connections.send("GET", "/x", None, {})
    assert next(half.stream(100)) == b"some"
    assert get(connections) == b"yes"
    half.close()
    connections.close()
    assert [len(each) for each in peer.asked] == [2, 1]


def test_connection_that_the_server_closed_meanwhile_is_not_used(serve: Serve) -> None:
    """As all servers do after a while; nothing is sent into it."""
    peer = serve([OK], [OK])
    connections = opened(peer.url)
    assert get(connections) == b"yes"
    while len(peer.asked) == 1:  # the peer waits for the second connection as soon as it has closed the first
        assert get(connections) == b"yes"
    connections.close()
    assert [len(each) for each in peer.asked] == [1, 1]


@pytest.mark.parametrize(("method", "repeatable"), [("GET", None), ("PUT", None), ("DELETE", None), ("POST", True)])
def test_repeatable_call_survives_the_death_of_an_idle_connection(serve: Serve, method: str, repeatable: bool | None) -> None:
    """A server that closes one when the next request on it has come already: the call is made again, on a new one."""
    peer = serve([OK, b""], [OK])
    connections = opened(peer.url)
    assert get(connections) == b"yes"
    assert get(connections, "/again", method, repeatable=repeatable) == b"yes"
    connections.close()
    assert [len(each) for each in peer.asked] == [2, 1]
    assert peer.asked[0][1] == peer.asked[1][0]
    assert peer.asked[1][0].startswith(f"{method} /again ".encode())


@pytest.mark.parametrize(
    ("write", "asked"),
    [
        (lambda writer: writer.append(LOG, 7, b"data"), 2),
        (lambda writer: writer.close_log(LOG), 2),
        (lambda writer: writer.report(LOG, "RUNNING"), 2),
        (lambda writer: writer.label_job("lab", 1, {}), 2),
        (lambda writer: writer.run("lab", "train", run_id="1"), 2),
        (lambda writer: writer.run("lab", "train"), 1),
    ],
)
def test_writers_say_which_calls_may_be_made_twice(serve: Serve, write: Callable[[Writer], object], asked: int) -> None:
    """All but the one that makes a version of a new name each time."""
    peer = serve([OK, b""], [b"HTTP/1.1 429 Later\r\nContent-Length: 0\r\n\r\n"])
    with Writer(peer.url, "") as writer:
        assert writer.ask("GET", "/x") == b"yes"
        with pytest.raises(Busy if asked == 2 else Unreachable):
            write(writer)
    assert sum(map(len, peer.asked)) == 1 + asked


@pytest.mark.parametrize(("method", "repeatable"), [("POST", None), ("PATCH", None), ("GET", False)])
def test_call_that_is_not_repeatable_is_made_once(serve: Serve, method: str, repeatable: bool | None) -> None:
    """The server may have done it before the connection died."""
    peer = serve([OK, b""], [OK])
    connections = opened(peer.url)
    assert get(connections) == b"yes"
    with pytest.raises(Unreachable, match="no answer from http"):
        get(connections, "/once", method, repeatable=repeatable)
    assert get(connections) == b"yes"  # on the next one
    connections.close()
    assert [[each.split()[1] for each in asked] for asked in peer.asked] == [[b"/x", b"/once"], [b"/x"]]


def test_call_is_not_made_a_third_time(serve: Serve) -> None:
    """A new connection that dies says that the server is not well."""
    peer = serve([OK, b""], [b""], [OK])
    connections = opened(peer.url)
    assert get(connections) == b"yes"
    with pytest.raises(Unreachable, match="no answer from http"):
        get(connections)
    assert get(connections) == b"yes"
    connections.close()
    assert [len(each) for each in peer.asked] == [2, 1, 1]


@pytest.mark.parametrize("answer", [b"H", b"HTTP/1.1 20", b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\nyes"])
def test_call_whose_answer_has_begun_is_not_made_again(serve: Serve, answer: bytes) -> None:
    """One byte of it shows that the server had taken the call."""
    peer = serve([OK, answer], [OK])
    connections = opened(peer.url)
    assert get(connections) == b"yes"
    with pytest.raises(Unreachable, match="no answer from http"):
        get(connections)
    assert get(connections) == b"yes"
    connections.close()
    assert [len(each) for each in peer.asked] == [2, 1]


def test_call_that_waits_too_long_is_not_made_again(serve: Serve) -> None:
    """On an idle connection as on a new one: the server may be at it still."""
    listening = socket.create_server(("127.0.0.1", 0))
    connections = Connections(f"http://127.0.0.1:{listening.getsockname()[1]}", connect_s=5, silence_s=5)
    with listening, ThreadPoolExecutor(1) as pool:
        first = pool.submit(get, connections)
        connection, _ = listening.accept()
        with connection:
            assert connection.recv(65536)
            connection.sendall(OK)
            assert first.result() == b"yes"
            with pytest.raises(Unreachable, match="timed out") as late:
                connections.send("GET", "/x", None, {}, 0.05)
            assert late.value.late
            listening.setblocking(False)
            with pytest.raises(BlockingIOError):
                listening.accept()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\nyes",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nyes",
    ],
)
def test_body_that_is_cut_off_is_an_error(serve: Serve, answer: bytes) -> None:
    """Read at once or as it comes, what came is given."""
    peer = serve([answer], [answer])
    with pytest.raises(Unreachable, match="no answer from http"):
        get(opened(peer.url))
    streamed, got = opened(peer.url).send("GET", "/x", None, {}), list[bytes]()
    with pytest.raises(Unreachable):
        got.extend(streamed.stream(2))
    streamed.close()
    assert b"".join(got) == b"yes"


@pytest.mark.parametrize("answer", [b"", b"not HTTP\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n"])
def test_answer_that_is_none(serve: Serve, answer: bytes) -> None:
    """Silence, another protocol, a head without an end."""
    peer = serve([answer])
    with pytest.raises(Unreachable, match="no answer from http"):
        get(opened(peer.url))


def test_stream_given_up_half_way_closes_its_connection(serve: Serve) -> None:
    """The next call is not answered by what was left of it."""
    peer = serve([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome"], [OK])
    connections = opened(peer.url)
    streamed = connections.send("GET", "/x", None, {})
    assert next(streamed.stream(100)) == b"some"
    streamed.close()
    assert get(connections) == b"yes"
    connections.close()


def test_silence_is_told_from_absence(serve: Serve) -> None:
    """A server that takes the connection and says nothing is late; nobody there is not."""
    silent = socket.create_server(("127.0.0.1", 0))
    with pytest.raises(Unreachable, match="timed out") as late:
        Connections(f"http://127.0.0.1:{silent.getsockname()[1]}", connect_s=5, silence_s=0.05).send("GET", "/", None, {})
    silent.close()
    with pytest.raises(Unreachable, match="refused") as absent:
        opened("http://127.0.0.1:1").send("GET", "/", None, {})
    assert (late.value.late, absent.value.late) == (True, False)


def test_https_goes_through_a_proxy_s_tunnel(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the proxy's user and password, which the server never sees; what the proxy refuses is said."""
    proxy = serve([b"HTTP/1.1 407 Who are you\r\n\r\n"])
    monkeypatch.setenv("https_proxy", proxy.url.replace("//", "//user:pa%40ss@"))
    with pytest.raises(Unreachable, match="407 Who are you"):
        get(opened("https://logs.invalid/base"))
    (asked,) = proxy.asked[0]
    assert asked.startswith(b"CONNECT logs.invalid:443 ")
    assert b"Proxy-Authorization: Basic dXNlcjpwYUBzcw==" in asked


def test_http_is_asked_of_a_proxy(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the whole address; the environment may leave the proxy's scheme out."""
    proxy = serve([OK])
    monkeypatch.setenv("http_proxy", proxy.url.removeprefix("http://").replace("127", "user:word@127", 1))
    connections = opened("http://logs.invalid:81/base")
    assert get(connections, "/x?y=1") == b"yes"
    connections.close()
    (asked,) = proxy.asked[0]
    assert asked.startswith(b"GET http://logs.invalid:81/base/x?y=1 HTTP/1.1\r\nHost: logs.invalid:81\r\n")
    assert b"Proxy-Authorization: Basic dXNlcjp3b3Jk" in asked


def test_proxy_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than passed by."""
    monkeypatch.setenv("https_proxy", "socks5://127.0.0.1:1")
    with pytest.raises(Invalid, match="https_proxy"):
        opened("https://logs.invalid")


def test_password_in_the_address_is_not_shown() -> None:
    """Errors are read by others."""
    with pytest.raises(Unreachable) as absent:
        opened("http://user:secret@127.0.0.1:1").send("GET", "/", None, {})
    assert "secret" not in str(absent.value)


def test_path_with_characters_that_no_path_has(serve: Serve) -> None:
    """They are escaped: a line's end in a name begins no header."""
    peer = serve([OK])
    connections = opened(peer.url)
    assert get(connections, "/a b\r\nX: y/\u4e2d?q=%20") == b"yes"
    connections.close()
    assert peer.asked[0][0].startswith(b"GET /a%20b%0D%0AX:%20y/%E4%B8%AD?q=%20 HTTP/1.1\r\n")
