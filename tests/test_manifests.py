"""What is read by other programs than Python: each file is what its reader's schema says."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.conftest import Bake
from tests.test_bakes import ANSWERS

OLDEST_KUBERNETES = "1.31"


@pytest.fixture(scope="module")
def project(bake: Bake) -> Path:
    return bake(kubernetes="yes", telegram="yes", mqtt="yes", domain_name="chat.example.org")


def documents(folder: Path) -> dict[str, dict[str, Any]]:  # Any: YAML
    """Each manifest by its file's name."""
    return {file.stem: yaml.safe_load(file.read_text("utf-8")) for file in folder.glob("*.yaml")}


@pytest.mark.parametrize("version", [OLDEST_KUBERNETES, kubernetes_validate.latest_version()])
def test_manifests_follow_the_published_schemas(project: Path, version: str) -> None:
    base = documents(project / "deploy/kubernetes/base")
    listed = base.pop("kustomization")["resources"]
    assert {Path(each).stem for each in listed} == base.keys()
    assert len(listed) == 10
    for manifest in base.values():
        kubernetes_validate.validate(manifest, version, strict=True)


def test_a_pod_may_do_nothing_that_it_need_not(project: Path) -> None:
    base = documents(project / "deploy/kubernetes/base")
    for name in ("web", "worker", "telegram", "mqtt", "migrate"):
        pod = base[name]["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert not pod["automountServiceAccountToken"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]
        assert "env" not in container  # secrets come by reference


def test_telegram_is_asked_by_one_process_alone(project: Path) -> None:
    base = documents(project / "deploy/kubernetes/base")
    bridge = base["telegram"]["spec"]
    assert (bridge["replicas"], bridge["strategy"]) == (1, {"type": "Recreate"})
    (container,) = bridge["template"]["spec"]["containers"]
    assert container["command"] == ["python", "manage.py", "runtelegram"]
    probe = container["livenessProbe"]["exec"]["command"]
    assert probe == ["python", "-m", "operations.probe", "telegram"]
    (selector,) = base["network"]["spec"]["podSelector"]["matchExpressions"]
    assert selector["values"] == ["web", "worker", "telegram", "mqtt", "migrate"]
    compose = yaml.safe_load((project / "compose.yaml").read_text("utf-8"))["services"]
    assert compose["telegram"]["profiles"] == ["telegram"]
    assert compose["telegram"]["command"] == container["command"]
    assert compose["telegram"]["healthcheck"]["test"] == ["CMD", *probe]
    assert compose["worker"]["environment"]["TELEGRAM_TOKEN"] is None  # as .env has it


def test_the_site_is_behind_the_proxy_that_the_manifests_set_up(project: Path) -> None:
    base = documents(project / "deploy/kubernetes/base")
    assert "BEHIND_PROXY=true" in base["kustomization"]["configMapGenerator"][0]["literals"]
    nginx = "nginx.ingress.kubernetes.io"
    assert base["ingress"]["metadata"]["annotations"] == {
        f"{nginx}/proxy-read-timeout": "3600",
        f"{nginx}/proxy-send-timeout": "3600",
        f"{nginx}/proxy-body-size": "21m",
    }
    assert base["ingress"]["spec"]["ingressClassName"] == "nginx"
    assert base["ingress"]["spec"]["tls"]
    (entry,) = base["network"]["spec"]["ingress"]
    (selector,) = entry["from"]
    (names,) = selector["namespaceSelector"]["matchExpressions"]
    assert names["values"] == ["ingress-nginx", "monitoring"]


def test_the_site_is_behind_the_proxy_that_compose_sets_up(project: Path) -> None:
    compose = yaml.safe_load((project / "compose.yaml").read_text("utf-8"))["services"]
    environment = compose["web"]["environment"]
    assert environment["BEHIND_PROXY"] == "true"
    assert environment["METRICS_TOKEN"] is None  # as .env has it
    assert "SECURE_SSL_REDIRECT" not in environment
    assert "ports" not in compose["web"]
    assert compose["web"]["networks"] == ["front", "back"]
    assert compose["proxy"]["networks"] == ["front"]
    published = {name: each["ports"] for name, each in compose.items() if "ports" in each}
    assert set(published) == {"proxy", "mosquitto"}
    assert published["mosquitto"] == ["${MQTT_LISTEN:-127.0.0.1}:1883:1883"]


def test_devices_and_the_site_meet_at_the_broker_of_compose(project: Path) -> None:
    services = yaml.safe_load((project / "compose.yaml").read_text("utf-8"))["services"]
    bridge, broker = services["mqtt"], services["mosquitto"]
    assert bridge["command"] == ["python", "manage.py", "runmqtt"]
    assert bridge["healthcheck"]["test"] == ["CMD", "python", "-m", "operations.probe", "mqtt"]
    for name in ("web", "worker", "mqtt"):
        address = services[name]["environment"]["MQTT_URL"]
        assert address.startswith("${MQTT_URL:-mqtt://site:${MQTT_PASSWORD:?")
        assert address.endswith("}@mosquitto:1883}")
    assert "mosquitto:/mosquitto/data" in broker["volumes"]
    assert (project / "deploy/mosquitto/mosquitto.conf").exists()


def test_the_overlay_has_the_projects_own_names(project: Path) -> None:
    (overlay,) = documents(project / "deploy/kubernetes/production").values()
    (image,) = overlay["images"]
    assert image["newName"].endswith("/parlour")
    assert overlay["configMapGenerator"][0]["literals"] == ["DOMAIN=chat.example.org"]
    patch = yaml.safe_load(overlay["patches"][0]["patch"])
    assert {change["value"] for change in patch} == {"chat.example.org"}


@pytest.mark.parametrize("answers", ANSWERS, ids=lambda row: f"{row['asgi_server']}-{row['ci']}")
def test_every_yaml_file_of_a_bake_can_be_read(bake: Bake, answers: dict[str, Any]) -> None:
    project = bake(**answers)
    files = [file for file in project.rglob("*.y*ml") if ".git" not in file.parent.parts]
    assert {file.name for file in files} >= {"compose.yaml", "compose.dev.yaml"}
    for file in files:
        yaml.safe_load(file.read_text("utf-8"))


def test_the_site_in_compose_gets_these_variables(bake: Bake) -> None:
    """Literally: a name that is misspelt, or DEBUG, would show only on a machine with Docker."""
    project = bake()
    assert "\nDOMAIN=example.com\n" in (project / ".env").read_text("utf-8")
    compose = yaml.safe_load((project / "compose.yaml").read_text("utf-8"))
    services = compose["services"]
    for name in ("web", "worker", "migrate"):
        variables = services[name]["environment"]
        given = {key: value for key, value in variables.items() if value is not None}
        assert given.pop("DOMAIN").startswith("${DOMAIN:?")
        assert given.pop("SECRET_KEY").startswith("${SECRET_KEY:?")
        address, _, place = given.pop("DATABASE_URL").partition("@")
        assert address.startswith("postgres://site:${POSTGRES_PASSWORD:?")
        assert place == "postgres:5432/site"
        assert given == {
            "REDIS_URL": "redis://redis:6379/0",
            "BEHIND_PROXY": "true",
            "WEB_CONCURRENCY": "1",
            "TASKS_IN_WEB": "false",
        }
        assert {key for key, value in variables.items() if value is None} == set(
            """
            ADMIN_PATH ADMIN_TWO_FACTOR ALLOW_PRIVATE_ADDRESSES ANSWERING_BOTS BUDGETS
            COOKIE_PREFIX CSRF_TRUSTED_ORIGINS DEFAULT_FROM_EMAIL EMAIL_URL FIRST_RUN_CODE
            LANGUAGE_CODE LAYER_URL LINK_PREVIEWS LOG_FORMAT LOG_LEVEL METRICS_TOKEN OPENID_CONNECT
            PROXIES REALTIME SECRET_KEY_FALLBACKS SECURE_HSTS_SECONDS SENTRY_DSN STORAGE_URL
            TWO_FACTOR
            """.split()
        )


def test_only_the_proxy_of_compose_can_be_reached_from_outside(bake: Bake) -> None:
    compose = yaml.safe_load((bake() / "compose.yaml").read_text("utf-8"))
    open_ports = {
        name: each["ports"] for name, each in compose["services"].items() if "ports" in each
    }
    assert open_ports == {
        "proxy": [
            "${HTTP_PORT:-80}:80",
            "${HTTPS_PORT:-443}:443",
            "${HTTPS_PORT:-443}:443/udp",
        ]
    }
    assert compose["services"]["postgres"]["networks"] == ["back"]
    assert compose["services"]["redis"]["networks"] == ["back"]
    assert compose["networks"]["back"] == {"internal": True}
    assert compose["services"]["web"].get("command") is None  # the image's: manage.py serve
    assert compose["services"]["worker"]["command"] == [
        *("python", "manage.py", "runworker"),
        *("tasks", "thumbnail.generate"),
    ]
    assert compose["services"]["migrate"]["command"] == ["python", "manage.py", "release"]


def test_the_ports_of_development_are_open_to_this_machine_alone(bake: Bake) -> None:
    compose = yaml.safe_load((bake() / "compose.dev.yaml").read_text("utf-8"))
    ports = [port for each in compose["services"].values() for port in each.get("ports", [])]
    assert ports == [
        "127.0.0.1:${PORT:-8000}:8000",
        "127.0.0.1:5432:5432",
        "127.0.0.1:6379:6379",
    ]


def test_a_push_runs_these_commands_on_github(bake: Bake) -> None:
    jobs = yaml.safe_load((bake(ci="github") / ".github/workflows/ci.yml").read_text("utf-8"))[
        "jobs"
    ]
    commands = {
        name: [step["run"] for step in job["steps"] if "run" in step] for name, job in jobs.items()
    }
    assert commands["lint"] == ["make lint", "make audit"]
    assert commands["test"] == ["make test"]
    assert commands["test-services"][-1] == "make test-services"
    assert commands["image"] == ["deploy/smoke"]
    assert jobs["test"]["strategy"]["matrix"] == {"python": ["3.11", "3.14"]}
    assert jobs["test-services"]["steps"][-1]["env"] == {
        "DATABASE_URL": "postgres://site:site@localhost:5432/site",
        "REDIS_URL": "redis://localhost:6379/0",
    }


def test_a_push_runs_these_commands_on_gitlab(bake: Bake) -> None:
    jobs = yaml.safe_load((bake(ci="gitlab") / ".gitlab-ci.yml").read_text("utf-8"))
    assert jobs["lint"]["script"] == ["make lint", "make audit"]
    assert jobs["test"]["script"] == ["make test"]
    assert jobs["test"]["parallel"]["matrix"] == [{"UV_PYTHON": ["3.11", "3.14"]}]
    assert jobs["test-services"]["script"][-1] == "make test-services"
    assert jobs["test-services"]["variables"]["REDIS_URL"] == "redis://redis:6379/0"
    assert jobs["containers"]["script"] == ["deploy/smoke"]
