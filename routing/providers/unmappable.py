"""A request that one wire protocol can carry and another cannot."""


class Unmappable(ValueError):
    """``parameter`` of the request has no equivalent; another provider may understand it."""

    def __init__(self, parameter: str, reason: str = "it has no equivalent there") -> None:
        super().__init__(f"{parameter} cannot be sent to this provider: {reason}")
        self.parameter = parameter
