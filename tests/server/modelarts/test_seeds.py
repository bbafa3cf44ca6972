"""The two documents themselves, from the shared directory: their samples are met, their fields are in the answers."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SHARED_DATA
from tests.server.calls import Reply
from tests.server.conftest import Documented

BY_BYTES, BY_LINES = "000_bbdb1e40dce33b1f.txt", "002_8a2305b1adc65126.txt"


def document(name: str) -> str:
    """A document; the test is skipped where the shared directory is not, but never in CI."""
    path: Path = SHARED_DATA.parent / "seeds" / name
    if not path.is_file():
        if os.environ.get("CI"):
            pytest.fail(f"{path} is not there, and in CI nothing is skipped")
        pytest.skip(f"the documents are not here ({path})")
    return path.read_text()


def samples(text: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The request, the answer of success, the answer of failure."""
    asked = re.search(r"GET\s+https://endpoint(\S.*)", text)
    assert asked is not None
    # A request stands on one line, with a blank where its base_line begins.
    path = asked[1].replace("= ", "=%20").split()[0]
    good, bad = (json.loads(each) for each in re.findall(r"\{\s*\"is_success\".*?\}", text, re.DOTALL))
    return path, good, bad


def loosely(value: object) -> str:
    """The samples have numbers as strings and a string as a number; the tables say which is which."""
    return str(value)


def asked(documented: Documented, path: str, log_file: str) -> Reply:
    return documented.web.call("GET", path.replace("{project_id}", "p").replace("log1.log", log_file))


@pytest.mark.parametrize("name", [BY_BYTES, BY_LINES])
def test_samples(documented: Documented, name: str) -> None:
    """The request as it is printed, but for the log's name; the answer has at least what the sample has, and means the same."""
    path, good, _ = samples(document(name))
    log = documented.by_bytes if name == BY_BYTES else documented.by_lines
    answer = asked(documented, path, log.log_file).json
    for field, value in good.items():
        assert loosely(answer[field]).rstrip("\n") == loosely(value), field


@pytest.mark.parametrize("name", [BY_BYTES, BY_LINES])
def test_failed_samples(documented: Documented, name: str) -> None:
    """A refusal has every field of theirs; its code is a ModelArts code."""
    path, _, bad = samples(document(name))
    answer = asked(documented, path, "job-of-nobody.0").json
    assert set(bad) <= set(answer)
    assert (answer["is_success"], re.fullmatch(r"ModelArts\.\d{4}", answer["error_code"]) is not None) == (False, True)


@pytest.mark.parametrize(("name", "count"), [(BY_BYTES, 4), (BY_LINES, 5)])
def test_every_field_of_the_response_tables(documented: Documented, name: str, count: int) -> None:
    """Those of success are in an answer of success, those of failure in one of failure only."""
    text = document(name)
    table = re.split(r"Response Body|响应消息", text)[1]
    names = r"is_success|error_\w+|log|log_byte_count|end_byte|content|lines|start_line|end_line"
    fields = set(re.findall(rf"(?:^|>)({names})(?: \||</p>)", table, re.MULTILINE))
    path, _, _ = samples(text)
    log = documented.by_bytes if name == BY_BYTES else documented.by_lines
    good = asked(documented, path, log.log_file).json
    bad = asked(documented, path, "job-of-nobody.0").json
    failures = {field for field in fields if field.startswith("error_")}
    assert len(fields - failures) >= count - 1
    assert fields - failures <= set(good)
    assert not failures & set(good)
    assert failures <= set(bad)
