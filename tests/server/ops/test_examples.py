"""What the API's description says of each call, as a reader and a code generator need it; its examples are real."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import start_server
from tests.server.calls import Web
from tests.server.ops.described import Operation, operations
from tests.server.ops.examples import FILE, Recorder, recorded

EXAMPLES = json.loads(FILE.read_text("utf-8"))

REFUSALS = {"Error", "ModelArtsError", "IdentityError"}

BARE = {("follow_log", "application/octet-stream"), ("download_log", "application/zstd")}
"""Bytes that are no text, or the same ones as in another call's example."""

BYTES = "application/octet-stream"
STREAMS = {
    "follow_log": {"text/event-stream", BYTES}, "read_link": {"text/plain", BYTES}, "read_raw": {"text/plain"},
    "download_log": {BYTES, "application/zstd"}, "read_bytes": {BYTES}, "read_stored": {BYTES},
    **{name: {"application/x-ndjson"} for name in ("search_log", "search_version", "search_project")},
}  # fmt: skip

OPEN = {"labels"}
"""Objects whose names are the caller's."""

NAMES = """
add_rules append_log begin_session change_own_password close_log compare_runs create_access_key create_job create_log
create_login_code create_project create_run create_token create_user create_version delete_access_key delete_job delete_rule
delete_user delete_version download_log end_session explain_failure follow_log get_catalog_readiness get_health
get_identity_version get_job get_log get_overview get_proof get_readiness get_session get_task get_version head_bytes
head_link list_access_keys list_alerts list_domains list_identity_projects list_identity_versions list_jobs
list_login_projects list_logs list_members list_projects list_rules list_runs list_tasks list_templates list_tokens
list_users list_versions log_in mute_rule read_bytes read_frames read_job_note read_lines read_link read_merged read_metrics
read_progress read_raw read_run_note read_signing_secret read_stored read_terminal remove_member report_task resolve_link
revoke_token search_log search_project search_version set_member set_user_password set_version_status stop_version test_rule
update_job update_version v1_create_job v1_create_version v1_delete_job v1_delete_version v1_get_version v1_list_engines
v1_list_jobs v1_list_log_files v1_list_resource_specs v1_list_versions v1_read_log_bytes v1_read_log_lines v1_stop_version
v1_update_job v2_act_on_job v2_create_job v2_delete_job v2_delete_jobs v2_get_job v2_get_log_link v2_get_task_metrics
v2_list_engines v2_list_events v2_list_flavors v2_list_tasks v2_preview_log v2_read_log_lines v2_report_event v2_search_jobs
v2_update_job write_job_note write_run_note
"""
"""Functions of made clients have these names: to change one breaks whoever calls it. A new call is entered here."""


@pytest.fixture
def described(web: Web) -> dict[str, Operation]:
    return {operation.described["operationId"]: operation for operation in operations(web)}


@pytest.fixture(scope="module")
def anew(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    """The examples as this server gives them."""
    server = start_server(tmp_path_factory.mktemp("examples") / "data")
    web = Web(server.url, server.token)
    yield recorded(web)
    web.close()
    assert server.stop() == 0


def good(operation: Operation) -> dict[str, dict[str, Any]]:
    """What an operation answers when all is well, by media type."""
    first = min(status for status in operation.described["responses"])
    return dict(operation.described["responses"][first].get("content", {}))


def shape(value: Any) -> Any:
    """The names and the types of a JSON value; of a list, those of its items."""
    if isinstance(value, dict):
        return {name: "open" if name in OPEN else shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return sorted({json.dumps(shape(each), sort_keys=True) for each in value})
    return "text" if isinstance(value, str) else type(value).__name__


def test_calls_have_the_names_that_they_have(described: dict[str, Operation]) -> None:
    """Each its own, which are those of functions."""
    assert set(described) == set(NAMES.split())
    assert all(re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) for name in described)


def test_every_call_is_explained(described: dict[str, Operation]) -> None:
    """In a line and in a sentence, in a group; and what is refused, too."""
    for name, operation in described.items():
        said = operation.described
        assert re.fullmatch(r"[A-Z].*[^.]", said["summary"]), name
        assert re.match(r"[A-Z].*[.]", said["description"], re.DOTALL), name
        assert "``" not in said["description"], name
        assert len(said["tags"]) == 1, name
        open_ = said.get("security") == [{}] and operation.method in ("GET", "HEAD")
        assert open_ or {"401", "500"} <= set(said["responses"]), name


def test_every_call_says_what_it_streams(described: dict[str, Operation]) -> None:
    """All others answer JSON, or nothing."""
    for name, operation in described.items():
        kinds = good(operation)
        assert set(kinds) in ([STREAMS[name]] if name in STREAMS else [{"application/json"}, set()]), name
        assert all(content["schema"] for content in kinds.values()), name
        for kind, content in kinds.items():
            assert ("x-itemSchema" in content) == (kind in ("text/event-stream", "application/x-ndjson")), name


def test_every_call_has_its_example(described: dict[str, Operation]) -> None:
    """Of what it takes, and of what it answers; those that are recorded, and no others."""
    assert set(EXAMPLES) == set(described) | REFUSALS
    for name, operation in described.items():
        taken = operation.described.get("requestBody", {}).get("content", {}).values()
        assert [each["example"] for each in taken] == [EXAMPLES[name].get("request")] * len(taken), name
        for kind, content in good(operation).items():
            assert (name, kind) in BARE or content["example"] == EXAMPLES[name]["response"], (name, kind)


def test_examples_are_of_their_calls(described: dict[str, Operation], anew: Recorder) -> None:
    """Each was got by the method and the path that the description has for it."""
    for name, operation in described.items():
        pattern = re.sub(r"{\w+}", "[^/]+", operation.path)
        assert re.fullmatch(f"{operation.method} {pattern}", anew.paths[name]), name


def test_examples_are_what_is_answered_today(anew: Recorder) -> None:
    """The same names and types: where this fails, ``python -m tests.server.ops.examples`` records them anew."""
    for name, example in EXAMPLES.items():
        assert shape(anew.examples[name]) == shape(example), name


def test_schemas_have_names_that_a_class_can_have(web: Web) -> None:
    """And none of a module's."""
    assert all(name.isalnum() for name in web.get("/api/openapi.json").json["components"]["schemas"])
