"""Notes what must not happen on any page."""

from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Page, Request, Response


class Findings:
    """What went wrong on the pages of one test.

    ``hosts`` may be asked; ``expected`` holds parts of the messages that the test provokes.
    """

    def __init__(self) -> None:
        self.hosts: set[str] = set()
        self.expected: list[str] = []
        self._messages: list[str] = []

    def note(self, message: str) -> None:
        self._messages.append(message)

    def unexpected(self) -> list[str]:
        return [message for message in self._messages if not any(part in message for part in self.expected)]


def watch(page: Page, findings: Findings) -> None:
    """Note the page's errors and everything it asks of another host."""

    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            findings.note(f"{message.type} in the console: {message.text} ({message.location.get('url')})")

    def on_request(request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob", "about") and address.netloc not in findings.hosts:
            findings.note(f"request to another host: {request.url}")

    def on_response(response: Response) -> None:
        if response.status >= 500:
            findings.note(f"answer {response.status}: {response.url}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: findings.note(f"exception: {error}"))
    page.on("request", on_request)
    page.on("response", on_response)
