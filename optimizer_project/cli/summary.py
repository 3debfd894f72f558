"""What `start` tells people once everything is up."""

from collections.abc import Sequence

from optimizer_project.cli.setup import NewCredentials

_WIDTH = 100


def local_url(host: str, port: int) -> str:
    """Return the address under which this machine reaches a server that listens on ``host``."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 - compared with, not bound to
    return f"http://{f'[{reachable}]' if ':' in reachable and not reachable.startswith('[') else reachable}:{port}"


def lines(host: str, port: int, credentials: NewCredentials, notes: Sequence[str]) -> list[str]:
    """Return the summary; secrets only where this run has made them."""
    url = local_url(host, port)
    text = [
        "AI Cost Optimizer is ready",
        "",
        f"Gateway    {url}/v1",
        f"API docs   {url}/docs",
        f"Admin      {url}/admin/{_login(credentials)}",
    ]
    if credentials.api_key:
        text.append(f"API key    {credentials.api_key}  (shown only now)")
    for note in notes:
        text += ["", *_wrapped(note)]
    return text


def curl(host: str, port: int, credentials: NewCredentials) -> str:
    """Return a command to copy into a shell."""
    key = credentials.api_key or "$OPTIMIZER_API_KEY"
    body = '{"model": "auto", "messages": [{"role": "user", "content": "What is the capital of France?"}]}'
    return (
        f'  curl {local_url(host, port)}/v1/chat/completions -H "Authorization: Bearer {key}" \\\n'
        f"    -H 'Content-Type: application/json' -d '{body}'"
    )


def _login(credentials: NewCredentials) -> str:
    if not credentials.username:
        return ""
    password = f"password {credentials.password}  (shown only now)" if credentials.password else "your password"
    return f"  user {credentials.username}, {password}"


def _wrapped(text: str) -> list[str]:
    rows: list[str] = [""]
    for word in text.split():
        if len(rows[-1]) + len(word) + 1 > _WIDTH:
            rows.append("")
        rows[-1] = f"{rows[-1]} {word}".strip()
    return rows
