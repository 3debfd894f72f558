"""How the prompts of evaluation sets are kept: encrypted, and found again by a keyed hash."""

from accounts.services import encryption
from learning.selectors.outcomes import PROMPT_PURPOSE


def hash_of(prompt: str) -> str:
    """Return the keyed hash by which equal prompts are recognized: 64 hexadecimal digits."""
    return encryption.keyed_hash(prompt.encode("utf-8", "surrogatepass"), purpose=PROMPT_PURPOSE)


def encrypt(prompt: str) -> bytes:
    return encryption.encrypt(prompt.encode(), purpose=PROMPT_PURPOSE)
