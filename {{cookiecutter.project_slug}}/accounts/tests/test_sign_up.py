from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.shortcuts import resolve_url
from django.test import Client
from django.urls import reverse

from accounts.models import User


def sign_up(client: Client, **answers: str) -> Any:  # Any: django-stubs has no name for it
    form = {"username": "ada", "email": "ada@example.com", "password1": "quiet-copper-lantern"}
    return client.post(reverse("account_signup"), form | answers)


def test_signing_up_makes_an_account_and_signs_in(client: Client, db: None) -> None:
    response = sign_up(client, username="Ada")
    user = User.objects.get()
    assert response.status_code == 302
    assert response.headers["Location"] == resolve_url(settings.LOGIN_REDIRECT_URL)
    assert user.username == "ada"
    assert client.session["_auth_user_id"] == str(user.pk)
    assert mail.outbox[0].to == ["ada@example.com"]


@pytest.mark.parametrize(
    ("field", "answer"),
    [
        ("username", "Grace"),
        ("username", "gr ace"),
        ("username", "gr\x00ace"),
        ("username", "x" * 41),
        ("email", "GRACE@example.com"),
        ("email", "nowhere"),
        ("password1", "12345678"),
        ("password1", ""),
    ],
)
def test_a_faulty_answer_is_named_and_makes_no_account(
    client: Client, grace: User, field: str, answer: str
) -> None:
    response = sign_up(client, **{field: answer})
    assert response.status_code == 200
    assert list(response.context["form"].errors) == [field]
    assert User.objects.get() == grace
