import math
import zlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from routing.domain import text_terms


def place(term: str) -> int:
    return zlib.crc32(term.encode()) % 65_536


def test_terms_are_words_pairs_and_what_stands_at_the_ends() -> None:
    places, values = text_terms.term_counts("Go go!")
    found = dict(zip(places.tolist(), values.tolist(), strict=True))
    # The pair "go go" and the pair "go !", each once; "go" twice; one, two and three words from either end.
    once = ["w!", "bgo go", "bgo !", "^go", "$!", "^go go", "$go !", "^go go !", "$go go !"]
    expected = {place(term): math.log(2) for term in once} | {place("wgo"): math.log(3)}
    assert found.keys() == expected.keys()
    assert np.allclose([found[key] for key in expected], list(expected.values()))


def test_text_without_words_has_no_terms() -> None:
    assert [len(part) for part in text_terms.term_counts(" \x00\n")] == [0, 0]


@given(st.text(st.characters(codec=None), max_size=5_000))
def test_every_text_has_ascending_places(text: str) -> None:
    places, values = text_terms.term_counts(text)
    assert (np.diff(places) > 0).all()
    assert ((places >= 0) & (places < text_terms.PLACES)).all()
    assert (values > 0).all()
