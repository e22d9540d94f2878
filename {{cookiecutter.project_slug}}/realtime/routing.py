"""Routing of WebSockets by Channels' `URLRouter`."""

from realtime.asgi import Scope

NOTHING_HERE = "There is nothing here."


def path_to_route(scope: Scope) -> str:
    """What a router finds under `path_remaining`.

    Without it a router takes itself for the outermost one, and fails with a `ValueError` where it
    has no route; one within another raises Django's `Resolver404`.
    """
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))
