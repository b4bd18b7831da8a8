"""Who asks, as the connection or a proxy that is trusted tells."""

from starlette.requests import Request


def ip_of(request: Request) -> str:
    """The address of the visitor; empty when it is not known. uvicorn has put the one that a trusted proxy names."""
    return request.client.host if request.client else ""
