"""How actions of the admin change something: they say what would follow, ask why, do it, and record who did it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin

from accounts.services import audit

MOST_REASON_CHARACTERS = 300
MOST_ROWS = 100


@dataclass(frozen=True, slots=True)
class Change:
    """A change that an action makes to each selected row.

    Attributes:
        name: of the action's method.
        button: what is done, as on a button; also what the record of it begins with.
        effects: sentences on what would follow, from the selected rows.
        do: does it to one row; takes the row, the name of who asks, and the reason.
        done: what to tell when it is done.
        refusals: errors of ``do`` whose message is told to who asks.
        is_single: whether it is done to one row at a time only.
    """

    name: str
    button: str
    effects: Callable[[Sequence[Any]], Iterable[str]]
    do: Callable[[Any, str, str], object]
    done: str
    refusals: tuple[type[Exception], ...] = ()
    is_single: bool = False


class ConfirmedActions(ModelAdmin):
    """For admin pages with actions that change something."""

    def confirmed(self, request: HttpRequest, queryset: QuerySet[Any], change: Change) -> HttpResponse | None:
        """Ask first; do it to each row and record it once a reason was given."""
        most = 1 if change.is_single else MOST_ROWS
        rows = list(queryset[: most + 1])
        if len(rows) > most:
            wanted = f"one {self.opts.verbose_name}" if change.is_single else f"at most {MOST_ROWS}"
            self.message_user(request, f"Select {wanted}.", messages.ERROR)
            return None
        reason = request.POST.get("reason", "").strip()[:MOST_REASON_CHARACTERS]
        if request.POST.get("confirmed") != "yes" or not reason:
            return self._question(request, rows, change)
        self._do(request, rows, change, reason)
        return None

    def _do(self, request: HttpRequest, rows: Sequence[Model], change: Change, reason: str) -> None:
        actor, done = request.user.get_username(), 0
        for row in rows:
            try:
                with audit.recorded(user_id=request.user.pk, row=row, what=f"{change.button}: {reason}"):
                    change.do(row, actor, reason)
            except change.refusals as error:
                self.message_user(request, str(error), messages.ERROR)
            else:
                done += 1
        if done:
            self.message_user(request, change.done)

    def _question(self, request: HttpRequest, rows: Sequence[Model], change: Change) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": f"{change.button}?",
            "change": change,
            "rows": rows,
            "effects": list(change.effects(rows)),
            "most_characters": MOST_REASON_CHARACTERS,
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
            "back": request.get_full_path(),
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/confirm_change.html", context)
