"""ModelArts' log calls as the framework knows them: for the API's description, and for whatever the short way lets pass."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated, Any

from litestar import Router, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter
from litestar.response import Response

from joblog.errors import NotFound
from joblog.server.http.streams import Streamed
from joblog.server.modelarts.v1_logs import (
    DEFAULT_LINES,
    MAX_LINES,
    MAX_OFFSET,
    PATH,
    ByteAnswer,
    FileNamesAnswer,
    LineAnswer,
    LogCalls,
)
from joblog.server.state import Call

_VERSION = "/{project_id:str}/training-jobs/{job_id:str}/versions/{version_id:str}"

LogFile = Annotated[str | None, Parameter(description="a name that .../log/file-names gives; mandatory")]
StartByte = Annotated[str | None, Parameter(description="first byte, 0 by default; -1: the newest abs(offset) bytes")]
Offset = Annotated[str | None, Parameter(description=f"length, -{MAX_OFFSET} to {MAX_OFFSET}; negative: backwards")]
BaseLine = Annotated[str | None, Parameter(description="a position from an earlier answer; empty: the latest lines")]
Lines = Annotated[str | None, Parameter(description=f"0 to {MAX_LINES}, {DEFAULT_LINES} by default")]
Order = Annotated[str | None, Parameter(description="desc (default): towards newer lines; asc: older")]


async def _answered(log_calls: LogCalls, request: Call) -> Response[Any]:
    match = PATH.fullmatch(request.scope["path"])
    if match is None:
        raise NotFound("path", request.scope["path"])
    answer = await log_calls.answer(match, request.scope["query_string"], list(request.scope["headers"]))
    if answer.rest is not None:
        return Streamed(whole(answer.body, answer.rest), status_code=answer.status, media_type="application/json")
    return Response(answer.body, status_code=answer.status, media_type="application/json")


@get(f"{_VERSION}/log", summary="Read a log by bytes", responses={200: ResponseSpec(ByteAnswer)})
async def v1_read_log_bytes(
    log_calls: LogCalls,
    request: Call,
    project_id: str,
    job_id: str,
    version_id: str,
    log_file: LogFile,
    start_byte: StartByte = None,
    offset: Offset = None,
) -> Response[Any]:
    """Returns bytes from ``start_byte`` on, or the ``abs(offset)`` bytes before it."""
    return await _answered(log_calls, request)


@get(f"{_VERSION}/aom-log", summary="Read a log by lines", responses={200: ResponseSpec(LineAnswer)})
async def v1_read_log_lines(
    log_calls: LogCalls, request: Call, project_id: str, job_id: str, version_id: str, log_file: LogFile,
    base_line: BaseLine = None, lines: Lines = None, order: Order = None,
) -> Response[Any]:  # fmt: skip
    """Returns the lines behind ``base_line``, or with ``order=asc`` those before it; its ends are the next call's."""
    return await _answered(log_calls, request)


@get(f"{_VERSION}/log/file-names", summary="List a version's logs", responses={200: ResponseSpec(FileNamesAnswer)})
async def v1_list_log_files(log_calls: LogCalls, request: Call, project_id: str, job_id: str, version_id: str) -> Response[Any]:
    """Returns the names of all workers' logs, by which the other calls take them."""
    return await _answered(log_calls, request)


router = Router(path="/v1", route_handlers=[v1_read_log_bytes, v1_read_log_lines, v1_list_log_files], tags=["ModelArts v1"])
"""They hand the request to the log calls as it came; their parameters are its description."""


async def whole(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Yields a long answer's parts."""
    yield first
    async for part in rest:
        yield part
