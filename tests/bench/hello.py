"""The least that an ASGI application can answer: what uvicorn itself costs, with the same options and workers."""

from typing import Any

BODY = b"bonjour"
_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/plain"), (b"content-length", b"7")],
}


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer every request with ``bonjour``; take part in the lifespan protocol."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send(_START)
    await send({"type": "http.response.body", "body": BODY})
