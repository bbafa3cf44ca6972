"""Where assistants ask, and where they learn how a token is shown (RFC 9728)."""

from __future__ import annotations

PATH = "/mcp"
METADATA_PATH = "/.well-known/oauth-protected-resource"
PATHS = frozenset((PATH, METADATA_PATH, METADATA_PATH + PATH))
