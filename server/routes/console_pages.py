"""The markup of the console's plain pages: no script, one style, light and dark, from 390 px.

Every value passes `escape`; a page is a title and what stands under it.
"""

import base64
import hashlib
from collections.abc import Sequence
from html import escape

from loyalty.staff.keys import Key
from loyalty.staff.passwords import LENGTH_MAX, LENGTH_MIN
from loyalty.staff.people import Person
from loyalty.staff.second_factor import NewSecondFactor
from loyalty.words.wording import label, worded

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ground: #f5f5f4; --ink: #1c1917; --quiet: #57534e; --line: #78716c;
  --accent: #1d4ed8; --on-accent: #fff; --bad: #b91c1c; --good: #166534; }
@media (prefers-color-scheme: dark) { :root { --paper: #1c1917; --ground: #0c0a09; --ink: #fafaf9; --quiet: #d6d3d1;
  --line: #78716c; --accent: #93c5fd; --on-accent: #0c0a09; --bad: #fca5a5; --good: #86efac; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 40rem; margin: 0 auto; padding: 24px 16px 48px; }
main.narrow { max-width: 26rem; padding-top: 10vh; }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 8px; padding: 20px;
  margin-bottom: 16px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 16px; overflow-wrap: anywhere; }
h2 { font-size: 20px; margin: 0 0 8px; }
p { margin: 0 0 12px; }
label { display: block; font-weight: 600; margin: 12px 0 4px; }
input { width: 100%; min-height: 44px; padding: 8px 12px; font: inherit; color: inherit; background: var(--paper);
  border: 1px solid var(--line); border-radius: 8px; }
input[aria-invalid] { border-color: var(--bad); border-width: 2px; }
button { min-height: 44px; padding: 8px 20px; margin-top: 16px; font: inherit; font-weight: 600; border-radius: 8px;
  border: 1px solid var(--accent); background: var(--accent); color: var(--on-accent); cursor: pointer; }
button.plain { background: transparent; color: var(--accent); margin-top: 0; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
a { color: var(--accent); }
.hint { color: var(--quiet); font-size: 14px; margin: 4px 0 0; }
.error { color: var(--bad); font-weight: 600; margin: 4px 0 0; }
.notice { color: var(--good); font-weight: 600; }
code { font: 14px/1.4 ui-monospace, monospace; overflow-wrap: anywhere; user-select: all; }
ul { list-style: none; margin: 0; padding: 0; }
li { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: center; justify-content: space-between;
  border-top: 1px solid var(--line); padding: 12px 0; }
"""

STYLE_HASH = "sha256-" + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

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
    return _narrow(
        language,
        worded("console.sign-in.title", language),
        _notice(notice) + _wrong(wrong),
        f'<form method="post" action="{SIGN_IN}">',
        _field("email", "email", worded("console.sign-in.email", language), wrong, "username", value=email),
        _field("password", "password", worded("console.sign-in.password", language), wrong, "current-password"),
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
    graphiql = _link(graphiql_path, worded("console.home.graphiql", language))
    return _page(
        language,
        worded("console.home.title", language),
        f"<main><h1>{escape(person.name)}</h1>",
        _section(_who(person, language), graphiql, _sign_out(language)),
        _tokens(language, tokens, secret, errors or {}),
        _section(*_second_factor(person, language)),
        "</main>",
    )


def second_factor_page(language: str, new: NewSecondFactor, *, errors: Errors | None = None) -> str:
    """Return the page that shows a new secret and asks for the code an app makes of it."""
    wrong = errors or {}
    return _narrow(
        language,
        worded("console.second-factor.title", language),
        _wrong(wrong),
        f"<p>{escape(worded('console.second-factor.intro', language))}</p>",
        f"<p><code>{escape(new.secret)}</code></p>",
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


def _page(language: str, title: str, *parts: str) -> str:
    return "".join(
        (
            f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<title>{escape(title)} · Regulars</title><link rel="icon" href="data:,">',
            f"<style>{STYLE}</style></head><body>",
            *parts,
            "</body></html>",
        )
    )


def _narrow(language: str, title: str, *parts: str) -> str:
    return _page(language, title, f'<main class="narrow"><h1>{escape(title)}</h1>', _section(*parts), "</main>")


def _section(*parts: str) -> str:
    return "<section>" + "".join(parts) + "</section>"


def _field(name: str, kind: str, text: str, wrong: Errors, complete: str, *, value: str = "", hint: str = "") -> str:
    said = [f"{name}-{what}" for what, told in (("error", wrong.get(name)), ("hint", hint)) if told]
    described = f' aria-describedby="{" ".join(said)}"' if said else ""
    invalid = ' aria-invalid="true" autofocus' if name in wrong else ""
    numeric = ' inputmode="numeric"' if complete == "one-time-code" else ""
    return (
        f'<label for="{name}">{escape(text)}</label>'
        f'<input id="{name}" name="{name}" type="{kind}" value="{escape(value)}" autocomplete="{complete}"'
        f' maxlength="{LENGTH_MAX}" required{numeric}{described}{invalid}>'
        + (f'<p class="error" id="{name}-error">{escape(wrong[name])}</p>' if name in wrong else "")
        + (f'<p class="hint" id="{name}-hint">{escape(hint)}</p>' if hint else "")
    )


def _hidden(name: str, value: str, complete: str = "off") -> str:
    return f'<input type="hidden" name="{name}" value="{escape(value)}" autocomplete="{complete}">'


def _link(path: str | None, text: str) -> str:
    return f'<p><a href="{escape(path)}">{escape(text)}</a></p>' if path else ""


def _button(text: str, *, plain: bool = False, said: str = "") -> str:
    spoken = f' aria-label="{escape(said)}"' if said else ""
    return f"<button{' class=plain' if plain else ''}{spoken}>{escape(text)}</button>"


def _notice(text: str) -> str:
    return f'<p class="notice" role="status">{escape(text)}</p>' if text else ""


def _wrong(errors: Errors) -> str:
    return f'<p class="error" role="alert">{escape(errors[""])}</p>' if "" in errors else ""


def _who(person: Person, language: str) -> str:
    roles = ", ".join(label("role", role, language) for role in person.roles)
    return f"<p>{escape(person.email)}</p><p>{escape(worded('console.home.roles', language, roles=roles))}</p>"


def _sign_out(language: str) -> str:
    text = worded("console.home.sign-out", language)
    return f'<form method="post" action="{SIGN_OUT}">{_button(text, plain=True)}</form>'


def _tokens(language: str, tokens: Sequence[Key], secret: str, wrong: Errors) -> str:
    shown_once = worded("console.home.token-created", language)
    items = "".join(_token(language, token) for token in tokens)
    return _section(
        f"<h2>{escape(worded('console.home.tokens', language))}</h2>",
        f"<p>{escape(worded('console.home.tokens-intro', language))}</p>",
        f"{_notice(shown_once)}<p><code>{escape(secret)}</code></p>" if secret else "",
        f"<ul>{items}</ul>" if items else f"<p>{escape(worded('console.home.token-none', language))}</p>",
        _wrong(wrong),
        f'<form method="post" action="{TOKENS}">',
        _field("name", "text", worded("console.home.token-name", language), wrong, "off"),
        _button(worded("console.home.token-create", language)),
        "</form>",
    )


def _token(language: str, token: Key) -> str:
    used = (
        worded("console.home.token-used", language, last_used_at=token.last_used_at)
        if token.last_used_at
        else worded("console.home.token-unused", language)
    )
    revoke = worded("console.home.token-revoke", language)
    return (
        f'<li><span>{escape(token.name)}<br><span class="hint">{escape(token.prefix)}… · {escape(used)}</span></span>'
        f'<form method="post" action="{REVOKE}">{_hidden("key", str(token.id))}'
        f"{_button(revoke, plain=True, said=f'{revoke}: {token.name}')}</form></li>"
    )


def _second_factor(person: Person, language: str) -> tuple[str, ...]:
    title = f"<h2>{escape(worded('console.second-factor.title', language))}</h2>"
    if person.second_factor:
        return title, f"<p>{escape(worded('console.second-factor.on', language))}</p>"
    return (
        title,
        f"<p>{escape(worded('console.second-factor.off', language))}</p>",
        _link(SECOND_FACTOR, worded("console.second-factor.set-up", language)),
    )
