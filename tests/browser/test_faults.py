"""What the other tests hold every page to: that a page which lacks it is told so."""

import pytest

from tests.browser.conftest import Visiting
from tests.support.browser import Look

pytestmark = pytest.mark.asyncio(loop_scope="package")

POOR = """<!doctype html><title>A page</title><body style="margin:0;background:#fff;color:#000">
<h1>One</h1><h1>Two</h1>
<p style="color:#777">Grey</p>
<input name="unlabelled" style="height:44px;width:60px;border:1px solid #000">
<label for="age">Age</label><input id="age" name="age" aria-invalid="true" aria-describedby="why"
  style="height:44px;width:60px;border:1px solid #ddd">
<button style="height:20px;width:60px;background:#000;color:#fff">Small</button>
<p style="width:500px">Wide</p><p style="white-space:nowrap;width:380px">Long</p>"""


async def test_a_poor_page_is_told_what_it_lacks(visit: Visiting) -> None:
    visitor = await visit(Look(390))

    await visitor.page.set_content(POOR)

    assert await visitor.faults() == [
        "there must be one h1",
        "no label: <input> unlabelled",
        "no #why",
        "contrast 4.48: <p> Grey",
        "edge 1.36: <input> age",
        "as it is: the page scrolls sideways",
        "as it is: out of sight: <p> Wide",
        "as it is: too small to touch: <button> Small",
        "40 % longer: the page scrolls sideways",
        "40 % longer: out of sight: <p> WideWi",
        "40 % longer: too small to touch: <button> SmallSm",
    ]


async def test_a_stop_that_cannot_be_seen_is_told(visit: Visiting) -> None:
    visitor = await visit()

    await visitor.page.set_content('<style>a:focus-visible{outline:0}</style><a href="/">Home</a><button>Go</button>')

    assert await visitor.unseen_stops() == ["stop 1: 'Home'", "stop 2: 'Go'"]
