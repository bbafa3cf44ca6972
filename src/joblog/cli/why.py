"""``joblog why``: what a run died of, with the lines that say so."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from joblog.cli.common import connected, latest_version, show_json, shown_time
from joblog.views.ranks import parse_ranks
from joblog.views.values import Digest, Ended, Failed, Where


def why(args: argparse.Namespace) -> int:
    """Writes the digest of a version."""
    parse_ranks(args.rank, "--rank")
    client, project_id = connected(args)
    with client:
        version = latest_version(client, project_id, args.job)
        found = client.why(
            project_id, version.job_id, version.id,
            ranks=args.rank, max_bytes=args.max_bytes, max_tokens=args.max_tokens, silent_s=args.silent,
        )  # fmt: skip
    if args.json:
        show_json([found])
    else:
        sys.stdout.write("".join(f"{line}\n" for line in _lines(found)))
    return 0


def _lines(found: Digest) -> Iterator[str]:
    yield found.verdict
    if found.first is not None:
        yield ""
        yield from _failed(found.first)
    others = [each for each in found.failures if each != found.first]
    if others:
        yield ""
        yield "Other failures:" if found.first is not None else "Failures that came before more output:"
        for each in others:
            yield f"  {_ranks(each)}: {each.kind}: {each.summary}  [{_where(each.where)}]"
    yield ""
    yield "How the ranks ended:"
    for end in found.endings:
        yield f"  {_ranks(end)}: {end.how}  [{_where(end.where)}]"
        yield from (f"    | {line}" for line in end.lines)
    if found.unread_bytes:
        yield ""
        yield f"Read were the last {found.read_bytes} bytes; {found.unread_bytes} bytes before them were not."


def _failed(failed: Failed) -> Iterator[str]:
    yield f"{_ranks(failed)}, {shown_time(failed.at_ms)}  [{_where(failed.where)}]"
    yield from (f"  | {line}" for line in failed.text)


def _ranks(each: Failed | Ended) -> str:
    return f"rank {each.ranks}" if each.count == 1 else f"{each.count} ranks ({each.ranks})"


def _where(where: Where) -> str:
    return f"{where.task}, lines {where.start_line}-{where.end_line}"
