"""The proxies that a bake tells how to set up, with the configuration that it gives for each."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage, HTTPSConnection
from pathlib import Path
from typing import Any, Self

import yaml

from tests.programs import program
from tests.services import end, free_port, wait_for

DOMAIN = "chat.example.com"
IDLE_SECONDS = 6
"""In place of a minute and more, with heartbeats every second in place of every 20."""

Command = list[str]


def documented(project: Path, language: str) -> list[str]:
    """The blocks of a language in the bake's page on operations."""
    text = (project / "docs/operations.md").read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def changed(text: str, **changes: str) -> str:
    """Replace each of these, which must be there."""
    for before, after in changes.items():
        assert before in text, before
        text = text.replace(before, after)
    return text


@dataclass
class Answer:
    status: int
    headers: HTTPMessage
    body: bytes


class Proxy:
    """One proxy before a server, as long as it is entered.

    Args:
        configure: writes its configuration into a folder and returns the command that starts it.
        upstream: the port of the server.
    """

    def __init__(self, configure: Callable[["Proxy"], Command], project: Path, upstream: int):
        self.name = configure.__name__
        self.project, self.upstream = project, upstream
        self.http_port, self.https_port = free_port(), free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="proxy-"))
        self.certificate, self.key = self.folder / "site.crt", self.folder / "site.key"
        sign(self.certificate, self.key, DOMAIN)
        self.tls = ssl.create_default_context(cafile=self.certificate)
        self._command = configure(self)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self.folder,
                env=os.environ
                | {"DOMAIN": DOMAIN, "HOME": str(self.folder)}
                | {f"XDG_{kind}_HOME": str(self.folder) for kind in ("CONFIG", "DATA")},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_for(self._passes_on, self._command[0], self._process)
        except (RuntimeError, TimeoutError) as error:
            error.add_note(self.log)
            raise

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text("utf-8")

    def stop(self) -> None:
        end(self._process)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def connected(self, source: str = "127.0.0.1") -> socket.socket:
        """A connection to its TLS port, from one of this machine's own addresses."""
        return socket.create_connection(("127.0.0.1", self.https_port), 20, (source, 0))

    def ask(
        self,
        method: str,
        path: str,
        body: str | bytes | None = None,
        *,
        source: str = "127.0.0.1",
        **headers: str,
    ) -> Answer:
        """Ask over HTTPS; an underscore in the name of a header is a hyphen."""
        client = HTTPSConnection(DOMAIN)
        client.sock = self.tls.wrap_socket(self.connected(source), server_hostname=DOMAIN)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            client.request(method, path, body, named)
            response = client.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            client.close()

    def _passes_on(self) -> bool:
        try:
            return self.ask("GET", "/healthz").status == 200
        except (OSError, HTTPException):
            return False


def sign(certificate: Path, key: Path, name: str) -> None:
    """Write a certificate that is signed by its own key."""
    made = [program("openssl"), "req", "-x509", "-nodes", "-days", "2"]
    subject = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*made, *subject, *kind, *files], check=True, capture_output=True)


def caddy(proxy: Proxy) -> Command:
    """Caddy, as the page on operations sets it up."""
    (block,) = documented(proxy.project, "caddyfile")
    return _caddy(proxy, "{\n}\n" + changed(block, **{"127.0.0.1:8000": _upstream(proxy)}), DOMAIN)


def caddy_of_compose(proxy: Proxy) -> Command:
    """Caddy with the file of compose.yaml, before one replica in place of those that DNS names."""
    text = (proxy.project / "deploy/caddy/Caddyfile").read_text("utf-8")
    replicas = "dynamic a web 8000 {\n\t\t\trefresh 1s\n\t\t}"
    changes = {
        replicas: f"to {_upstream(proxy)}",
        "read_body 5m": f"read_body {IDLE_SECONDS}s",
        "idle 2m": f"idle {IDLE_SECONDS}s",
        "localhost:8080": f"localhost:{free_port()}",
    }
    return _caddy(proxy, changed(text, **changes), "{$DOMAIN}")


def _caddy(proxy: Proxy, text: str, site: str) -> Command:
    ports = f"http_port {proxy.http_port}\n\thttps_port {proxy.https_port}"
    options = f"\tadmin off\n\tdefault_bind 127.0.0.1\n\t{ports}\n"
    text = re.sub(r"^\{\n", "{\n" + options, text, count=1, flags=re.MULTILINE)
    text = changed(
        text, **{f"\n{site} {{\n": f"\n{site} {{\n\ttls {proxy.certificate} {proxy.key}\n"}
    )
    file = proxy.folder / "Caddyfile"
    file.write_text(text, "utf-8")
    return [program("caddy"), "run", "--adapter", "caddyfile", "--config", str(file)]


def nginx(proxy: Proxy) -> Command:
    """nginx, as the page on operations sets it up."""
    (block,) = documented(proxy.project, "nginx")
    letsencrypt = f"/etc/letsencrypt/live/{DOMAIN}"
    changes = {
        "listen 80;": f"listen 127.0.0.1:{proxy.http_port};",
        "listen 443 ": f"listen 127.0.0.1:{proxy.https_port} ",
        f"{letsencrypt}/fullchain.pem": str(proxy.certificate),
        f"{letsencrypt}/privkey.pem": str(proxy.key),
        "127.0.0.1:8000": _upstream(proxy),
    }
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = " ".join(f"{each}_temp_path {proxy.folder}/{each};" for each in kinds)
    user = "user root;" if hasattr(os, "geteuid") and os.geteuid() == 0 else ""
    file = proxy.folder / "nginx.conf"
    file.write_text(
        f"daemon off; {user} pid {proxy.folder}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; proxy_read_timeout {IDLE_SECONDS}s; {folders}\n"
        f"{changed(block, **changes)} }}\n",
        "utf-8",
    )
    return [program("nginx"), "-e", "stderr", "-p", str(proxy.folder), "-c", str(file)]


def traefik(proxy: Proxy) -> Command:
    """Traefik, as the page on operations sets it up."""
    listening, site = map(yaml.safe_load, documented(proxy.project, "yaml"))
    doors = listening["entryPoints"]
    timeouts = {"readTimeout": f"{IDLE_SECONDS}s", "idleTimeout": f"{IDLE_SECONDS}s"}
    doors["web"]["address"] = f"127.0.0.1:{proxy.http_port}"
    doors["websecure"]["address"] = f"127.0.0.1:{proxy.https_port}"
    doors["websecure"]["transport"] = {"respondingTimeouts": timeouts}
    del listening["certificatesResolvers"]
    listening["providers"]["file"]["filename"] = str(proxy.folder / "site.yml")

    for router in site["http"]["routers"].values():
        router["tls"] = {}
    certificate = {"certFile": str(proxy.certificate), "keyFile": str(proxy.key)}
    site["tls"] = {"stores": {"default": {"defaultCertificate": certificate}}}
    servers: list[dict[str, Any]] = site["http"]["services"]["site"]["loadBalancer"]["servers"]
    servers[0]["url"] = changed(servers[0]["url"], **{"127.0.0.1:8000": _upstream(proxy)})

    for name, content in (("traefik.yml", listening), ("site.yml", site)):
        (proxy.folder / name).write_text(yaml.safe_dump(content), "utf-8")
    return [program("traefik"), f"--configFile={proxy.folder}/traefik.yml"]


def _upstream(proxy: Proxy) -> str:
    return f"127.0.0.1:{proxy.upstream}"
