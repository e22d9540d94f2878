"""The first account of a new site."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.views.debug import get_exception_reporter_filter
from pytest_django import Settings

from accounts import first_run
from accounts.models import User
from accounts.tests.test_pages import check

CODE = "amber-kettle-thirteen"
ANSWERS = {
    "display_name": "Ada  Lovelace",
    "username": "Ada",
    "email": "ada@example.com",
    "password1": "quiet-copper-lantern",
    "code": CODE,
}


@pytest.fixture(autouse=True)
def code(settings: Settings) -> None:
    settings.FIRST_RUN_CODE = CODE


def send(client: Client, **answers: str) -> Any:  # Any: django-stubs has no name for it
    return client.post("/first-run/", ANSWERS | answers)


def test_who_signs_up_first_is_led_to_the_first_account(client: Client, db: None) -> None:
    page = client.get("/accounts/signup/", follow=True)
    assert page.redirect_chain == [("/first-run/", 302)]
    assert list(page.context["form"].fields) == [*ANSWERS]
    html = page.content.decode()
    check(html)
    assert "Sign up" not in html


def test_the_first_account_is_the_administrators_and_is_signed_in(client: Client, db: None) -> None:
    response = send(client)
    user = User.objects.get()
    assert response.status_code == 302
    assert (user.username, user.name, user.email) == ("ada", "Ada Lovelace", "ada@example.com")
    assert (user.is_staff, user.is_superuser) == (True, True)
    assert client.session["_auth_user_id"] == str(user.pk)
    assert client.get("/admin/").status_code == 200


@pytest.mark.parametrize(
    ("field", "answer"),
    [
        ("display_name", "Deleted user"),
        ("display_name", "Gelöschtes Konto"),  # what a site says that was in German before
        ("display_name", "a\x00b"),
        ("username", "a da"),
        ("email", "nowhere"),
        ("password1", "12345678"),
        ("code", "guessed"),
        ("code", ""),
    ],
)
def test_a_faulty_answer_is_named_and_makes_no_account(
    client: Client, db: None, field: str, answer: str
) -> None:
    page = send(client, **{field: answer})
    assert list(page.context["form"].errors) == [field]
    assert not User.objects.exists()


def test_nobody_has_an_account_before_the_administrator(client: Client, db: None) -> None:
    by_api = {"username": "eve", "email": "eve@example.com", "password": "quiet-copper-lantern"}
    url = "/_allauth/app/v1/auth/signup"
    assert client.post(url, by_api, "application/json").status_code == 403
    assert not User.objects.exists()
    send(client)
    assert Client().post(url, by_api, "application/json").status_code != 403
    assert User.objects.get(username="eve").is_superuser is False


def test_no_report_of_an_error_has_the_code(client: Client, db: None) -> None:
    request = send(client).wsgi_request
    reporter = get_exception_reporter_filter(request)
    assert reporter.get_safe_settings()["FIRST_RUN_CODE"] == "*" * 20
    posted = reporter.get_post_parameters(request)
    assert {posted["code"], posted["password1"]} == {"*" * 20}


def test_once_there_is_an_account_there_is_no_such_page(client: Client, grace: User) -> None:
    assert client.get("/accounts/signup/").status_code == 200
    assert client.get("/first-run/").status_code == 404
    assert send(client).status_code == 404
    assert User.objects.get() == grace


def test_in_production_there_is_no_such_page_without_a_code(
    client: Client, db: None, settings: Settings
) -> None:
    settings.FIRST_RUN_CODE = ""
    assert client.get("/accounts/signup/").status_code == 200
    assert send(client).status_code == 404


def test_development_asks_for_no_code(client: Client, db: None, settings: Settings) -> None:
    settings.DEBUG, settings.FIRST_RUN_CODE = True, ""
    assert "code" not in client.get("/first-run/").context["form"].fields
    send(client, code="")
    assert User.objects.get().is_superuser


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_makes_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    both = Barrier(2)
    clean = first_run.FirstRunForm.clean_code

    def clean_together(form: first_run.FirstRunForm) -> str:
        both.wait(timeout=30)
        return clean(form)

    def visit(name: str) -> int:
        try:
            names = {"display_name": name, "username": name, "email": f"{name}@example.com"}
            status: int = send(Client(), **names).status_code
            return status
        finally:
            connections.close_all()

    monkeypatch.setattr(first_run.FirstRunForm, "clean_code", clean_together)
    with ThreadPoolExecutor(2) as visitors:
        assert sorted(visitors.map(visit, ["ada", "grace"])) == [302, 409]
    assert User.objects.count() == 1
