"""The markup of the console's plain pages: a title and what stands under it. Every value passes `escape`."""

from collections.abc import Sequence
from html import escape

from loyalty.staff.keys import Key
from loyalty.staff.passwords import LENGTH_MAX, LENGTH_MIN
from loyalty.staff.people import Person
from loyalty.staff.second_factor import NewSecondFactor
from loyalty.words.wording import label, worded
from server.routes.frame import framed

SIGN_IN = "/console"
SIGN_OUT = "/console/sign-out"
TOKENS = "/console/tokens"
REVOKE = "/console/tokens/revoke"
SECOND_FACTOR = "/console/second-factor"

Errors = dict[str, str]
"""What is wrong, by the field it is said beside; "" for the form as a whole."""


def sign_in_page(language: str, *, email: str = "", errors: Errors | None = None, notice: str = "") -> str:
    """Return the page that asks for e-mail address and password."""
    wrong = errors or {}
    address, password = worded("console.sign-in.email", language), worded("console.sign-in.password", language)
    return _narrow(
        language,
        worded("console.sign-in.title", language),
        _said(notice) + _wrong(wrong),
        f'<form method="post" action="{SIGN_IN}">',
        _field("email", "email", address, wrong, "username", value=email, first=not email),
        _field("password", "password", password, wrong, "current-password", first=bool(email)),
        _button(worded("console.sign-in.submit", language)),
        "</form>",
    )


def code_page(language: str, *, ticket: str, errors: Errors | None = None) -> str:
    """Return the page that asks for the code of the authenticator app; `ticket` stands for the password."""
    wrong = errors or {}
    return _narrow(
        language,
        worded("console.sign-in.code-title", language),
        _wrong(wrong),
        f'<form method="post" action="{SIGN_IN}">{_hidden("ticket", ticket)}',
        _field(
            "code",
            "text",
            worded("console.sign-in.code", language),
            wrong,
            "one-time-code",
            hint=worded("console.sign-in.code-hint", language),
            first=True,
        ),
        _button(worded("console.sign-in.submit", language)),
        "</form>",
        _link(SIGN_IN, worded("console.sign-in.start-over", language)),
    )


def home_page(
    language: str,
    person: Person,
    tokens: Sequence[Key],
    *,
    secret: str = "",
    errors: Errors | None = None,
    graphiql_path: str | None,
) -> str:
    """Return what a signed-in person sees: who they are, and their tokens; `secret` is a new one, shown once."""
    return framed(
        language,
        worded("console.home.title", language),
        f'<h1>{escape(person.name)}</h1><p class="lead">{escape(person.email)}<br>{_roles(person, language)}</p>',
        _tokens(language, tokens, secret, errors or {}, graphiql_path),
        _section(*_second_factor(person, language)),
        actions=_sign_out(language),
    )


def second_factor_page(language: str, new: NewSecondFactor, *, errors: Errors | None = None) -> str:
    """Return the page that shows a new secret and asks for the code an app makes of it."""
    wrong = errors or {}
    return _narrow(
        language,
        worded("console.second-factor.title", language),
        _wrong(wrong),
        f"<p>{escape(worded('console.second-factor.intro', language))}</p>",
        f'<code class="secret">{_in_fours(new.secret)}</code>',
        _link(new.address, worded("console.second-factor.open", language)),
        f'<form method="post" action="{SECOND_FACTOR}">{_hidden("secret", new.secret)}',
        _field("code", "text", worded("console.sign-in.code", language), wrong, "one-time-code"),
        _button(worded("console.second-factor.submit", language)),
        "</form>",
        _link(SIGN_IN, worded("console.second-factor.back", language)),
    )


def invitation_page(language: str, person: Person, *, errors: Errors | None = None) -> str:
    """Return the page on which somebody new sets a password."""
    wrong = errors or {}
    return _narrow(
        language,
        worded("console.invitation.title", language, name=person.name),
        _wrong(wrong),
        f"<p>{escape(worded('console.invitation.intro', language, email=person.email))}</p>",
        # No address of its own: the form goes where the page came from, and the token stays out of the markup.
        '<form method="post">' + _hidden("username", person.email, "username"),
        _field(
            "password",
            "password",
            worded("console.invitation.password", language),
            wrong,
            "new-password",
            hint=worded("console.invitation.hint", language, length_min=LENGTH_MIN),
            first=True,
        ),
        _button(worded("console.invitation.submit", language)),
        "</form>",
    )


def message_page(language: str, message: str) -> str:
    """Return a page that says one thing and leads back to the sign-in page."""
    return _narrow(
        language,
        worded("console.home.title", language),
        f'<p role="alert">{escape(message)}</p>',
        _link(SIGN_IN, worded("console.sign-in.title", language)),
    )


def _narrow(language: str, title: str, *parts: str) -> str:
    return framed(language, title, f"<h1>{escape(title)}</h1>", _section(*parts), narrow=True)


def _section(*parts: str) -> str:
    return "<section>" + "".join(parts) + "</section>"


def _field(
    name: str,
    kind: str,
    text: str,
    wrong: Errors,
    complete: str,
    *,
    value: str = "",
    hint: str = "",
    first: bool = False,
) -> str:
    told, kind_told = (wrong[name], "error") if name in wrong else (hint, "hint")
    described = f' aria-describedby="{name}-{kind_told}"' if told else ""
    invalid = ' aria-invalid="true"' if name in wrong else ""
    focused = " autofocus" if name in wrong or (first and not wrong) else ""
    numeric = ' inputmode="numeric"' if complete == "one-time-code" else ""
    return (
        f'<div class="field"><label for="{name}">{escape(text)}</label>'
        f'<input id="{name}" name="{name}" type="{kind}" value="{escape(value)}" autocomplete="{complete}"'
        f' maxlength="{LENGTH_MAX}" required{numeric}{described}{invalid}{focused}>'
        + (f'<p class="{kind_told}" id="{name}-{kind_told}">{escape(told)}</p>' if told else "")
        + "</div>"
    )


def _hidden(name: str, value: str, complete: str = "off") -> str:
    return f'<input type="hidden" name="{name}" value="{escape(value)}" autocomplete="{complete}">'


def _link(path: str | None, text: str) -> str:
    return f'<p><a href="{escape(path)}">{escape(text)}</a></p>' if path else ""


def _button(text: str, look: str = "") -> str:
    return f"<button{f' class={look}' if look else ''}>{escape(text)}</button>"


def _said(text: str) -> str:
    return f'<p class="said" role="status">{escape(text)}</p>' if text else ""


def _wrong(errors: Errors) -> str:
    return f'<p class="error" role="alert">{escape(errors[""])}</p>' if "" in errors else ""


def _in_fours(secret: str) -> str:
    # The gaps are the style's: what is copied has none.
    return "".join(f"<span>{escape(secret[start : start + 4])}</span>" for start in range(0, len(secret), 4))


def _roles(person: Person, language: str) -> str:
    roles = ", ".join(label("role", role, language) for role in person.roles)
    return escape(worded("console.home.roles", language, roles=roles))


def _sign_out(language: str) -> str:
    text = worded("console.home.sign-out", language)
    return f'<form method="post" action="{SIGN_OUT}">{_button(text, "plain")}</form>'


def _tokens(language: str, tokens: Sequence[Key], secret: str, wrong: Errors, graphiql_path: str | None) -> str:
    items = "".join(_token(language, token) for token in tokens)
    none = worded("console.home.token-none", language)
    name, hint = worded("console.home.token-name", language), worded("console.home.token-name-hint", language)
    return _section(
        f"<h2>{escape(worded('console.home.tokens', language))}</h2>",
        f"<p>{escape(worded('console.home.tokens-intro', language))}</p>",
        _link(graphiql_path, worded("console.home.graphiql", language)),
        _made(language, secret),
        f"<ul>{items}</ul>" if items else f'<p class="empty">{escape(none)}</p>',
        _wrong(wrong),
        f'<form method="post" action="{TOKENS}">',
        _field("name", "text", name, wrong, "off", hint=hint),
        _button(worded("console.home.token-create", language)),
        "</form>",
    )


def _made(language: str, secret: str) -> str:
    if not secret:
        return ""
    shown_once = escape(worded("console.home.token-created", language))
    # It takes the focus, so that it is read aloud and is on the screen.
    return (
        f'<div class="said good" role="status" tabindex="-1" autofocus><p>{shown_once}</p>'
        f'<code class="secret">{escape(secret)}</code></div>'
    )


def _token(language: str, token: Key) -> str:
    made = worded("console.home.token-made", language, made_on=token.created_at.date())
    used = (
        worded("console.home.token-used", language, last_used_at=token.last_used_at)
        if token.last_used_at
        else worded("console.home.token-unused", language)
    )
    return (
        f'<li><div><strong>{escape(token.name)}</strong><span class="hint">{escape(token.prefix)}…<br>'
        f"{escape(made)} · {escape(used)}</span></div>{_revoking(language, token)}</li>"
    )


def _revoking(language: str, token: Key) -> str:
    """Return the button that asks again: what follows it cannot be undone."""
    revoke = worded("console.home.token-revoke", language)
    named = worded("console.home.token-revoke-named", language, name=token.name)
    return (
        f'<details><summary aria-label="{escape(named)}">{escape(revoke)}</summary>'
        f"<p>{escape(worded('console.home.token-revoke-means', language))}</p>"
        f'<form method="post" action="{REVOKE}">{_hidden("key", str(token.id))}'
        f"{_button(named, 'final')}</form></details>"
    )


def _second_factor(person: Person, language: str) -> tuple[str, ...]:
    title = f"<h2>{escape(worded('console.second-factor.title', language))}</h2>"
    if person.second_factor:
        return title, f'<p class="said good">{escape(worded("console.second-factor.on", language))}</p>'
    return (
        title,
        f"<p>{escape(worded('console.second-factor.off', language))}</p>",
        _link(SECOND_FACTOR, worded("console.second-factor.set-up", language)),
    )
