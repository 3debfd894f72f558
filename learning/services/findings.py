"""What a retraining decides from, read once, and what it decides; nothing is written here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings

from accounts.models import Team
from learning.domain import confidence, disputes, pattern_table
from learning.domain.assessment import Rules
from learning.domain.evidence import Evidence
from learning.domain.pattern_table import Circumstances, Incumbent, Table
from learning.models import RetrainingRun
from learning.selectors import catalog
from learning.selectors import evidence as evidence_selectors
from learning.selectors import overrides as override_selectors
from learning.selectors.catalog import Catalog, Versions


@dataclass(frozen=True, slots=True)
class Findings:
    """The evidence of one policy's ratings up to ``now``, with what else counts."""

    team: Team | None
    now: datetime
    rules: Rules
    frozen: dict[str, str]
    catalog: Catalog
    evidence: tuple[Evidence, ...]


def rules(min_samples: int | None, confidence_threshold: float | None) -> Rules:
    """Return the rules of a run; its own parameters can only be stricter than the general ones."""
    return Rules(
        min_samples=max(min_samples or 0, confidence.MIN_SAMPLES),
        min_distinct_users=settings.LEARNING_MIN_DISTINCT_USERS,
        confidence_threshold=confidence_threshold or 0.0,
    )


def window_start(now: datetime) -> datetime:
    """Return since when ratings count."""
    return now - timedelta(days=settings.LEARNING_WINDOW_DAYS)


def gather(team: Team | None, *, run_rules: Rules, frozen: dict[str, str], now: datetime) -> Findings:
    """Read the evidence, which takes as long as there are ratings; the rest is small."""
    since = window_start(now)
    known = catalog.at(now, since=since, known_versions=known_versions(team))
    evidence = evidence_selectors.gather(team=team, since=since, until=now, changes=known.changes)
    return Findings(team=team, now=now, rules=run_rules, frozen=frozen, catalog=known, evidence=evidence)


def decide(findings: Findings) -> Table:
    """Judge the evidence against the overrides that are in force at this moment."""
    incumbents = {
        pattern: Incumbent(pattern, override.provider, override.model, override.confidence)
        for pattern, override in override_selectors.in_force(findings.team).items()
    }
    circumstances = Circumstances(
        routable=findings.catalog.routable,
        barred=override_selectors.taken_away_by_staff(findings.team),
        frozen=findings.frozen,
    )
    return pattern_table.decide(
        findings.evidence, incumbents=incumbents, circumstances=circumstances, rules=findings.rules
    )


def disputed(findings: Findings) -> dict[str, str]:
    """Return why each pattern that would change now is in dispute."""
    return disputes.disputed(decide(findings), findings.evidence)


def freeze(findings: Findings, reasons: Mapping[str, str]) -> Findings:
    """Return the same findings with further patterns frozen."""
    return replace(findings, frozen={**{name: f"frozen: {why}" for name, why in reasons.items()}, **findings.frozen})


def known_versions(team: Team | None) -> Versions:
    """Return what the last run knew of each model's version."""
    succeeded = RetrainingRun.objects.filter(team=team, state=RetrainingRun.State.SUCCEEDED)
    last = succeeded.order_by("-started_at").first()
    versions: Versions = last.parameters.get("model_versions", {}) if last else {}
    return versions
