import json
from collections.abc import Callable

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from unfold.decorators import action, display

from accounts.admin import links
from accounts.admin.base import ReadOnlyAdmin, ReplicaList, RequestIdSearch, UnreadColumns
from accounts.admin.confirmation import Change, ConfirmedActions
from routing.domain.policy import InvalidPolicy
from routing.models import PolicyActivation, PolicyVersion, PredictorModel, PromptEmbedding
from routing.selectors import policies as selectors
from routing.services import policies
from routing.services.policies import Kind, PolicyNotFound, PolicyNotUsable

State = PolicyVersion.State


@admin.register(PolicyVersion)
class PolicyVersionAdmin(ConfirmedActions, ReadOnlyAdmin):
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
        "leads_to",
    )
    readonly_fields = ("version", "scope", "shown_document", "leads_to")

    def has_activate_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("routing.change_policyversion"))

    @action(description="Route by the selected candidate", permissions=["activate"])
    def activate(self, request: HttpRequest, queryset: QuerySet[PolicyVersion]) -> HttpResponse | None:
        def start(policy: PolicyVersion, actor: str, reason: str) -> None:
            policies.activate(policy, kind=Kind.STAFF, actor=actor, reason=reason, now=timezone.now())

        return self._change(request, queryset, "activate", "Route by policy {}", start)

    @action(description="Roll back to the selected policy", permissions=["activate"])
    def roll_back(self, request: HttpRequest, queryset: QuerySet[PolicyVersion]) -> HttpResponse | None:
        def restore(policy: PolicyVersion, actor: str, reason: str) -> None:
            policies.rollback(version=policy.version, team=policy.team, actor=actor, reason=reason, now=timezone.now())

        return self._change(request, queryset, "roll_back", "Roll back to policy {}", restore)

    @action(description="Withdraw the selected active policy", permissions=["activate"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[PolicyVersion]) -> HttpResponse | None:
        def end(policy: PolicyVersion, actor: str, reason: str) -> None:
            if PolicyVersion.objects.get(pk=policy.pk).state != State.ACTIVE:
                raise PolicyNotUsable(f"Policy {policy.version} does not route, so it cannot be withdrawn.")
            policies.withdraw(team=policy.team, actor=actor, reason=reason, now=timezone.now())

        return self._change(request, queryset, "withdraw", "Withdraw policy {}", end)

    def _change(
        self,
        request: HttpRequest,
        queryset: QuerySet[PolicyVersion],
        name: str,
        button: str,
        do: Callable[[PolicyVersion, str, str], None],
    ) -> HttpResponse | None:
        chosen = queryset.first()
        change = Change(
            name=name,
            button=button.format(chosen.version if chosen else ""),
            effects=lambda rows: [self._effect(row, name) for row in rows],
            do=do,
            done="Done: every process routes accordingly within a second.",
            refusals=(InvalidPolicy, PolicyNotFound, PolicyNotUsable),
            is_single=True,
        )
        return self.confirmed(request, queryset.select_related("team", "predictor"), change)

    def _effect(self, policy: PolicyVersion, name: str) -> str:
        standing = selectors.active(policy.team)
        now = f"policy {standing.version} routes" if standing else "prompts are routed by their complexity"
        then = "prompts are routed by their complexity" if name == "withdraw" else f"policy {policy.version} routes"
        return f"This is {self.scope(policy)}. Now {now}; then {then}."

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

    @admin.display(description="see also")
    def leads_to(self, policy: PolicyVersion) -> str:
        version = policy.version
        return links.shown(
            [
                links.to_list("routing.ledgerentry", "requests it decided", policy_version=version, period="week"),
                links.to_list("feedback.responsefeedback", "ratings of these", policy_version=version, period="week"),
                links.to_list("routing.policyactivation", "when it began to route", policy=version),
                links.to_list("learning.policyevaluation", "how it was judged", candidate=version),
                links.to_list("experiments.experiment", "experiments it came out of", promoted_policy=version),
            ]
        )

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
class PredictorModelAdmin(UnreadColumns, ReadOnlyAdmin):
    unread = ("content",)
    list_display = ("short_hash", "trained_at")
    date_hierarchy = "trained_at"
    fields = ("sha256", "trained_at", "summary")
    ordering = ("-trained_at",)

    @admin.display(description="predictor", ordering="sha256")
    def short_hash(self, predictor: PredictorModel) -> str:
        return str(predictor)


@admin.register(PromptEmbedding)
class PromptEmbeddingAdmin(ReplicaList, UnreadColumns, RequestIdSearch, ReadOnlyAdmin):
    list_display = ("request_id", "team", "encoder", "created_at", "expires_at")
    list_filter = ("expires_at",)
    list_select_related = ("team",)
    exclude = unread = ("vector",)
    ordering = ("-expires_at",)
    sortable_by = ("expires_at",)
