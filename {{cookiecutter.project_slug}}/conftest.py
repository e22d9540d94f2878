"""Fixtures that every app's tests share."""

import pytest
from django.contrib.auth.hashers import make_password

from accounts.models import User


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create(username="ada", email="ada@example.com", password=make_password("x"))


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create(username="bob", email="bob@example.com", password=make_password("x"))
