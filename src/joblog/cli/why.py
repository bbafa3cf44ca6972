"""``joblog why``: what a run died of, with the lines that say so."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from joblog.cli.common import connected, latest_version, show_json, shown_time
from joblog.views.ranks import parse_ranks
from joblog.views.values import Again, Digest, Ended, Failed, Where


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
    alone = sum(end.count for end in found.endings) == 1  # of one process: no ranks, and its last lines are the traceback's
    yield found.verdict
    if found.first is not None:
        yield ""
        yield from _failed(found.first, alone=alone)
    yield from _others(found, alone=alone)
    yield from (f"The same failure: {_again(each)}" for each in found.again)
    if not alone or found.first is None:
        yield ""
        yield "Its last lines:" if alone else "How the ranks ended:"
        for end in found.endings:
            if not alone:
                yield f"  {_ranks(end)}: {end.how}  [{_where(end.where)}]"
            yield from (f"    | {line}" for line in _last(end, found.first))
    if found.unread_bytes:
        yield ""
        yield f"{found.unread_bytes} of {found.read_bytes + found.unread_bytes} bytes were not read yet; ask again."


def _others(found: Digest, *, alone: bool) -> Iterator[str]:
    others = [each for each in found.failures if each != found.first]
    if others:
        yield ""
        yield "Other failures:" if found.first is not None else "Failures that came before more output:"
        for each in others:
            who = "" if _unnamed(each, alone=alone) else f"{_ranks(each)}: "
            yield f"  {who}{each.kind}: {each.summary}  [{_where(each.where)}]"


def _failed(failed: Failed, *, alone: bool) -> Iterator[str]:
    who = "" if _unnamed(failed, alone=alone) else f"{_ranks(failed)}, "
    yield f"{who}{shown_time(failed.at_ms)}  [{_where(failed.where)}]"
    yield from (f"  | {line}" for line in failed.text)


def _last(end: Ended, first: Failed | None) -> list[str]:
    """Returns last lines, but for those that were shown as the failure."""
    if first is None or end.where.task != first.where.task:
        return end.lines
    return end.lines[-max(end.where.end_line - first.where.end_line, 0) :] if end.where.end_line > first.where.end_line else []


def _unnamed(failed: Failed, *, alone: bool) -> bool:
    return alone and failed.ranks == failed.where.task.rpartition("-")[2]


def _ranks(each: Failed | Ended) -> str:
    return f"rank {each.ranks}" if each.count == 1 else f"{each.count} ranks ({each.ranks})"


def _again(each: Again) -> str:
    return f"{each.version} [{_where(each.where)}]"


def _where(where: Where) -> str:
    return f"{where.task}, lines {where.start_line}-{where.end_line}"
