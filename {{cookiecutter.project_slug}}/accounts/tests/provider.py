"""An OpenID Connect provider, as `python -m accounts.tests.provider PORT` too.

Whoever asks it to sign in is `person` at once: its page leads straight back.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import time
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt

KEY = "the provider's own key, of which the site knows nothing"


class Provider(ThreadingHTTPServer):
    """Serves while it is a context."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.person: dict[str, Any] = {}  # Any: JSON
        self.tokens_asked: list[dict[str, str]] = []

    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, args=[0.01], daemon=True).start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        if asked.path == "/.well-known/openid-configuration":
            url = self.server.url
            self._answer(
                issuer=url,
                authorization_endpoint=f"{url}/authorize",
                token_endpoint=f"{url}/token",
                userinfo_endpoint=f"{url}/userinfo",
                jwks_uri=f"{url}/keys",
            )
        elif asked.path == "/authorize":
            query = {name: values[0] for name, values in parse_qs(asked.query).items()}
            back = {"state": query["state"], "code": "a-code"}
            self.send_response(302)
            self.send_header("Location", f"{query['redirect_uri']}?{urlencode(back)}")
            self.end_headers()
        elif asked.path == "/userinfo":
            self._answer(**self.server.person)
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        asked = {name: values[0] for name, values in parse_qs(body).items()}
        self.server.tokens_asked.append(asked)
        claims = {
            **self.server.person,
            "iss": self.server.url,
            "aud": asked["client_id"],
            "iat": int(time()),
            "exp": int(time()) + 60,
        }
        token = jwt.encode(claims, KEY)
        self._answer(access_token="a-token", token_type="Bearer", id_token=token)

    def _answer(self, **content: Any) -> None:  # Any: JSON
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a test says what it saw."""


if __name__ == "__main__":
    provider = Provider(int(sys.argv[1]))
    provider.person = {"sub": "1", "preferred_username": "ada", "name": "Ada Lovelace"}
    provider.serve_forever()
