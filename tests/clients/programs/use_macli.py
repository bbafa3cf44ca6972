"""modelarts-macli: its API class, on a session that goes to joblog instead of Huawei's console."""

from __future__ import annotations

from typing import Any

from macli.__main__ import API, ConsoleSession
from remote import serve

_apis: dict[str, API] = {}


class Session(ConsoleSession):
    """The console's session with another address, and a token where the console has cookies."""

    def __init__(self, url: str, token: str, project_id: str) -> None:
        super().__init__()
        self.project_id, self.workspace_id, self._url = project_id, "0", url
        self.http.headers["x-auth-token"] = token

    @property
    def base(self) -> str:
        return f"{self._url}/v2/{self.project_id}"

    def check_login(self) -> bool:
        """The console would be asked."""
        return True


def connect(url: str, token: str, project_id: str) -> None:
    _apis["api"] = API(Session(url, token, project_id))


def api(method: str, *positional: Any, **named: Any) -> Any:
    """Calls a method of the API class."""
    return getattr(_apis["api"], method)(*positional, **named)


def create(body: dict[str, Any]) -> Any:
    """macli makes jobs by copying only; by its session anything can be posted."""
    return _apis["api"].sess.post("/training-jobs", body).json()


def every_job() -> list[str]:
    """All jobs as its commands gather them: pages of 50, the next one from as many jobs on as have come."""
    jobs: list[str] = []
    while True:
        page = _apis["api"].list_jobs(limit=50, offset=len(jobs))
        jobs += [item["metadata"]["id"] for item in page["items"]]
        if not page["items"] or len(jobs) >= page["total"]:
            return jobs


def download(job_id: str, task_id: str, content_type: str) -> dict[str, Any]:
    """Asks for the link, and gets what is behind it, without credentials."""
    link = _apis["api"].get_job_log_url(job_id, task_id, content_type)["obs_url"]
    answer = _apis["api"].download_from_obs_url(link)
    facts = {"type": answer.headers["content-type"], "length": answer.headers["content-length"]}
    return {"status": answer.status_code, "body": answer.content.decode(), **facts}


serve(globals())
