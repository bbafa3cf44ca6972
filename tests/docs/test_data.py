"""What is no command in README.md and docs/: YAML, JSON, Python, settings of other programs. Each is what it says it is."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from pathlib import Path

import yaml

from joblog.core.settings import Settings
from tests.docs.blocks import ROOT, Block, blocks, pages, text_of

LINE = 120
"""Characters of a line of prose, as an editor shows two pages side by side."""

LANGUAGES = {"sh", "python", "yaml", "toml", "json", "text", "ini", "nginx", ""}


def of(language: str) -> list[Block]:
    return [block for page in pages() for block in blocks(page, language)]


def test_every_language_is_known() -> None:
    """One of which nobody knows how it is tried would not be."""
    assert {str(block): block.language for page in pages() for block in blocks(page) if block.language not in LANGUAGES} == {}


def test_every_fence_is_found() -> None:
    assert {page for page in pages() if text_of(page).count("```") != 2 * len(blocks(page))} == set()


def test_json_is_json() -> None:
    """One object after the other."""
    for block in of("json"):
        rest = block.code.strip()
        while rest:
            found, end = json.JSONDecoder().raw_decode(rest)
            assert isinstance(found, dict), block
            rest = rest[end:].strip()


def test_toml_is_toml() -> None:
    """And YAML, of which manifests are looked at more closely, YAML."""
    for block in of("toml"):
        assert tomllib.loads(block.code), block
    for block in of("yaml"):
        assert list(yaml.safe_load_all(block.code)), block


def test_python_is_python() -> None:
    """What is not run by a test of its own is whole at least."""
    assert len([ast.parse(block.code) for block in of("python")]) >= 10


def test_kubernetes_manifests_are_such() -> None:
    """Every document is an object; a container of joblog's has settings and files that exist."""
    seen = 0
    for block in of("yaml"):
        for document in yaml.safe_load_all(block.code):
            assert isinstance(document, dict), block
            if "kind" in document:
                assert {"apiVersion", "kind", "metadata"} <= set(document), block
                assert document["metadata"]["name"], block
                seen += _containers(document, block)
    assert seen >= 2


def _containers(document: dict[str, object], block: Block) -> int:
    """Looks at the containers of a workload: each is complete, and what it mounts is a volume of its pod."""
    spec = document.get("spec")
    pod = spec["template"]["spec"] if isinstance(spec, dict) and "template" in spec else None
    if pod is None:
        return 0
    volumes = {volume["name"] for volume in pod.get("volumes", ())}
    for container in (*pod["containers"], *pod.get("initContainers", ())):
        assert {"name", "image"} <= set(container), block
        assert {mount["name"] for mount in container.get("volumeMounts", ())} <= volumes, block
        names = {each["name"] for each in container.get("env", ())}
        known = {
            "JOBLOG_URL",
            "JOBLOG_TOKEN",
            "JOBLOG_TOKEN_FILE",
            "JOBLOG_PROJECT",
            "JOBLOG_SPOOL",
            "JOBLOG_SPOOL_LIMIT_BYTES",
        }
        known |= {f"JOBLOG_{name.upper()}" for name in Settings.__dataclass_fields__}
        assert {name for name in names if name.startswith("JOBLOG_")} <= known, block
    return len(pod["containers"])


def test_links_lead_somewhere() -> None:
    """To a file of the repository, wherever the page is read; Sphinx looks at those between pages, and at their headings."""
    for page in pages():
        for target in re.findall(r"\]\((?!https?://|#)([^)#\s]+)", text_of(page)):
            assert (ROOT / Path(page).parent / target).exists(), (page, target)


def test_no_line_is_long() -> None:
    """But for tables, and for what is to be copied as it stands."""
    long = []
    for page in pages():
        prose = re.sub(r"```.*?```", lambda code: "\n" * code[0].count("\n"), text_of(page), flags=re.DOTALL)
        for number, line in enumerate(prose.split("\n"), 1):
            if len(line) > LINE and not line.startswith("|"):
                long.append(f"{page}:{number}")
    assert not long
