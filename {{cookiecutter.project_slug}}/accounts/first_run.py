"""The page on which the first visitor of a new site makes its administrator's account."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.forms import SignupForm
from allauth.account.views import SignupView
from django import forms
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.crypto import constant_time_compare
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters

from accounts.adapter import awaits_first_run
from accounts.forms import ProfileForm, free_name
from accounts.models import User
from realtime.protocol import ErrorCode, Refusal

View = Callable[..., HttpResponseBase]


def first_run_first(view: View) -> View:
    """Lead visitors to the first account while there is none."""

    @wraps(view)
    def leading(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if awaits_first_run():
            return redirect("accounts:first_run")
        return view(request, *args, **kwargs)

    return leading


class FirstRunForm(SignupForm):
    display_name = ProfileForm.base_fields["display_name"]
    code = forms.CharField(
        label=_("Code"),
        help_text=_("The value of FIRST_RUN_CODE in the server's .env."),
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    field_order = ["display_name", "username", "email", "password1", "code"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: allauth's own
        super().__init__(*args, **kwargs)
        if not settings.FIRST_RUN_CODE:
            del self.fields["code"]

    def clean_display_name(self) -> str:
        return free_name(self.cleaned_data["display_name"])

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        if not constant_time_compare(code, settings.FIRST_RUN_CODE):
            raise ValidationError(
                _("This code is wrong. It is the value of FIRST_RUN_CODE in the server's .env.")
            )
        return code

    def signup(self, request: HttpRequest, user: User) -> None:
        user.display_name = self.cleaned_data["display_name"]
        user.is_staff = user.is_superuser = True
        user.save()


@method_decorator(sensitive_post_parameters("code", "password1"), name="post")
class FirstRunView(SignupView):
    form_class = FirstRunForm
    template_name = "accounts/first_run.html"

    def is_open(self) -> bool:
        """In place of the adapter's answer, which is for all other accounts."""
        return True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not awaits_first_run():
            raise Http404
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    def form_valid(self, form: FirstRunForm) -> HttpResponse:
        """Make the account, and sign in to it.

        Raises:
            Refusal: `conflict`, somebody else was faster.
        """
        with transaction.atomic():
            # Each site has this row before it has people, so that of two at once one waits.
            ContentType.objects.select_for_update().get(app_label="accounts", model="user")
            if not awaits_first_run():
                detail = _("Somebody else has just made the first account: sign up for another.")
                raise Refusal(ErrorCode.CONFLICT, detail)
            response: HttpResponse = super().form_valid(form)
            return response
