"""``joblog mcp``: the tools for assistants, on stdin and stdout. It needs ``joblog[mcp]``, and is loaded here only."""

from __future__ import annotations

import argparse

from joblog.cli.common import connected
from joblog.errors import Invalid


def mcp(args: argparse.Namespace) -> int:
    """Answers until stdin ends."""
    try:
        from joblog.mcp.protocol import server
        from joblog.mcp.tools import Tools
    except ImportError as error:
        missing = f"run where its libraries are ({error}; pip install 'joblog[mcp]' brings what is missing)"
        raise Invalid("joblog mcp", missing) from error
    client, project_id = connected(args)
    with client:
        server(lambda _: Tools(client, project_id, client.url)).run("stdio")
    return 0
