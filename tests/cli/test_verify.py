"""``joblog verify``: what it proves, and what it finds."""

from __future__ import annotations

import json
import re
import zlib
from pathlib import Path

from joblog.client import Client, Gap
from tests.agent.harness import Agent
from tests.conftest import start_server

CRC32 = zlib.crc32(b"one\n")
CONTENT = b"".join(b"step %d\n" % number for number in range(50_000)) + b"no newline"


def refuted(joblog: Agent, *arguments: str) -> str:
    status, out, err = joblog._main(("verify", *arguments))
    assert (status, err) == (1, b"")
    return out.decode()


def test_complete_log(joblog: Agent) -> None:
    """What a job printed is counted, summed, read back; by any name, and as JSON."""
    program = r"print(*(f'step {n}\n' for n in range(50_000)), sep='', end='no newline')"
    assert joblog.run(joblog.python(program, ("--job", "proved"))).returncode == 0
    crc32 = f"{zlib.crc32(CONTENT):08x}"
    told = joblog.said("verify", "proved").decode().splitlines()
    assert told[:4] == [
        "proved/V0001/worker-0: complete",
        f"  bytes     {len(CONTENT)}; the writer counted {len(CONTENT)}; {len(CONTENT)} read back",
        f"  CRC-32    {crc32}; the writer's {crc32}; read back {crc32}",
        "  lines     50000",
    ]
    assert told[4] == "  gaps      none"
    assert re.fullmatch(r"  segments  \d+, \d+ bytes; \d+ bytes not sealed yet", told[5])
    assert joblog.said("verify", "proved", "--version", "1", "--task", "worker-0").decode().splitlines()[:4] == told[:4]
    found = json.loads(joblog.said("verify", "proved/V0001/worker-0", "--json"))
    assert (found["complete"], found["problems"], found["read_bytes"]) == (True, [], len(CONTENT))
    assert found["proof"]["claimed_crc32"] == zlib.crc32(CONTENT)


def test_gap_and_what_is_not_said(joblog: Agent) -> None:
    """An open log, one that was closed without figures, one with a gap, one with other figures; the rest is still shown."""
    with Client(joblog.environ["JOBLOG_URL"], joblog.environ["JOBLOG_TOKEN"]) as client:
        project = joblog.environ["JOBLOG_PROJECT"]
        refs = [client.run(project, "gaps", run_id="r", task=f"worker-{n}").log.ref for n in range(4)]
        for ref in refs:
            client.append(ref, 0, b"one\n")
        client.close_log(refs[1])
        client.close_log(refs[2], end_byte=4, crc32=zlib.crc32(b"one\n"), gaps=[Gap(4, 9, "spool full")])
        client.close_log(refs[3], end_byte=4, crc32=7)
    told = refuted(joblog, "gaps")
    assert re.findall(r"^  problem   (.*)$", told, re.MULTILINE) == [
        "it is not closed: more may come",
        "its writer has not said how much it wrote",
        "its writer has not said how much it wrote",
        "9 bytes are not in it at byte 4: spool full",
        f"its writer counted 4 bytes with CRC-32 00000007, the server has 4 with {CRC32:08x}",
    ]
    assert told.count("NOT PROVED COMPLETE") == 4
    assert refuted(joblog, "gaps", "--task", "worker-2").splitlines()[4] == "  gaps      9 bytes (spool full)"


def test_corrupted_object(agent: Agent, tmp_path: Path) -> None:
    """One that changed on the disk is found, also while the server has the bytes in memory."""
    server = start_server(tmp_path / "data", seal_quiet_s=0, janitor_s=0.05, merge_calm_s=3600)
    agent.environ |= {"JOBLOG_URL": server.url, "JOBLOG_TOKEN": server.token}
    file = tmp_path / "sealed.log"
    file.write_bytes(CONTENT)
    agent.said("import", str(file))
    while b" 0 bytes not sealed yet" not in agent.said("verify", "sealed"):
        pass
    assert agent.said("cat", "sealed") == CONTENT
    objects = list((server.data / "objects").rglob("*.zst"))
    for path in objects:
        stored = bytearray(path.read_bytes())
        stored[len(stored) // 3] ^= 0xFF
        path.write_bytes(stored)
    told = refuted(agent, "sealed")
    assert re.search(r"^  problem   it cannot be read behind byte \d+: ", told, re.MULTILINE)
    for path in objects:
        path.unlink()
    assert "  problem   it cannot be read behind byte 0: " in refuted(agent, "sealed")
    assert server.stop() == 0


def test_names_that_do_not_go_together(joblog: Agent) -> None:
    """In one line."""
    assert "absent where LOG names a rank" in joblog.refused("verify", "a/V0001/worker-0", "--rank", "1")
    assert "absent where LOG names a run" in joblog.refused("verify", "a/V0001", "--run", "2")
    assert "there is no job 'nowhere'" in joblog.refused("verify", "nowhere")
    assert "--rank must be 0 to 999999" in joblog.refused("verify", "a", "--rank", "x")
