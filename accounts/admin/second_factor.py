"""The page on which staff set up their own second factor."""

import django_otp
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.services import audit, second_factor
from accounts.services.second_factor import WrongCode

URL_NAME = "admin:second_factor"


class CodeForm(forms.Form):
    code = forms.CharField(
        max_length=40,
        label="Code",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "one-time-code", "spellcheck": "false"}),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def page(request: HttpRequest) -> HttpResponse:
    """Show where a user stands; on POST set up, replace the recovery codes, or remove, each with a code."""
    user = get_object_or_404(User, username=request.user.get_username())
    form = CodeForm(request.POST if request.method == "POST" else None)
    codes: list[str] = []
    if form.is_valid():
        try:
            codes = _act(request, user, form.cleaned_data["code"])
        except WrongCode as error:
            form.add_error("code", str(error))
        else:
            if not codes:
                return HttpResponseRedirect(reverse(URL_NAME))
    return _shown(request, user, form, codes)


def _act(request: HttpRequest, user: User, code: str) -> list[str]:
    """Do what the button says once the code is right; return recovery codes to show, if there are new ones."""
    if second_factor.device_of(user) is None:
        device, codes = second_factor.confirm(user, code)
        django_otp.login(request, device)
        audit.record(user_id=user.pk, row=user, what="Set up two-factor login")
        messages.success(request, "Two-factor login is set up.")
        return codes
    second_factor.verify(user, code)
    if "remove" in request.POST:
        second_factor.remove(user)
        audit.record(user_id=user.pk, row=user, what="Removed two-factor login")
        messages.success(request, "Two-factor login is removed; your password is enough again.")
        return []
    audit.record(user_id=user.pk, row=user, what="Made new recovery codes")
    return second_factor.make_recovery_codes(user)


def _shown(request: HttpRequest, user: User, form: CodeForm, codes: list[str]) -> HttpResponse:
    is_set_up = second_factor.device_of(user) is not None
    beginning = None if is_set_up else second_factor.begin(user)
    context = {
        **admin.site.each_context(request),
        "title": "Two-factor login",
        "form": CodeForm() if codes else form,
        "codes": codes,
        "is_set_up": is_set_up,
        "is_required": second_factor.is_required(user),
        "codes_left": second_factor.recovery_codes_left(user),
        "picture": beginning and second_factor.picture(beginning),
        "secret": beginning and second_factor.secret(beginning),
    }
    status = 422 if form.errors else 200
    return TemplateResponse(request, "admin/second_factor.html", context, status=status)
