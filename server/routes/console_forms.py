"""Forms of the console's plain pages: where they come from, what they hold, and the headers of every answer."""

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response

from loyalty.refusals import NotFound, Refusal, TryAgain
from loyalty.throttles.attempts import Throttled
from loyalty.words.languages import chosen
from loyalty.words.wording import refusal_worded, worded
from server.auth import same_origin
from server.routes import console_pages as pages
from server.routes.frame import CONTENT_SECURITY

FORM_BYTES_MAX = 16_384
FORM_FIELDS_MAX = 10

Form = dict[str, str]
Handler = Callable[[Request], Awaitable[Response]]


class NotAForm(Exception):
    """The body is not a form of ours; answered with the status."""

    def __init__(self, status: int) -> None:
        self.status = status


def guarded(handler: Handler, *, base_url: str) -> Handler:
    """Return the handler behind the check of where a form came from, and in front of the headers of every page.

    Whatever it refuses becomes a page in the reader's language.
    """

    async def answer(request: Request) -> Response:
        language = language_of(request)
        if request.method == "POST" and not same_origin(request.headers, base_url=base_url):
            response = refused(pages.message_page(language, worded("console.foreign", language)), status=403)
        else:
            try:
                response = await handler(request)
            except NotAForm as body:
                response = refused(
                    pages.message_page(language, worded("console.not-a-form", language)), None, body.status
                )
            except Refusal as refusal:
                response = refused(pages.message_page(language, refusal_worded(refusal, language)), refusal)
        _protect(response.headers, secure=base_url.startswith("https:"))
        return response

    return answer


def _protect(headers: MutableHeaders, *, secure: bool) -> None:
    headers["Content-Security-Policy"] = CONTENT_SECURITY
    headers["Cache-Control"] = "no-store"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    # "no-referrer" would make browsers send `Origin: null` with our own forms.
    headers["Referrer-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    if secure:
        headers["Strict-Transport-Security"] = "max-age=31536000"


async def form_of(request: Request) -> Form:
    """Return the fields of an ordinary form.

    Raises:
        NotAForm: the body is none, or is larger than a form of ours.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise NotAForm(415)
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > FORM_BYTES_MAX:
                raise NotAForm(413)
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX))
    except (ValueError, ClientDisconnect):
        raise NotAForm(400) from None


def language_of(request: Request, *fallbacks: str) -> str:
    """Return the language to answer in: what the browser asks for, else what the person is known to read."""
    return chosen(request.headers.get("accept-language"), *fallbacks)


def refused(page: str, refusal: Refusal | None = None, status: int = 422) -> Response:
    """Return a page that says no, with the status of its reason."""
    match refusal:
        case Throttled():
            return HTMLResponse(page, 429, {"Retry-After": str(refusal.facts["retry_after_seconds"])})
        case TryAgain():
            return HTMLResponse(page, 503, {"Retry-After": "1"})
        case NotFound():
            return HTMLResponse(page, 404)
    return HTMLResponse(page, status)
