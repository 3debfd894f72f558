import json
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.decorators import action, display

from accounts.admin.base import BoundedPaginator, ReadOnlyAdmin
from routing.domain.policy import InvalidPolicy
from routing.models import PolicyActivation, PolicyVersion, PredictorModel, PromptEmbedding
from routing.services import policies
from routing.services.policies import Kind, PolicyNotFound, PolicyNotUsable

State = PolicyVersion.State


@admin.register(PolicyVersion)
class PolicyVersionAdmin(ReadOnlyAdmin):
    """All versions; what routes is changed by the actions, each after a page that asks for the reason."""

    actions = ("activate", "roll_back", "withdraw")
    list_display = ("version", "scope", "labelled_state", "source", "note", "created_by", "created_at")
    list_filter = ("state", "source", "team")
    list_select_related = ("team",)
    search_fields = ("note", "created_by")
    date_hierarchy = "created_at"
    fields = (
        "version",
        "scope",
        "state",
        "source",
        "note",
        "shown_document",
        "predictor",
        "content_hash",
        "created_by",
        "created_at",
    )
    readonly_fields = ("version", "scope", "shown_document")

    def has_activate_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("routing.change_policyversion"))

    @action(description="Route by the selected candidate", permissions=["activate"])
    def activate(self, request: HttpRequest, queryset: QuerySet[PolicyVersion]) -> HttpResponse | None:
        def start(policy: PolicyVersion, actor: str, reason: str) -> None:
            policies.activate(policy, kind=Kind.STAFF, actor=actor, reason=reason, now=timezone.now())

        return self._confirmed(request, queryset, "activate", "Route by policy {}?", start)

    @action(description="Roll back to the selected policy", permissions=["activate"])
    def roll_back(self, request: HttpRequest, queryset: QuerySet[PolicyVersion]) -> HttpResponse | None:
        def restore(policy: PolicyVersion, actor: str, reason: str) -> None:
            policies.rollback(version=policy.version, team=policy.team, actor=actor, reason=reason, now=timezone.now())

        return self._confirmed(request, queryset, "roll_back", "Roll back to policy {}?", restore)

    @action(description="Withdraw the selected active policy", permissions=["activate"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[PolicyVersion]) -> HttpResponse | None:
        def end(policy: PolicyVersion, actor: str, reason: str) -> None:
            if PolicyVersion.objects.get(pk=policy.pk).state != State.ACTIVE:
                raise PolicyNotUsable(f"Policy {policy.version} does not route, so it cannot be withdrawn.")
            policies.withdraw(team=policy.team, actor=actor, reason=reason, now=timezone.now())

        question = "Withdraw policy {}, so that prompts are routed by their complexity?"
        return self._confirmed(request, queryset, "withdraw", question, end)

    def _confirmed(
        self,
        request: HttpRequest,
        queryset: QuerySet[PolicyVersion],
        name: str,
        question: str,
        change: Callable[[PolicyVersion, str, str], None],
    ) -> HttpResponse | None:
        """Ask for a reason first, then change what routes."""
        selected = list(queryset.select_related("team", "predictor")[:2])
        if len(selected) != 1:
            self.message_user(request, "Select one policy.", messages.ERROR)
            return None
        policy, reason = selected[0], request.POST.get("reason", "").strip()
        if request.POST.get("confirmed") != "yes" or not reason:
            return self._question(request, policy, name, question.format(policy.version))
        try:
            change(policy, request.user.get_username(), reason)
        except (InvalidPolicy, PolicyNotFound, PolicyNotUsable) as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.message_user(request, "Done: every process routes accordingly within a second.")
        return None

    def _question(self, request: HttpRequest, policy: PolicyVersion, name: str, question: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": question,
            "question": f"{question} This is {self.scope(policy)}.",
            "policy": policy,
            "action": name,
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
            "back": reverse("admin:routing_policyversion_changelist"),
            "opts": self.model._meta,
        }
        return TemplateResponse(request, "admin/routing/confirm_policy.html", context)

    @admin.display(description="of", ordering="team")
    def scope(self, policy: PolicyVersion) -> str:
        return "shared by all teams that do not learn alone" if policy.team is None else f"team {policy.team.slug}"

    @display(
        description="state",
        ordering="state",
        label={
            State.ACTIVE: "success",
            State.CANDIDATE: "info",
            State.ON_TRIAL: "info",
            State.RETIRED: "warning",
            State.REJECTED: "danger",
        },
    )
    def labelled_state(self, policy: PolicyVersion) -> str:
        return policy.state

    @admin.display(description="document")
    def shown_document(self, policy: PolicyVersion) -> str:
        return format_html("<pre>{}</pre>", json.dumps(policy.document, indent=2))


@admin.register(PolicyActivation)
class PolicyActivationAdmin(ReadOnlyAdmin):
    list_display = ("activated_at", "team", "kind", "policy", "replaced", "actor", "reason")
    list_filter = ("kind", "team")
    list_select_related = ("team", "policy", "replaced")
    search_fields = ("actor", "reason")
    date_hierarchy = "activated_at"


@admin.register(PredictorModel)
class PredictorModelAdmin(ReadOnlyAdmin):
    list_display = ("short_hash", "trained_at")
    date_hierarchy = "trained_at"
    fields = ("sha256", "trained_at", "summary")
    ordering = ("-trained_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.defer("content")

    @admin.display(description="predictor", ordering="sha256")
    def short_hash(self, predictor: PredictorModel) -> str:
        return str(predictor)


@admin.register(PromptEmbedding)
class PromptEmbeddingAdmin(ReadOnlyAdmin):
    list_display = ("request_id", "team", "encoder", "created_at", "expires_at")
    list_filter = ("team", "encoder", "expires_at")
    list_select_related = ("team",)
    exclude = ("vector",)
    ordering = ("-expires_at",)
    show_full_result_count = False
    paginator = BoundedPaginator

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.defer("vector")
