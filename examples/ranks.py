"""Four ranks that average their gradients after each step, over TCP, as data-parallel training does; one dies of its data.

Nothing but the standard library, and nothing that knows of joblog. Rank 0 adds up what the others send. A record of rank 2 has
a label that there is not: it ends there, with a traceback, and the others a moment later, since it is gone.

    for rank in 0 1 2 3; do RANK=$rank WORLD_SIZE=4 joblog run --job crash --run-id night -- python examples/ranks.py & done
"""

from __future__ import annotations

import errno
import math
import os
import socket
import struct
import time

CLASSES, BATCH, STEPS, BROKEN_STEP = 10, 32, 60, 37
RANK, WORLD = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
ADDRESS = ("127.0.0.1", int(os.environ.get("MASTER_PORT", "29533")))
_NUMBER = struct.Struct("<d")


def batch(step: int) -> list[int]:
    """Reads the labels of this rank's shard; one of rank 2's was written wrong."""
    labels = [(7 * step + 3 * place + RANK) % CLASSES for place in range(BATCH)]
    if RANK == 2 and step == BROKEN_STEP:
        labels[17] = 11
    for place, label in enumerate(labels):
        if not 0 <= label < CLASSES:
            record = (step - 1) * BATCH + place
            raise ValueError(f"record {record}: no such label: {label}")
    return labels


def received(peer: socket.socket) -> float:
    data = peer.recv(_NUMBER.size, socket.MSG_WAITALL)
    if len(data) < _NUMBER.size:
        raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
    return float(_NUMBER.unpack(data)[0])


def group() -> list[socket.socket]:
    """Returns the connections to the others: rank 0's to all, everybody else's to rank 0."""
    if RANK == 0:
        server = socket.create_server(ADDRESS)
        peers = [server.accept()[0] for _ in range(WORLD - 1)]
        server.close()
        ranks = [int(received(peer)) for peer in peers]
        return [peer for _, peer in sorted(zip(ranks, peers, strict=True))]
    for _ in range(600):
        try:
            peer = socket.create_connection(ADDRESS)
        except ConnectionRefusedError:
            time.sleep(0.05)
            continue
        peer.sendall(_NUMBER.pack(RANK))
        return [peer]
    raise TimeoutError("rank 0 is not there")


def averaged(peers: list[socket.socket], number: float) -> float:
    if RANK == 0:
        mean = (number + sum(map(received, peers))) / WORLD
        for peer in peers:
            peer.sendall(_NUMBER.pack(mean))
        return mean
    peers[0].sendall(_NUMBER.pack(number))
    return received(peers[0])


def main() -> None:
    peers = group()
    print(f"rank {RANK} of {WORLD}: {STEPS} steps of {BATCH} records, shard-{RANK:05d}.bin", flush=True)
    for step in range(1, STEPS + 1):
        labels = batch(step)
        time.sleep(0.02)
        own_loss = 2.3 * math.exp(-step / 25) + sum(labels) / BATCH / 100 + math.sin(13 * step + RANK) / 50
        loss = averaged(peers, own_loss)
        if step % 5 == 0:
            print(f"step={step} loss={loss:.4f}", flush=True)
    print("done", flush=True)


if __name__ == "__main__":
    main()
