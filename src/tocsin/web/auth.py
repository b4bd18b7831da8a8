"""Who calls: the token of a request, and whether it may do what the call does."""

from hashlib import sha256

from starlette.requests import Request

from tocsin.core.configuration import Configuration, Token
from tocsin.core.configuration_words import Permission
from tocsin.core.errors import NotAllowed, TokenRequired

_SCHEME = "bearer "


def token_of(request: Request, in_body: str) -> str:
    """The token's text: from the body, else the Authorization header, else the query. Raises TokenRequired."""
    header = request.headers.get("authorization", "")
    bearer = header[len(_SCHEME) :].strip() if header.lower().startswith(_SCHEME) else ""
    token = in_body or bearer or request.query_params.get("token", "")
    if not token:
        raise TokenRequired("give it as member `token`, as `Authorization: Bearer`, or as `?token=`")
    return token


def admit(configuration: Configuration, text: str, permission: Permission) -> Token:
    """The token with this text, if it may; or TokenRequired, NotAllowed."""
    token = configuration.tokens.get(sha256(text.encode(errors="replace")).hexdigest())
    if token is None:
        raise TokenRequired("this token is not known")
    if not token.may(permission):
        raise NotAllowed(f"token {token.name!r} lacks the permission {permission}")
    return token
