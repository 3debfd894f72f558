"""The prompts of the demo: short ones of every kind, most with an answer that anybody can check."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LONGEST_ANSWER_TOKENS = 160


@dataclass(frozen=True)
class Prompt:
    """A prompt, and words of which a right answer has at least one, in lower case; empty where taste decides."""

    text: str
    right: tuple[str, ...] = ()

    @property
    def request(self) -> Mapping[str, Any]:
        """The body for POST /complete."""
        return {
            "prompt": self.text,
            "max_tokens": LONGEST_ANSWER_TOKENS,
            "auto_route": True,
            "user_id": "demo",
            "session_id": "demo",
        }

    def is_right(self, answer: str) -> bool | None:
        """Whether the answer has what a right one has; None where that says nothing."""
        return any(word in answer.lower() for word in self.right) if self.right else None


PROMPTS = (
    Prompt("What is the capital of France?", ("paris",)),
    Prompt("Translate 'good morning' into Spanish.", ("buenos d", "buen d")),
    Prompt("Explain in two sentences why the sky is blue.", ("scatter",)),
    Prompt("Write a Python function that says whether a number is prime.", ("def ",)),
    Prompt("A train leaves at 9:40 and travels for 95 minutes. When does it arrive? Think step by step.", ("11:15",)),
    Prompt("Compare SQL and NoSQL databases: when would you choose which?", ("schema", "relation")),
    Prompt("Write a short poem about the sea at night."),
    Prompt(
        "Design a rate limiter for an API that runs in ten regions. Analyze the trade-off between consistency and "
        "latency, prove that no key can exceed twice its limit, and give the algorithm in Python with its complexity.",
        ("def ", "class "),
    ),
)
