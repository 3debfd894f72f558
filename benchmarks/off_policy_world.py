"""A made-up world in which the worth of every policy is known, to hold the off-policy estimators against.

Users differ in what they ask, how much, and how kindly they rate; a policy sees finer contexts than the categories that
the model of the outcomes is fitted on, so that its predictions are wrong in detail.
"""

from dataclasses import dataclass

import numpy as np

from learning.domain import off_policy, reward_model
from learning.domain.cluster_jackknife import FloatArray, IntArray
from learning.domain.off_policy import Comparison, Odds, Outcome

CONTEXTS, CONTEXTS_PER_CATEGORY, ACTIONS = 12, 2, 4
DECISIONS_PER_USER = 12.0
USER_EFFECT, NOISE = 0.15, 0.25
# Dearer actions are better on average; each context has its own deviations.
QUALITY_OF_ACTION = np.array([0.62, 0.70, 0.76, 0.80])
COST_OF_ACTION = np.array([0.0002, 0.001, 0.004, 0.012])


@dataclass(frozen=True, slots=True)
class Exploration:
    """Shares of decisions that try one of three actions, and any action."""

    name: str
    shortlist_share: float
    random_share: float


@dataclass(frozen=True, slots=True)
class World:
    """What every action is worth in every context, and the two policies: rows are contexts, columns actions."""

    reward: FloatArray
    cost: FloatArray
    active: FloatArray
    target: FloatArray

    @property
    def true_difference(self) -> float:
        """Reward of the target less that of the active policy; all contexts are asked equally often."""
        return float(((self.target - self.active) * self.reward).sum(axis=1).mean())

    @property
    def true_target(self) -> float:
        """Reward of the target."""
        return float((self.target * self.reward).sum(axis=1).mean())

    @property
    def true_cost_difference(self) -> float:
        """Dollars a decision of the target less those of the active policy."""
        return float(((self.target - self.active) * self.cost).sum(axis=1).mean())


def world(exploration: Exploration, rng: np.random.Generator) -> World:
    """Make a world whose active policy takes the dearest action, and a target that saves in every third context."""
    deviation = rng.normal(0, 0.06, (CONTEXTS, ACTIONS))
    reward = np.clip(QUALITY_OF_ACTION + deviation, 0.05, 0.95)
    cost = COST_OF_ACTION * np.exp(rng.normal(0, 0.3, (CONTEXTS, 1)))
    greedy = np.full(CONTEXTS, 3)
    cheaper = greedy.copy()
    cheaper[::3] = 1
    return World(reward, cost, _policy(greedy, exploration), _policy(cheaper, exploration))


def compare(world: World, users: int, rng: np.random.Generator, *, is_clipped: bool = True) -> Comparison:
    """Let the active policy serve so many users once, and score the target on that log."""
    clusters = np.repeat(np.arange(users), 1 + rng.poisson(rng.gamma(2.0, (DECISIONS_PER_USER - 1) / 2.0, users)))
    contexts = _contexts(clusters, users, rng)
    actions = _draw(world.active[contexts], rng)
    effects = rng.normal(0, USER_EFFECT, users)[clusters]
    rewards = world.reward[contexts, actions] + effects + rng.normal(0, NOISE, len(clusters))
    costs = world.cost[contexts, actions] * rng.lognormal(-0.32, 0.8, len(clusters))
    return off_policy.compare(
        clusters=clusters,
        propensities=world.active[contexts, actions],
        target=_odds(world, world.target, contexts, actions),
        active=_odds(world, world.active, contexts, actions),
        outcomes={
            "quality": _outcome(world, clusters, contexts, actions, rewards),
            "cost": _outcome(world, clusters, contexts, actions, costs),
        },
        is_clipped=is_clipped,
    )


def _policy(greedy: IntArray, exploration: Exploration) -> FloatArray:
    odds = np.full((CONTEXTS, ACTIONS), exploration.random_share / ACTIONS)
    odds[:, 1:] += exploration.shortlist_share / (ACTIONS - 1)
    odds[np.arange(CONTEXTS), greedy] += 1.0 - exploration.shortlist_share - exploration.random_share
    return odds


def _contexts(clusters: IntArray, users: int, rng: np.random.Generator) -> IntArray:
    tastes = rng.dirichlet(np.ones(CONTEXTS), users)
    return _draw(tastes[clusters], rng)


def _draw(odds: FloatArray, rng: np.random.Generator) -> IntArray:
    passed = (rng.random(len(odds))[:, None] > odds.cumsum(axis=1)).sum(axis=1)
    drawn: IntArray = np.minimum(passed, odds.shape[1] - 1)
    return drawn


def _odds(world: World, policy: FloatArray, contexts: IntArray, actions: IntArray) -> Odds:
    never_logged = np.where(world.active == 0, policy, 0.0).sum(axis=1)
    return Odds(logged=policy[contexts, actions], unsupported=never_logged[contexts])


def _outcome(world: World, clusters: IntArray, contexts: IntArray, actions: IntArray, observed: FloatArray) -> Outcome:
    categories = contexts // CONTEXTS_PER_CATEGORY
    folds = np.array([reward_model.fold_of(str(user)) for user in range(clusters.max() + 1)])[clusters]
    model = reward_model.ShrunkenMeans(
        reward_model.Observations(
            categories=[str(category) for category in categories],
            actions=[str(action) for action in actions],
            folds=folds,
            outcomes=observed,
            sizes=np.ones(len(observed)),
        )
    )
    tables = np.array(
        [
            [
                [model.predict(fold, str(context // CONTEXTS_PER_CATEGORY), str(action)) for action in range(ACTIONS)]
                for context in range(CONTEXTS)
            ]
            for fold in range(reward_model.FOLDS)
        ]
    )
    predicted = tables[folds, contexts]
    return Outcome(
        observed=observed,
        predicted=predicted[np.arange(len(actions)), actions],
        under_target=(world.target[contexts] * predicted).sum(axis=1),
        under_active=(world.active[contexts] * predicted).sum(axis=1),
    )
