"""``joblog verify``: the proof that logs are complete."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator

from joblog.api.refs import LogRef
from joblog.cli.common import connected
from joblog.cli.names import checked_task
from joblog.client import Client, Verified
from joblog.client.links import is_link
from joblog.client.names import find_log, find_version, names_rank
from joblog.client.verifying import verified
from joblog.errors import Invalid, NotFound


def verify(args: argparse.Namespace) -> int:
    """Writes the proof of each log; returns 1 when one is not complete."""
    client, project_id = connected(args)
    incomplete = 0
    with client:
        for name, ref in _logs(client, project_id, args):
            verified_log = verified(client, ref)
            incomplete += not verified_log.complete
            if args.json:
                sys.stdout.write(json.dumps(_row(verified_log)) + "\n")
            else:
                sys.stdout.write("".join(f"{line}\n" for line in _summary(name, verified_log)))
            sys.stdout.flush()
    return 1 if incomplete else 0


def _logs(client: Client, project_id: str, args: argparse.Namespace) -> Iterator[tuple[str, LogRef]]:
    """Yields what is asked for, with a name for people."""
    name = args.log
    task = None if args.task is None else checked_task(args.task)
    if names_rank(client, name):
        if args.task or args.version:
            raise Invalid("--run and --rank", "absent where LOG names a rank")
        ref = find_log(client, project_id, name).ref
        yield name, ref
        return
    if args.version is not None:
        if is_link(name) or "/" in name:
            raise Invalid("--run", "absent where LOG names a run")
        name = f"{name}/{args.version}"
    version = find_version(client, project_id, name)
    refs = [log.ref for log in client.logs(project_id, version.job_id, version.id) if task in (None, log.task)]
    if not refs:
        raise NotFound("log", task or name)
    job = client.job(project_id, version.job_id).name
    yield from ((f"{job}/{version.name}/{ref.task}", ref) for ref in refs)


def _row(log: Verified) -> dict[str, object]:
    gaps = [(each.at_byte, each.size_bytes, each.reason) for each in log.gaps]
    return {**vars(log), "proof": vars(log.proof), "gaps": gaps, "complete": log.complete}


def _summary(name: str, log: Verified) -> Iterator[str]:
    proof = log.proof
    yield f"{name}: {'complete' if log.complete else 'NOT PROVED COMPLETE'}"
    claimed = _or_nothing(proof.claimed_bytes, "d")
    yield f"  bytes     {proof.end_byte}; the writer counted {claimed}; {log.read_bytes} read back"
    crc32 = f"{proof.crc32:08x}; the writer's {_or_nothing(proof.claimed_crc32, '08x')}; read back {log.read_crc32:08x}"
    yield f"  CRC-32    {crc32}"
    yield f"  lines     {log.lines}"
    yield f"  gaps      {', '.join(f'{each.size_bytes} bytes ({each.reason})' for each in log.gaps) or 'none'}"
    tail = f"{proof.end_byte - proof.sealed_byte} bytes not sealed yet"
    yield f"  segments  {proof.segments}, {proof.object_bytes} bytes; {tail}"
    yield from (f"  problem   {each}" for each in log.problems)


def _or_nothing(number: int | None, form: str) -> str:
    return "nothing" if number is None else format(number, form)
