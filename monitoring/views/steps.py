"""What staff do on a page of their own: a question with what would follow, a form, and the doing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminTextInputWidget


class ReasonForm(forms.Form):
    """Why somebody does it; kept with their name."""

    reason = forms.CharField(
        max_length=500, widget=UnfoldAdminTextInputWidget, help_text="Kept with your name and the time."
    )


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do.

    Attributes:
        act: does it and returns what to tell; takes the valid form.
        refusals: errors of ``act`` whose message is told to who asks.
    """

    question: str
    button: str
    effects: Iterable[str]
    form: forms.Form
    act: Callable[[dict[str, Any]], str]
    back: str
    refusals: tuple[type[Exception], ...] = ()
    look: Literal["", "danger"] = ""


def take(request: HttpRequest, step: Step) -> HttpResponse:
    """Ask first; do it on POST and go back."""
    if request.method == "POST" and step.form.is_valid():
        try:
            messages.success(request, step.act(step.form.cleaned_data))
        except step.refusals as error:
            messages.error(request, str(error))
        return HttpResponseRedirect(step.back)
    context = {**admin.site.each_context(request), "title": step.question, "step": step}
    return TemplateResponse(request, "admin/monitoring/step.html", context)
