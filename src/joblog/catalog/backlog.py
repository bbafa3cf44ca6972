"""What those who watch the server ask the catalog: how much is not sealed yet, since when, how many agents are at work."""

from __future__ import annotations

from msgspec import Struct, structs

from joblog.catalog.database import Database


class Facts(Struct, frozen=True):
    """How the catalog is; ages are in milliseconds, 0 where there is nothing of the kind."""

    tail_logs: int
    tail_bytes: int
    seal_due_logs: int
    sealing_lag_ms: int
    agents: int
    oldest_heartbeat_ms: int
    newest_heartbeat_ms: int


class SealDue(Struct, frozen=True):
    """When tails are due to be sealed: large ones, quiet ones, and closed ones, of which small logs wait for others."""

    seal_bytes: int
    quiet_for_ms: int
    pack_bytes: int
    pack_after_ms: int


def facts(database: Database, now_ms: int, due_when: SealDue) -> Facts:
    """Asks the catalog; blocks, and raises Unavailable."""
    tails = database.rows("facts_tails")[0]
    quiet_ms, packed_ms = now_ms - due_when.quiet_for_ms, now_ms - due_when.pack_after_ms
    due = database.rows("facts_seal_due", quiet_ms=quiet_ms, packed_ms=packed_ms, **structs.asdict(due_when))[0]
    agents = database.rows("facts_agents")[0]

    def age_ms(since_ms: int | None) -> int:
        return 0 if since_ms is None else max(now_ms - since_ms, 0)

    counts = int(tails[0]), int(tails[1]), int(due[0])
    return Facts(*counts, age_ms(due[1]), int(agents[0]), age_ms(agents[1]), age_ms(agents[2]))
