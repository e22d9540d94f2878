"""Presence in the admin."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from presence.actions import choose_visibility


@pytest.mark.django_db
def test_presence_is_only_shown_in_the_admin(client: Client, ada: User) -> None:
    choose_visibility(ada.pk, hidden=True)
    client.force_login(User.objects.create_superuser("root", "root@example.com", "x"))

    url = reverse("admin:presence_presence_delete", args=[ada.pk])
    assert client.post(url, {"post": "yes"}).status_code == 403
