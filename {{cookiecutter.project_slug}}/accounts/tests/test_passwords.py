import re
from threading import Event

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client
from django.urls import reverse

from accounts.mail import flush
from accounts.models import User

BETTER = "brisk-walnut-harbour"


def test_a_password_is_changed_by_who_knows_the_old_one(
    client: Client, grace: User, password: str
) -> None:
    client.force_login(grace)
    form = {"oldpassword": password, "password1": BETTER, "password2": BETTER}
    response = client.post(reverse("account_change_password"), form)
    grace.refresh_from_db()
    assert response.status_code == 302
    assert grace.check_password(BETTER)


def test_a_password_is_not_changed_by_who_does_not(
    client: Client, grace: User, password: str
) -> None:
    client.force_login(grace)
    form = {"oldpassword": "wrong", "password1": BETTER, "password2": BETTER}
    response = client.post(reverse("account_change_password"), form)
    grace.refresh_from_db()
    assert list(response.context["form"].errors) == ["oldpassword"]
    assert grace.check_password(password)


def test_a_lost_password_is_replaced_through_a_link_sent_by_mail(
    client: Client, grace: User
) -> None:
    client.post(reverse("account_reset_password"), {"email": grace.email})
    flush()
    link = re.search(r"https?://\S+", str(mail.outbox[0].body))
    assert link
    form_page = client.get(link[0], follow=True)
    url = form_page.redirect_chain[-1][0]
    response = client.post(url, {"password1": BETTER, "password2": BETTER})
    grace.refresh_from_db()
    assert response.status_code == 302
    assert grace.check_password(BETTER)


def test_a_link_sent_by_mail_works_once(client: Client, grace: User) -> None:
    client.post(reverse("account_reset_password"), {"email": grace.email})
    flush()
    link = re.search(r"https?://\S+", str(mail.outbox[0].body))
    assert link
    url = client.get(link[0], follow=True).redirect_chain[-1][0]
    client.post(url, {"password1": BETTER, "password2": BETTER})
    assert client.get(link[0]).context["token_fail"]


def test_a_reset_drops_a_new_address_that_is_not_confirmed_yet(client: Client, grace: User) -> None:
    EmailAddress.objects.create(user=grace, email=grace.email, verified=True, primary=True)
    EmailAddress.objects.create(user=grace, email="stranger@example.com")
    client.post(reverse("account_reset_password"), {"email": grace.email})
    flush()
    link = re.search(r"https?://\S+", str(mail.outbox[0].body))
    assert link
    url = client.get(link[0], follow=True).redirect_chain[-1][0]
    client.post(url, {"password1": BETTER, "password2": BETTER})
    assert EmailAddress.objects.get().email == "grace@example.com"


def test_nobody_learns_from_a_reset_who_has_an_account(client: Client, db: None) -> None:
    response = client.post(reverse("account_reset_password"), {"email": "nobody@example.com"})
    assert response.status_code == 302
    assert response.headers["Location"] == reverse("account_reset_password_done")
    assert flush()
    assert mail.outbox == []


def test_an_address_gets_few_links_however_many_are_asked_for(grace: User) -> None:
    for number in range(12):
        stranger = Client(REMOTE_ADDR=f"203.0.113.{number}")
        stranger.post(reverse("account_reset_password"), {"email": "grace@example.com"})
        stranger.post(
            "/_allauth/app/v1/auth/password/request",
            {"email": "Grace@Example.com"},
            content_type="application/json",
        )
    assert flush()
    assert len(mail.outbox) == 5


def test_a_request_does_not_wait_for_the_mail_server(
    client: Client, grace: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered, sent_after = Event(), []

    def send_slowly(backend: EmailBackend, messages: list[EmailMessage]) -> None:
        sent_after.append(answered.wait(5))

    monkeypatch.setattr(EmailBackend, "send_messages", send_slowly)
    client.post(reverse("account_reset_password"), {"email": grace.email})
    answered.set()
    assert flush(20)
    assert sent_after == [True]


def test_changing_the_address_asks_for_the_password_again(client: Client, grace: User) -> None:
    client.force_login(grace)
    form = {"action_add": "", "email": "new@example.com"}
    response = client.post(reverse("account_email"), form)
    assert response.status_code == 302
    assert response.headers["Location"].startswith(reverse("account_reauthenticate"))
    assert not EmailAddress.objects.filter(email="new@example.com").exists()
