"""The page on which a person links their account to a chat."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.requests import AuthenticatedRequest
from bridges.telegram import linking
from bridges.telegram.models import Link


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def settings(request: AuthenticatedRequest) -> HttpResponse:
    """Shows whether there is a chat; a POST shows a new code, once."""
    bot = linking.bot()
    code = linking.new_code(request.user) if request.method == "POST" and bot else ""
    link = Link.objects.filter(user=request.user).first()
    context = {"bot": bot, "link": link, "code": code, "minutes": linking.CODE_MINUTES}
    return render(request, "telegram/settings.html", context)


@require_POST
@login_required
def unlink(request: AuthenticatedRequest) -> HttpResponse:
    linking.unlink(request.user)
    messages.success(request, _("Your account is no longer linked to Telegram."))
    return redirect("telegram:settings")
