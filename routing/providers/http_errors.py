"""What the HTTP client raises, by how far the exchange had come.

``ValueError`` is for what was wrong, ``ConnectionError`` for what went wrong. A deadline that has passed once the
connection stood is a plain ``TimeoutError``.
"""


class InvalidUrl(ValueError):
    """The address is not one of http or https; nothing was sent."""


class InvalidHeader(ValueError):
    """A header holds a character that would end it early, or that HTTP forbids; nothing was sent."""


class ConnectFailed(ConnectionError):
    """No connection: name resolution, TCP, or their deadline; nothing was sent."""


class TlsFailed(ConnectFailed):
    """The provider did not prove who it is, or does not speak TLS; nothing was sent."""


class Disconnected(ConnectionError):
    """The connection ended before the answer did."""


class BadResponse(ValueError):
    """What came back is not HTTP/1.1, or its head is larger than we are willing to hold."""
