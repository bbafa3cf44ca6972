"""Request bodies: read within their limit, decompressed within their limit, whole or not at all."""

from __future__ import annotations

import asyncio
import io
import zlib
from collections.abc import Mapping

import zstandard
from litestar.types import Message, Receive, ReceiveMessage, Send

from joblog.errors import Invalid, Missing, TooLarge
from joblog.lines import Bytes
from joblog.server.silence import Silence

# Decompressing less than this takes less time than handing it to a thread.
_INLINE_BYTES = 64 * 1024

# Of a body that nobody wants, so much is read and thrown away before the answer is sent; see Incoming.
_UNWANTED_BYTES = 64 * 1024 * 1024


class Incoming:
    """A request's body on its way in: whole, or an error; and read to its end before the answer is sent.

    A server that answers and hangs up while its client is still sending resets the connection, and the client may never
    see the answer: to it the server is away, where its token was wrong.
    """

    def __init__(self, receive: Receive, silence: Silence) -> None:
        self._receive = receive
        self._silence = silence
        self._ended = False

    async def receive(self) -> ReceiveMessage:
        """Passes on what comes; raises Invalid when the client hangs up half-way, or stands still: bodies keep room."""
        if self._ended:
            return await self._receive()  # which tells a stream that its client has gone, whenever that is
        try:
            message = await self._silence.bounded(self._receive())
        except TimeoutError as error:
            self._ended = True
            raise Invalid("body", f"sent without pauses of more than {self._silence.seconds:g} s") from error
        if message["type"] == "http.disconnect":
            was_ended, self._ended = self._ended, True
            if not was_ended:
                raise Invalid("body", "sent to its end")
        elif message["type"] == "http.request":
            self._ended = not message.get("more_body", False)
        return message

    def before(self, send: Send) -> Send:
        """Returns a ``send`` that first takes in what is left of the body."""

        async def after_body(message: Message) -> None:
            if not self._ended:
                await self._discard()
            await send(message)

        return after_body

    async def _discard(self) -> None:
        left = _UNWANTED_BYTES
        while not self._ended and left > 0:
            try:
                message = await self.receive()
            except Invalid:
                break
            left -= len(message.get("body", b"")) if message["type"] == "http.request" else 0
        self._ended = True


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], limit_bytes: int) -> Bytes:
    """Returns a body as it was before its Content-Encoding, which may be gzip, zstd or none.

    Raises TooLarge before more than the limit is in memory, Invalid for a broken body and for one that was cut off, Missing
    for an empty one.
    """
    announced = headers.get(b"content-length", b"").decode("latin-1")
    if announced.isdigit() and int(announced[:20]) > limit_bytes:
        raise TooLarge("the body", limit_bytes)
    sent: Bytes = b""
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Invalid("body", "sent to its end")
        part, more = message.get("body", b""), message.get("more_body", False)
        if len(sent) + len(part) > limit_bytes:
            raise TooLarge("the body", limit_bytes)
        if not sent:
            sent = part
        elif isinstance(sent, bytearray):
            sent += part
        else:
            sent = bytearray(sent) + part
    if announced.isdigit() and len(sent) != int(announced[:20]):
        raise Invalid("body", f"as long as its Content-Length, {announced[:20]}", len(sent))
    data = await decoded(sent, headers.get(b"content-encoding", b"").decode("latin-1"), limit_bytes)
    if not data:
        raise Missing("body", f"1 to {limit_bytes} bytes")
    return data


async def decoded(sent: Bytes, encoding: str, limit_bytes: int) -> Bytes:
    """Returns a body as it was before its Content-Encoding; raises as ``read_body`` does."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return sent
    decoders = {"gzip": _gunzipped, "zstd": _unzstd}
    if encoding not in decoders:
        raise Invalid("Content-Encoding", "gzip, zstd or absent", encoding)
    if len(sent) <= _INLINE_BYTES:
        data = decoders[encoding](sent, limit_bytes)
    else:
        data = await asyncio.to_thread(decoders[encoding], sent, limit_bytes)
    if len(data) > limit_bytes:
        raise TooLarge("the decompressed body", limit_bytes)
    return data


def _gunzipped(sent: Bytes, limit_bytes: int) -> bytes:
    """Decompresses at most one byte more than the limit."""
    data = bytearray()
    while sent:
        decoder = zlib.decompressobj(wbits=31)
        try:
            data += decoder.decompress(sent, limit_bytes + 1 - len(data))
        except zlib.error as error:
            raise Invalid("body", "valid gzip, as its Content-Encoding says") from error
        if len(data) > limit_bytes:
            break
        if not decoder.eof:
            raise Invalid("body", "valid gzip to its end, as its Content-Encoding says")
        sent = decoder.unused_data
    return bytes(data)


def _unzstd(sent: Bytes, limit_bytes: int) -> bytes:
    """Decompresses at most one byte more than the limit; a large window costs no more memory than that."""
    broken = Invalid("body", "valid zstd, as its Content-Encoding says")
    decompressor = zstandard.ZstdDecompressor(max_window_size=2**27)
    try:
        with decompressor.stream_reader(io.BytesIO(sent), read_across_frames=True) as reader:
            data = reader.read(limit_bytes + 1)
    except zstandard.ZstdError as error:
        raise broken from error
    if len(data) <= limit_bytes and not _whole_zstd(sent):
        raise broken
    return data


def _whole_zstd(sent: Bytes) -> bool:
    """Whether the frames end where the body does: a reader of a stream cannot tell a frame that was cut off."""
    while sent:
        decoder = zstandard.ZstdDecompressor().decompressobj()
        try:
            decoder.decompress(sent)
        except zstandard.ZstdError:
            return False
        if not decoder.eof:
            return False
        sent = decoder.unused_data
    return True
