"""The words of a prompt as hashed terms: words, pairs of words, and the words it begins and ends with."""

import re
import zlib
from itertools import pairwise

import numpy as np

from routing.domain.text_window import window

# Feature hashing (Weinberger et al. 2009): terms share 65,536 places, so that no vocabulary need be kept.
PLACES = 1 << 16
_HEAD_CHARACTERS, _TAIL_CHARACTERS = 1_500, 1_500
_TERM = re.compile(r"[a-z]+|\d|[^\sa-z\d]")
# The first and last one, two and three words are terms of their own: instructions stand there.
_ANCHORED = (1, 2, 3)
# In no term: the pattern would find it, so it is taken out of the text.
_SEPARATOR = "\x00"


def term_counts(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of a text's terms, ascending int64, and log(1 + count) of each as float32."""
    view = window(text, _HEAD_CHARACTERS, _TAIL_CHARACTERS).lower().replace(_SEPARATOR, " ")
    words = _TERM.findall(view)
    if not words:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
    terms = [f"w{word}" for word in words]
    terms += [f"b{first} {second}" for first, second in pairwise(words)]
    for count in _ANCHORED:
        terms += ["^" + " ".join(words[:count]), "$" + " ".join(words[-count:])]
    encoded = _SEPARATOR.join(terms).encode("utf-8", "replace").split(_SEPARATOR.encode())
    hashes = np.fromiter(map(zlib.crc32, encoded), dtype=np.int64, count=len(encoded)) & (PLACES - 1)
    places, counts = np.unique(hashes, return_counts=True)
    return places, np.log1p(counts).astype(np.float32)
