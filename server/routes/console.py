"""The console's plain pages: signing in and out, accepting an invitation, personal tokens, the second factor.

They work without script. A form is believed when it comes from our own origin (and the cookie is `SameSite=Strict`);
who is signed in is read from the session's row at every request.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from loyalty.clock import Clock
from loyalty.refusals import Invalid, Refusal, TryAgain
from loyalty.staff import invitations, keys, passwords, second_factor, sessions
from loyalty.staff.people import NAME_LENGTH_MAX
from loyalty.words.languages import chosen
from loyalty.words.wording import refusal_worded, worded
from server.auth import Cookies, network_address
from server.routes import console_pages as pages
from server.routes.console_forms import Form, Handler, form_of, guarded, language_of, refused


@dataclass(frozen=True)
class Console:
    """What the pages need to know; made once by `console_routes`."""

    clock: Clock
    cookies: Cookies
    ends_after: timedelta
    issuer: str
    graphiql_path: str | None

    async def home(self, request: Request) -> Response:
        """Show who is signed in, or the sign-in page."""
        now = self.clock.now()
        session = await self.cookies.session(request.cookies, now=now)
        if session is None:
            return self._signed_out(request)
        return await self._home(request, session)

    async def sign_in(self, request: Request) -> Response:
        """Take e-mail address and password, or the ticket of the first step and a code."""
        form, language = await form_of(request), language_of(request)
        try:
            begun = await self._begun(request, form)
        except sessions.CodeNeeded as needed:
            return _shown(pages.code_page(language, ticket=needed.ticket))
        except second_factor.CodeWrong as wrong:
            return refused(pages.code_page(language, ticket=form["ticket"], errors=_beside("code", wrong, language)))
        except Refusal as refusal:
            errors = _beside("password" if isinstance(refusal, sessions.SignInRefused) else "", refusal, language)
            return refused(pages.sign_in_page(language, email=form.get("email", ""), errors=errors), refusal)
        return self._to_home(begun.token)

    async def sign_out(self, request: Request) -> Response:
        """End the session and forget its cookie."""
        await sessions.sign_out(self.cookies.token(request.cookies), now=self.clock.now())
        return self._to_home("")

    async def create_token(self, request: Request) -> Response:
        """Make a personal token and show it, once."""
        form, now = await form_of(request), self.clock.now()
        session = await self.cookies.session(request.cookies, now=now)
        if session is None:
            return self._signed_out(request)
        try:
            _, secret = await keys.create_personal_token(session.actor, name=form.get("name", ""), now=now)
        except Invalid:
            language = language_of(request, session.person.language)
            wrong = worded("console.home.token-name-wrong", language, length_max=NAME_LENGTH_MAX)
            return await self._home(request, session, errors={"name": wrong}, status=422)
        return await self._home(request, session, secret=secret)

    async def revoke_token(self, request: Request) -> Response:
        """End one of the person's tokens."""
        form, now = await form_of(request), self.clock.now()
        session = await self.cookies.session(request.cookies, now=now)
        if session is None:
            return self._signed_out(request)
        with suppress(Refusal, ValueError):  # what is not there any more needs no end
            await keys.revoke_api_key(session.actor, UUID(form.get("key", "")), now=now)
        return RedirectResponse(pages.SIGN_IN, 303)

    async def show_second_factor(self, request: Request) -> Response:
        """Show a new secret for an authenticator app."""
        session = await self.cookies.session(request.cookies, now=self.clock.now())
        if session is None:
            return self._signed_out(request)
        new = second_factor.new_second_factor(session.person, issuer=self.issuer)
        return _shown(pages.second_factor_page(language_of(request, session.person.language), new))

    async def add_second_factor(self, request: Request) -> Response:
        """Ask for codes from now on, once a code proves that the app has the secret."""
        form, language = await form_of(request), language_of(request)
        try:
            begun = await sessions.add_second_factor(
                self.cookies.token(request.cookies),
                secret=form.get("secret", ""),
                code=form.get("code", ""),
                idle_after=self.cookies.idle_after,
                now=self.clock.now(),
            )
        except second_factor.CodeWrong as wrong:
            again = second_factor.NewSecondFactor(form.get("secret", ""), "")
            return refused(pages.second_factor_page(language, again, errors=_beside("code", wrong, language)))
        except sessions.SignInRefused:
            return self._signed_out(request)
        return self._to_home(begun.token)

    async def show_invitation(self, request: Request) -> Response:
        """Show whom the invitation is for; looking does not use it."""
        try:
            person = await invitations.invitation(request.path_params["token"], now=self.clock.now())
        except invitations.InvitationInvalid as invalid:
            language = language_of(request)
            return refused(pages.message_page(language, refusal_worded(invalid, language)), status=404)
        return _shown(pages.invitation_page(chosen(request.headers.get("accept-language"), person.language), person))

    async def accept_invitation(self, request: Request) -> Response:
        """Set the first password; then the person signs in with it."""
        form, language, now = await form_of(request), language_of(request), self.clock.now()
        token = request.path_params["token"]
        try:
            person = await invitations.accept_invitation(token, form.get("password", ""), now=now)
        except (passwords.PasswordTooShort, passwords.PasswordTooLong, TryAgain) as refusal:
            invited = await invitations.invitation(token, now=now)
            errors = _beside("" if isinstance(refusal, TryAgain) else "password", refusal, language)
            return refused(pages.invitation_page(language, invited, errors=errors), refusal)
        except invitations.InvitationInvalid as invalid:
            return refused(pages.message_page(language, refusal_worded(invalid, language)), status=404)
        notice = worded("console.invitation.accepted", language)
        return _shown(pages.sign_in_page(language, email=person.email, notice=notice))

    async def _begun(self, request: Request, form: Form) -> sessions.Begun:
        address, now = network_address(request.client and request.client.host), self.clock.now()
        old = self.cookies.token(request.cookies)
        if "ticket" in form:
            return await sessions.sign_in_with_code(
                form["ticket"],
                form.get("code", ""),
                address=address,
                replaces=old,
                ends_after=self.ends_after,
                now=now,
            )
        return await sessions.sign_in(
            email=form.get("email", ""),
            password=form.get("password", ""),
            address=address,
            replaces=old,
            ends_after=self.ends_after,
            now=now,
        )

    async def _home(
        self,
        request: Request,
        session: sessions.Session,
        *,
        secret: str = "",
        errors: pages.Errors | None = None,
        status: int = 200,
    ) -> Response:
        tokens = await keys.own_tokens(session.actor)
        page = pages.home_page(
            language_of(request, session.person.language),
            session.person,
            tokens,
            secret=secret,
            errors=errors,
            graphiql_path=self.graphiql_path,
        )
        return _shown(page, status)

    def _signed_out(self, request: Request) -> Response:
        language = language_of(request)
        over = self.cookies.token(request.cookies) != ""
        notice = worded("console.sign-in.over", language) if over else ""
        response = _shown(pages.sign_in_page(language, notice=notice), 200 if request.method == "GET" else 401)
        if over:
            self._set_cookie(response, "")
        return response

    def _to_home(self, token: str) -> Response:
        response = RedirectResponse(pages.SIGN_IN, 303)
        self._set_cookie(response, token)
        return response

    def _set_cookie(self, response: Response, token: str) -> None:
        # No date of its own: the browser forgets it when it is closed, the server when the session ends.
        response.set_cookie(
            self.cookies.name,
            token,
            max_age=None if token else 0,
            path="/",
            secure=self.cookies.secure,
            httponly=True,
            samesite="strict",
        )


def console_routes(
    *,
    clock: Clock,
    base_url: str,
    idle_after: timedelta = sessions.IDLE_AFTER,
    ends_after: timedelta = sessions.ENDS_AFTER,
    graphiql_path: str | None = None,
) -> list[Route]:
    """Return the routes of the console's plain pages.

    `base_url` is the address as people reach the server; over https the cookie is `Secure` and host-bound.
    """
    cookies = Cookies(secure=urlsplit(base_url).scheme == "https", idle_after=idle_after)
    issuer = f"Regulars ({urlsplit(base_url).hostname})"
    console = Console(clock, cookies, ends_after, issuer, graphiql_path)
    table: list[tuple[str, str, Handler]] = [
        ("/console", "GET", console.home),
        ("/console/", "GET", console.home),
        ("/console", "POST", console.sign_in),
        (pages.SIGN_OUT, "POST", console.sign_out),
        (pages.TOKENS, "POST", console.create_token),
        (pages.REVOKE, "POST", console.revoke_token),
        (pages.SECOND_FACTOR, "GET", console.show_second_factor),
        (pages.SECOND_FACTOR, "POST", console.add_second_factor),
        ("/console/invitation/{token}", "GET", console.show_invitation),
        ("/console/invitation/{token}", "POST", console.accept_invitation),
    ]
    return [Route(path, guarded(handler, base_url=base_url), methods=[method]) for path, method, handler in table]


def _beside(field: str, refusal: Refusal, language: str) -> pages.Errors:
    return {field: refusal_worded(refusal, language)}


def _shown(page: str, status: int = 200) -> Response:
    return HTMLResponse(page, status)
