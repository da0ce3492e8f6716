"""The last step before an answer leaves: every error gets a published code, and nothing of ours gets out.

Refusals say what the rules said; mistakes in the request say what was expected; all else is `INTERNAL` with the
request's id, and the cause goes to the log under the same id.
"""

import logging
import re
from collections.abc import Sequence

from graphql import FieldNode, GraphQLError

from loyalty.access import ActorKind, NotPermitted
from loyalty.refusals import NotFound, Refusal, TryAgain
from loyalty.words.wording import refusal_worded
from schema.codes import Code, Published
from schema.context import Context

log = logging.getLogger(__name__)

MESSAGE_LENGTH_MAX = 300

_SUGGESTION = re.compile(r" Did you mean .*$", re.DOTALL)


def masked(errors: Sequence[GraphQLError], context: Context | None, request_id: str) -> list[GraphQLError]:
    """Return the errors as the caller may see them; log those that are our fault."""
    return [_masked(error, context, request_id) for error in errors]


def masked_fault(fault: BaseException, request_id: str) -> GraphQLError:
    """Return what a caller sees of a fault outside any field; log the fault."""
    log.error("request %s failed", request_id, exc_info=fault)
    return GraphQLError("Something went wrong here.", extensions=_extensions(Code.INTERNAL, requestId=request_id))


def _masked(error: GraphQLError, context: Context | None, request_id: str) -> GraphQLError:
    cause = _cause(error)
    if isinstance(cause, Refusal):
        return _told(error, cause, context)
    if isinstance(cause, Published):
        return _copy(error, _brief(error.message), cause.extensions or {})
    if isinstance(cause, GraphQLError) and _of_the_request(error, cause):
        return _copy(error, _brief(error.message), _extensions(Code.BAD_USER_INPUT))
    inner = masked_fault(cause, request_id)
    return _copy(error, inner.message, inner.extensions or {})


def _brief(message: str) -> str:
    """Return the message without guesses at names, and without all of what the caller sent."""
    message = _SUGGESTION.sub("", message)
    return message if len(message) <= MESSAGE_LENGTH_MAX else message[:MESSAGE_LENGTH_MAX] + "…"


def _cause(error: GraphQLError) -> Exception:
    cause: Exception = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def _of_the_request(error: GraphQLError, cause: GraphQLError) -> bool:
    """Return whether graphql-core itself found fault with the request: it points at what is wrong.

    Within execution it points at an argument; where it points at a whole field, somebody's exception surfaced there.
    """
    if error.path is None:
        return bool(error.nodes)
    nodes = cause.nodes or []
    return bool(nodes) and not isinstance(nodes[0], FieldNode)


def _told(error: GraphQLError, refusal: Refusal, context: Context | None) -> GraphQLError:
    code = code_of(refusal, context)
    if code is Code.UNAUTHENTICATED:
        return _copy(error, "Nobody is signed in.", _extensions(code))
    waiting = refusal.facts.get("retry_after_seconds")
    more = {} if waiting is None else {"retryAfterSeconds": waiting}
    message = refusal_worded(refusal, context.language if context else "en")
    return _copy(error, message, _extensions(code, refusal=refusal.code, **more))


def code_of(refusal: Refusal, context: Context | None) -> Code:
    """Return the published code under which a refusal is an error."""
    if isinstance(refusal, NotPermitted):
        anonymous = context is None or context.actor.kind is ActorKind.PUBLIC
        return Code.UNAUTHENTICATED if anonymous else Code.FORBIDDEN
    if isinstance(refusal, NotFound):
        return Code.NOT_FOUND
    if isinstance(refusal, TryAgain) or "retry_after_seconds" in refusal.facts:
        return Code.RATE_LIMITED
    return Code.BAD_USER_INPUT


def _extensions(code: Code, **more: object) -> dict[str, object]:
    return {"code": str(code), **more}


def _copy(error: GraphQLError, message: str, extensions: dict[str, object]) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=extensions,
    )
