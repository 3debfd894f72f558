"""The action that limits what a team may spend."""

from accounts.models import Budget, Team
from accounts.services import budgets
from accounts.services.budgets import InvalidBudget
from insights.domain import wording
from insights.services.action_kinds.kind import Cause, Change, NotApplicable, Parameters, Undo


class SetBudget:
    """Sets the team's hard budget of a period."""

    def preview(self, team: Team, parameters: Parameters) -> Change:
        present, limit = _present(team, parameters["period"]), int(parameters["limit_nano_usd"])
        return Change(
            f"Set a budget of {wording.usd(limit)} a {parameters['period']}.",
            "no such limit" if present is None else f"{wording.usd(present.limit_nano_usd)} a {present.period}",
            f"{wording.usd(limit)} a {parameters['period']}",
            (
                "It is a hard limit: what would pass it is refused with HTTP 402 until the next period or a higher "
                "limit.",
                "What was spent in this period so far counts.",
                "It can be taken back at any time.",
            ),
            is_needed=present is None or present.limit_nano_usd != limit,
        )

    def apply(self, team: Team, parameters: Parameters, cause: Cause) -> Undo:
        present, limit = _present(team, parameters["period"]), int(parameters["limit_nano_usd"])
        if present is not None and present.limit_nano_usd == limit:
            return {}
        try:
            budget = budgets.set_budget(
                team=team, period=parameters["period"], limit_nano_usd=limit, today=cause.now.date()
            )
        except InvalidBudget as error:
            raise NotApplicable(str(error)) from error
        before = None if present is None else present.limit_nano_usd
        return {"budget_id": budget.id, "limit_nano_usd": limit, "before": before}

    def revert(self, team: Team, undo: Undo, cause: Cause) -> None:
        """Bring the former limit back, or none, unless somebody has changed it since."""
        if not undo:
            return
        budget = Budget.objects.filter(id=undo["budget_id"], team=team, limit_nano_usd=undo["limit_nano_usd"]).first()
        if budget is None:
            return
        if undo["before"] is None:
            budgets.remove(budget)
        else:
            budgets.change_limit(budget, undo["before"], today=cause.now.date())


def _present(team: Team, period: str) -> Budget | None:
    return Budget.objects.filter(team=team, api_key=None, period=period, is_hard=True).first()
