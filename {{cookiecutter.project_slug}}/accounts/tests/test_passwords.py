import re

from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.urls import reverse

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
    link = re.search(r"https?://\S+", str(mail.outbox[0].body))
    assert link
    url = client.get(link[0], follow=True).redirect_chain[-1][0]
    client.post(url, {"password1": BETTER, "password2": BETTER})
    assert client.get(link[0]).context["token_fail"]


def test_nobody_learns_from_a_reset_who_has_an_account(client: Client, db: None) -> None:
    response = client.post(reverse("account_reset_password"), {"email": "nobody@example.com"})
    assert response.status_code == 302
    assert response.headers["Location"] == reverse("account_reset_password_done")


def test_changing_the_address_asks_for_the_password_again(client: Client, grace: User) -> None:
    client.force_login(grace)
    form = {"action_add": "", "email": "new@example.com"}
    response = client.post(reverse("account_email"), form)
    assert response.status_code == 302
    assert response.headers["Location"].startswith(reverse("account_reauthenticate"))
    assert not EmailAddress.objects.filter(email="new@example.com").exists()
