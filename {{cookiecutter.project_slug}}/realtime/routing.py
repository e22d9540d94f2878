"""What a router is given: Channels' `URLRouter` finds the path under `path_remaining`."""

from realtime.asgi import Scope

NOTHING_HERE = "There is nothing here."


def path_remaining(scope: Scope) -> str:
    """The part of a scope's path that is still to be routed.

    A router that finds none takes itself for the outermost one, and fails with a `ValueError`
    where it has no route; one within another raises Django's `Resolver404`.
    """
    path: str = scope["path"]
    remaining: str = scope.get("path_remaining", path.removeprefix(scope.get("root_path", "")))
    return remaining
