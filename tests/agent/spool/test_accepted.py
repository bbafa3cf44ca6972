"""What shippers of logs are expected to get right: each a promise that one of them has broken for somebody."""

from __future__ import annotations

import fcntl
import os
import pty
import resource
import shutil
import ssl
import struct
import subprocess
import sys
import termios
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.agent.harness import Agent, FlakyServer
from tests.agent.run.test_kill import DEADLINE_S
from tests.children import Child

PRINT = "import sys; sys.stdout.buffer.write({!r})"


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(b"\xff", id="one bad byte"),
        pytest.param("\u4e2d".encode() * 3000 + b"\n", id="a long line of three-byte characters"),
        pytest.param(b"x" * 300_000 + b"\n", id="a long ASCII line"),
        pytest.param(b"10%\r20%\r100%\r\n", id="carriage returns"),
        pytest.param(b"unix\ndos\r\nmac\rnone", id="line endings"),
        pytest.param(b"NUL \0 ESC \x1b[0m\n", id="controls"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"".join(b"\r%3d%%|%s|" % (n % 100, b"#" * (n % 40)) for n in range(100_000)), id="tqdm"),
    ],
)
def test_bytes_arrive_as_they_are(joblog: Agent, tmp_path: Path, words: bytes) -> None:
    """On stdout and on the server, and the log is complete."""
    file = tmp_path / "words"
    file.write_bytes(words)
    ran = joblog.run(joblog.job("cat", str(file), options=("--job", "words")))
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, words, b"")
    assert joblog.run(joblog.command("cat", "words")).stdout == words
    assert b"complete" in joblog.said("logs", "words")


@pytest.mark.slow  # 64 MiB, there and back
def test_64_mib_without_a_newline(joblog: Agent) -> None:
    """It is a line like any other."""
    ran = joblog.run(joblog.job("sh", "-c", "head -c 67108864 /dev/zero | tr '\\0' x", options=("--job", "long")))
    assert ran.stdout == joblog.said("cat", "long") == b"x" * (64 << 20)


def test_wait_is_honoured_when_the_server_refuses(agent: Agent) -> None:
    """A server that answers 503 to everything holds the end of the job up for as long as --wait says, and not for ever."""
    server = FlakyServer(dict.fromkeys(range(1, 1000), "busy"))
    agent.environ["JOBLOG_URL"] = server.url
    begun_s = time.monotonic()
    ran = agent.run(agent.job("sh", "-c", "echo out; exit 6", options=("--wait", "0.5")))
    took_s = time.monotonic() - begun_s
    server.stop()
    assert (ran.returncode, ran.stdout, agent.spooled()) == (6, b"out\n", b"out\n")
    assert 0.5 < took_s < DEADLINE_S


def test_server_that_hangs_holds_nobody_up(agent: Agent) -> None:
    """It takes connections and never answers: the same."""
    server = FlakyServer(dict.fromkeys(range(1, 1000), "hangs"))
    agent.environ["JOBLOG_URL"] = server.url
    begun_s = time.monotonic()
    ran = agent.run(agent.job("sh", "-c", "echo out; exit 6", options=("--wait", "0.5")))
    took_s = time.monotonic() - begun_s
    server.stop()
    assert (ran.returncode, ran.stdout, agent.spooled()) == (6, b"out\n", b"out\n")
    assert took_s < DEADLINE_S


def test_end_of_output_after_a_kill(agent: Agent) -> None:
    """What was written before a SIGKILL is all there."""
    ran = agent.run(agent.job("sh", "-c", "echo words; echo more >&2; kill -KILL $$"))
    assert (ran.returncode, ran.stdout) == (137, b"words\n")
    assert sorted(agent.spooled().split()) == [b"more", b"words"]


def test_start_costs_little(agent: Agent) -> None:
    """A run of true takes the processor no longer than twelve starts of the interpreter, the best of a few of each."""

    def processor_s(command: list[str]) -> float:
        begun, least_s = 0.0, 9.0
        for _ in range(8):
            assert agent.run(command).returncode == 0
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            took_s, begun = used.ru_utime + used.ru_stime - begun, used.ru_utime + used.ru_stime
            least_s = min(least_s, took_s)
        return least_s

    assert processor_s(agent.job("true")) < 12 * processor_s([sys.executable, "-c", "pass"])


def test_terminal_of_the_right_size(agent: Agent) -> None:
    """With --tty the job writes to a terminal, of the size of joblog's own; not a byte is changed."""
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 111, 0, 0))
    program = (
        "import os, signal, sys\n"
        "show = lambda *_: os.write(2, b'%d %d\\n' % os.get_terminal_size(1))\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGWINCH})\n"
        "show()\n"
        "print(sys.stdout.isatty(), sys.stderr.isatty())\n"
        "signal.sigwait({signal.SIGWINCH})\n"
        "show()"
    )
    job = Child(
        agent.python(program, options=("--wait", "0", "--tty")), env=agent.environ, stdin=inner, stdout=inner, stderr=inner
    )
    seen = b""
    while b"True\r\n" not in seen:
        seen += os.read(outer, 1000)
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 60, 0, 0))
    job.send_signal(28)  # as the terminal does to whoever has it as its own
    assert job.wait(120) == 0
    os.close(inner)
    os.close(outer)
    assert agent.spooled() == b"111 33\nTrue True\n60 20\n"


def test_what_a_terminal_of_this_height_shows(joblog: Agent) -> None:
    """With --tty the terminal's view counts rows from the top of the job's own terminal, and goes on doing so."""
    program = "print(*range(30), sep='\\n'); print('\\x1b[Htop\\x1b[12;1H')"
    for rows, changed in (("12", 19), ("20", 11)):
        job = joblog.python(program, options=("--wait", "60", "--tty", "--job", f"high-{rows}"))
        assert subprocess.run(job, env=joblog.environ | {"LINES": rows}, stdin=subprocess.DEVNULL, timeout=120).returncode == 0
        lines = joblog.said("cat", "--plain", f"high-{rows}").decode().split()
        assert lines.index("top") == changed


@pytest.mark.long  # 64 agents on a machine with few processors
def test_64_ranks_meet_in_one_version(joblog: Agent) -> None:
    """Started at once, as Slurm does, with nothing but Slurm's own variables."""
    slurm = joblog.environ | {"SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "big", "SLURM_STEP_ID": "0"}
    ranks = [
        Child(
            joblog.job("sh", "-c", "echo rank $SLURM_PROCID", options=("--wait", "60")),
            env=slurm | {"SLURM_PROCID": str(rank)},
            stdout=subprocess.DEVNULL,
        )
        for rank in range(64)
    ]
    assert [rank.wait(240) for rank in ranks] == [0] * 64
    logs = joblog.said("logs", "big").splitlines()[1:]
    assert [line.split()[0] for line in logs] == [b"big/V0001/worker-%d" % rank for rank in range(64)]
    assert all(b"complete" in line for line in logs)
    assert joblog.said("cat", "big/V0001/worker-63") == b"rank 63\n"


def test_restarted_run_is_a_new_version(joblog: Agent) -> None:
    """The same run id again: an attempt of the same job, all ranks of which meet."""
    for attempt in ("first", "second"):
        for worker in ("worker-0", "worker-1"):
            options = ("--job", "again", "--run-id", "exp-1", "--task", worker)
            assert joblog.run(joblog.job("echo", attempt, options=options)).returncode == 0
    assert joblog.said("cat", "again/V0001/worker-1") == b"first\n"
    assert joblog.said("cat", "again/V0002/worker-0") == joblog.said("cat", "again/V0002/worker-1") == b"second\n"


class Web:
    """A web server that answers every GET with an empty list, and notes what it was asked for."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.asked = asked = list[str]()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b'{"items": [], "next": null}')

            def log_message(self, format: str, *values: object) -> None:
                """Keeps quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def test_proxy_of_the_environment(agent: Agent) -> None:
    """http_proxy is used, except for hosts in no_proxy, and for this machine."""
    proxy = Web()
    agent.environ |= {"http_proxy": f"http://127.0.0.1:{proxy.port}", "JOBLOG_URL": "http://logs.invalid"}
    assert agent.run(agent.command("project", "list")).returncode == 0
    assert [asked.partition("?")[0] for asked in proxy.asked] == ["http://logs.invalid/api/projects"]
    agent.environ["no_proxy"] = ".invalid"
    assert agent.run(agent.command("project", "list")).returncode == 2
    agent.environ |= {"no_proxy": "", "JOBLOG_URL": "http://127.0.0.1:1"}
    assert agent.run(agent.command("project", "list")).returncode == 2
    proxy.stop()
    assert len(proxy.asked) == 1


def test_custom_certificate_authority(agent: Agent, tmp_path: Path) -> None:
    """SSL_CERT_FILE names it; without it the server is not trusted."""
    if not shutil.which("openssl"):
        pytest.skip("openssl makes the certificate, and is not here")
    file = tmp_path / "both.pem"
    words = (
        f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=x -addext subjectAltName=IP:127.0.0.1 -keyout {file} -out"
    )
    subprocess.run([*words.split(), str(tmp_path / "ca.pem")], check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + (tmp_path / "ca.pem").read_bytes())
    web = Web(file)
    agent.environ |= {"JOBLOG_URL": f"https://127.0.0.1:{web.port}"}
    distrusted = agent.run(agent.command("project", "list"))
    agent.environ["SSL_CERT_FILE"] = str(tmp_path / "ca.pem")
    trusted = agent.run(agent.command("project", "list"))
    web.stop()
    assert (distrusted.returncode, trusted.returncode, len(web.asked)) == (2, 0, 1)
