"""Usernames in URLs: `path("people/<username:username>/", ...)`."""

from accounts.names import USERNAME_PATTERN


class UsernameConverter:
    regex = USERNAME_PATTERN

    def to_python(self, value: str) -> str:
        return value.lower()

    def to_url(self, value: str) -> str:
        return value
