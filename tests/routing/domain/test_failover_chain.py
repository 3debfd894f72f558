from random import Random

from hypothesis import given
from hypothesis import strategies as st

from routing.domain.catalog import TIERS, ModelSpec
from routing.domain.failover import LONGEST_CHAIN, chain, equivalents
from tests.routing.domain.specs import candidate, model, price

CHEAP, DEAR = price("0.1", "0.2"), price("10", "20")
CHOSEN = model("openai/gpt", "moderate")
SIBLING_CHEAP = model("openai/sibling", "moderate", price=CHEAP)
ELSEWHERE = model("claude/sonnet", "moderate", price=DEAR)
ELSEWHERE_CHEAP = model("gemini/flash", "moderate")
EQUIVALENT = model("openrouter/openai-gpt", "complex", canonical_name="gpt", price=DEAR)
SIMPLE, COMPLEX = model("cerebras/small", "simple", price=CHEAP), model("claude/opus", "complex", price=DEAR)


def names(*models: ModelSpec) -> list[str]:
    return [spec.full_name for spec in chain(CHOSEN, [candidate(spec) for spec in models])]


def test_same_tier_elsewhere_then_openrouters_equivalent_then_the_nearest_tier() -> None:
    assert names(SIMPLE, EQUIVALENT, ELSEWHERE, CHOSEN) == [
        "openai/gpt",
        "claude/sonnet",
        "openrouter/openai-gpt",
        "cerebras/small",
    ]


def test_another_provider_goes_before_the_same_one_then_the_cheaper() -> None:
    assert names(SIBLING_CHEAP, ELSEWHERE, ELSEWHERE_CHEAP) == [
        "openai/gpt",
        "gemini/flash",
        "claude/sonnet",
        "openai/sibling",
    ]


def test_large_tier_does_not_crowd_out_the_other_kinds() -> None:
    crowd = [model(f"vendor{number}/m", "moderate", price=CHEAP) for number in range(9)]
    assert names(*crowd, EQUIVALENT) == ["openai/gpt", "vendor0/m", "vendor1/m", "openrouter/openai-gpt"]


def test_nearer_tier_goes_before_a_cheaper_one_further_away() -> None:
    chosen = model("openai/mini", "simple")
    found = chain(chosen, [candidate(spec) for spec in (COMPLEX, ELSEWHERE)])
    assert found == (chosen, ELSEWHERE, COMPLEX)


def test_openrouters_equivalent_is_known_by_its_canonical_name_alone() -> None:
    lookalike = model("openrouter/gpt", "complex", canonical_name="another", price=DEAR)
    assert names(lookalike, EQUIVALENT, SIMPLE, COMPLEX) == [
        "openai/gpt",
        "openrouter/openai-gpt",
        "cerebras/small",
        "claude/opus",
    ]


def test_chain_without_alternatives_is_the_chosen_model() -> None:
    assert names() == names(CHOSEN) == ["openai/gpt"]


PROVIDERS = st.sampled_from(["openai", "claude", "openrouter", "gemini"])
MODELS = st.lists(
    st.builds(
        lambda provider, name, tier, canonical: model(f"{provider}/{name}", tier, canonical_name=canonical),
        PROVIDERS,
        st.sampled_from("abcdef"),
        st.sampled_from(TIERS),
        st.sampled_from(["x", "y"]),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda spec: spec.id,
)


@given(MODELS, st.randoms(use_true_random=False))
def test_chain_starts_with_the_chosen_repeats_none_and_ignores_the_order_given(
    models: list[ModelSpec], random: Random
) -> None:
    chosen = models[0]
    found = chain(chosen, [candidate(spec) for spec in models])
    assert found[0] == chosen
    assert len(found) == len({spec.id for spec in found}) == min(LONGEST_CHAIN, len(models))
    assert set(found) <= set(models)
    shuffled = random.sample(models, len(models))
    assert chain(chosen, [candidate(spec) for spec in shuffled]) == found


@given(MODELS)
def test_first_fallback_is_of_the_same_tier_wherever_there_is_one(models: list[ModelSpec]) -> None:
    chosen = models[0]
    tiers_of_others = {spec.tier for spec in models[1:]}
    first_fallback = chain(chosen, [candidate(spec) for spec in models])[1:2]
    assert (chosen.tier in tiers_of_others) <= all(spec.tier == chosen.tier for spec in first_fallback)


@given(MODELS)
def test_named_model_falls_back_only_to_itself_at_other_providers(models: list[ModelSpec]) -> None:
    chosen = models[0]
    found = equivalents(chosen, models)
    assert chosen not in found
    assert len(found) == len({spec.id for spec in found}) < LONGEST_CHAIN
    assert all(spec.canonical_name == chosen.canonical_name for spec in found)
    assert all(spec.provider != chosen.provider for spec in found)


def test_named_equivalents_keep_the_order_given() -> None:
    azure, router = model("azure/gpt", price=DEAR), model("openrouter/gpt", price=CHEAP)
    assert equivalents(CHOSEN, [azure, router, CHOSEN, ELSEWHERE]) == (azure, router)
    assert equivalents(CHOSEN, [router, azure]) == (router, azure)


def test_named_equivalent_without_a_price_is_asked_only_where_staff_allow_it() -> None:
    unpriced = model("azure/gpt", price=None)
    allowed = model("openrouter/gpt", price=None, allow_unpriced=True)
    assert equivalents(CHOSEN, [unpriced, allowed]) == (allowed,)


def test_models_without_a_canonical_name_are_no_equivalents() -> None:
    nameless, other = model("a/x", canonical_name=""), model("b/y", canonical_name="")
    assert equivalents(nameless, [other]) == ()
