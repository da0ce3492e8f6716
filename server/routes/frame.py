"""What every plain page shares: one style, light and dark, from 390 px; the mark; the frame. No script.

Sizes of type are 12, 14, 16, 20 and 28 px, space comes in steps of 4, and one accent leads to what can be done.
"""

import base64
import hashlib
from html import escape
from urllib.parse import quote

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ground: #f5f5f4; --ink: #1c1917; --quiet: #57534e;
  --line: #e7e5e4; --edge: #78716c; --accent: #1d4ed8; --accent-strong: #1e40af; --on-accent: #fff;
  --bad: #b91c1c; --bad-ground: #fef2f2; --good: #166534; --good-ground: #f0fdf4; --info-ground: #eff6ff; }
@media (prefers-color-scheme: dark) { :root { --paper: #1c1917; --ground: #0c0a09; --ink: #fafaf9; --quiet: #d6d3d1;
  --line: #44403c; --edge: #a8a29e; --accent: #93c5fd; --accent-strong: #bfdbfe; --on-accent: #0c0a09;
  --bad: #fca5a5; --bad-ground: #3b1414; --good: #86efac; --good-ground: #0f2a18; --info-ground: #16243d; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); overflow-wrap: anywhere;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
header, main { max-width: 44rem; margin: 0 auto; padding: 0 16px; }
header { display: flex; align-items: center; justify-content: space-between; gap: 16px; min-height: 76px; }
main { padding-bottom: 48px; }
.narrow header, .narrow main { max-width: 27rem; }
@media (min-height: 700px) { .narrow header { margin-top: 8vh; } }
.brand { display: inline-flex; align-items: center; gap: 8px; min-height: 44px; border-radius: 8px;
  color: inherit; font-weight: 600; text-decoration: none; }
.mark { display: block; width: 28px; height: 28px; color: var(--accent); }
h1 { font-size: 28px; line-height: 36px; letter-spacing: -0.01em; margin: 12px 0 16px; }
h1:has(+ .lead) { margin-bottom: 4px; }
h2 { font-size: 20px; line-height: 28px; margin: 0 0 4px; }
h2:has(+ .said) { margin-bottom: 12px; }
p { margin: 0 0 16px; text-wrap: pretty; }
.lead { color: var(--quiet); margin-bottom: 24px; }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 8px; padding: 24px;
  margin-bottom: 16px; }
section > :last-child { margin-bottom: 0; }
@media (max-width: 480px) { section { padding: 20px 16px; } }
form { margin: 0 0 16px; }
header form { margin: 0; }
label { display: block; font-size: 14px; line-height: 20px; font-weight: 600; margin-bottom: 4px; }
input { width: 100%; min-height: 44px; padding: 8px 12px; font: inherit; color: inherit; background: var(--paper);
  border: 1px solid var(--edge); border-radius: 8px; }
input:focus-visible { outline-offset: 0; }
input[aria-invalid] { border-color: var(--bad); box-shadow: inset 0 0 0 1px var(--bad); }
input[inputmode] { max-width: 12rem; letter-spacing: 0.2em; font-variant-numeric: tabular-nums; }
.field { margin-bottom: 16px; }
.field > p { margin: 4px 0 0; }
button, summary { min-height: 44px; padding: 8px 20px; font: inherit; font-weight: 600; border-radius: 8px;
  border: 1px solid var(--accent); background: var(--accent); color: var(--on-accent); cursor: pointer; }
button:hover { background: var(--accent-strong); border-color: var(--accent-strong); }
.narrow section button { width: 100%; }
button.plain, summary { background: transparent; border-color: var(--edge); color: var(--ink); }
button.plain:hover, summary:hover { background: var(--line); }
button.final { background: var(--bad); border-color: var(--bad); color: var(--paper); }
button.final:hover { background: var(--paper); color: var(--bad); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
a { color: var(--accent); text-underline-offset: 3px; }
a:hover { text-decoration-thickness: 2px; }
.hint { color: var(--quiet); font-size: 14px; line-height: 20px; }
.error, .said { border-radius: 8px; padding: 12px 16px 12px 44px; position: relative;
  margin-bottom: 16px; }
.error { background: var(--bad-ground); color: var(--bad); }
.error::before, .said::before { position: absolute; left: 16px; top: 14px; width: 20px; height: 20px; content: "i" / "";
  border-radius: 10px; font: 700 14px/20px system-ui, sans-serif; text-align: center;
  background: var(--accent); color: var(--on-accent); }
.error::before { content: "!" / ""; background: var(--bad); color: var(--bad-ground); }
.said { background: var(--info-ground); }
.said.good { background: var(--good-ground); }
.said.good::before { content: "\\2713" / ""; background: var(--good); color: var(--good-ground); }
.said > :last-child { margin-bottom: 0; }
.said > p { margin-bottom: 8px; }
.field > .error { padding: 0 0 0 24px; background: none; font-size: 14px; line-height: 20px; }
.field > .error::before { left: 0; top: 2px; width: 16px; height: 16px; font-size: 12px; line-height: 16px; }
code { font: 14px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.secret { display: block; padding: 12px 16px; border: 1px solid var(--line); border-radius: 8px;
  background: var(--paper); color: var(--ink); user-select: all; -webkit-user-select: all; }
section > .secret { background: var(--ground); margin-bottom: 12px; }
.secret span { display: inline-block; margin-right: 0.75em; }
ul { list-style: none; margin: 0 0 24px; padding: 0; border-bottom: 1px solid var(--line); }
li { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 4px 16px; align-items: start;
  border-top: 1px solid var(--line); padding: 12px 0; }
li strong { display: block; font-weight: 600; }
summary { display: inline-block; list-style: none; }
summary::-webkit-details-marker { display: none; }
details { text-align: end; max-width: 20rem; }
details[open] summary { background: var(--line); }
details p { margin: 12px 0; }
details form { margin-bottom: 4px; }
@media (max-width: 480px) { details[open] { grid-column: 1 / -1; text-align: start; } }
.empty { color: var(--quiet); }
.place { position: relative; display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 0 16px;
  padding: 16px 24px; margin-bottom: 12px; }
.place p { grid-column: 1 / -1; margin: 0; color: var(--quiet); }
.place code { color: var(--quiet); line-height: 28px; }
.place a::after { content: ""; position: absolute; inset: 0; border-radius: 8px; }
.place a { text-decoration: none; }
.place:has(a):hover { border-color: var(--accent); }
.place a:focus-visible { outline: none; }
.place a:focus-visible::after { outline: 3px solid var(--accent); outline-offset: 2px; }
@media (max-width: 480px) { .place { padding: 16px; } }
"""

STYLE_HASH = "sha256-" + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

CONTENT_SECURITY = (
    f"default-src 'none'; style-src '{STYLE_HASH}'; img-src data:; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)

# A stamp card with three stamps of four.
_STAMPS = (
    '<rect width="28" height="28" rx="7" fill="{card}"/><g fill="{stamp}"><circle cx="9.5" cy="9.5" r="3.5"/>'
    '<circle cx="18.5" cy="9.5" r="3.5"/><circle cx="9.5" cy="18.5" r="3.5"/></g>'
    '<circle cx="18.5" cy="18.5" r="2.75" fill="none" stroke="{stamp}" stroke-width="1.5"/>'
)
_MARK = (
    '<svg class="mark" viewBox="0 0 28 28" aria-hidden="true">'
    + _STAMPS.format(card="currentColor", stamp="var(--on-accent)")
    + "</svg>"
)
ICON = "data:image/svg+xml," + quote(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 28 28">'
    + _STAMPS.format(card="#1d4ed8", stamp="#fff")
    + "</svg>"
)


def framed(language: str, title: str, *parts: str, actions: str = "", narrow: bool = False) -> str:
    """Return a page: `parts` below the mark, which leads to where things are; `actions` stand across from it."""
    name = escape(title) if title == "Regulars" else f"{escape(title)} · Regulars"
    return "".join(
        (
            f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<title>{name}</title><link rel="icon" href="{ICON}">',
            f"<style>{STYLE}</style></head><body{' class=narrow' if narrow else ''}>",
            f'<header><a class="brand" href="/">{_MARK}Regulars</a>{actions}</header><main>',
            *parts,
            "</main></body></html>",
        )
    )
