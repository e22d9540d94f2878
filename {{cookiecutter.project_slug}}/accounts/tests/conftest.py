import pytest
from django.core.cache import cache

from accounts.models import User

PASSWORD = "quiet-copper-lantern"


@pytest.fixture(autouse=True)
def _no_attempts_counted_yet() -> None:
    cache.clear()


@pytest.fixture
def password() -> str:
    return PASSWORD


@pytest.fixture
def grace(db: None) -> User:
    """Somebody who can sign in."""
    return User.objects.create_user(
        "grace", "grace@example.com", PASSWORD, display_name="Grace Hopper"
    )
