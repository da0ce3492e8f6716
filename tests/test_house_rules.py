"""What no linter knows about this house."""

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ("loyalty", "migrations", "schema", "console", "jobs", "server", "benchmarks", "tests")
ROOMS_WITHOUT_A_NAME = {
    *("util", "utils", "helper", "helpers", "common", "service", "services", "manager", "managers", "handler"),
    *("handlers", "base", "core", "misc", "types", "exceptions", "constants"),
}
FUNCTION_LINES_MAX = 50


@cache
def kept_files() -> tuple[Path, ...]:
    """Return the files that are, or are about to be, in the repository."""
    if not (ROOT / ".git").exists():
        return tuple(path for path in ROOT.rglob("*") if path.is_file() and not _is_made(path))
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    return tuple(path for name in told.stdout.split("\0") if name and (path := ROOT / name).is_file())


def _is_made(path: Path) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in path.relative_to(ROOT).parts[:-1])


def modules(*folders: str) -> list[Path]:
    return [path for path in kept_files() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in folders]


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def named(paths: list[str]) -> str:
    return "\n".join(["", *paths])


def where(path: Path, node: ast.AST | None = None) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


def test_every_room_has_a_name_of_its_own() -> None:
    nameless = [where(path) for path in modules(*SOURCES) if path.stem in ROOMS_WITHOUT_A_NAME]

    assert not nameless, named(nameless)


def test_a_concept_s_init_is_its_vocabulary_and_nothing_else() -> None:
    more = [
        where(path)
        for path in modules("loyalty")
        if path.name == "__init__.py"
        and not (len(body := tree(path).body) == 1 and isinstance(body[0], ast.Expr) and ast.get_docstring(tree(path)))
    ]

    assert not more, named(more)


def test_a_concept_s_init_names_every_file_of_the_concept() -> None:
    unnamed = [
        where(path)
        for path in modules("loyalty")
        if path.name != "__init__.py"
        and path.parent != ROOT / "loyalty"
        and path.name not in (path.parent / "__init__.py").read_text(encoding="utf-8")
    ]

    assert not unnamed, named(unnamed)


def test_what_the_readme_names_as_a_rule_s_place_exists() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.partition("## Where does a rule live?")[2].partition("\n## ")[0]
    places = re.findall(r"`([\w./-]+)`", table)

    assert len(places) >= 8
    missing = [place for place in places if not (ROOT / place).exists()]
    assert not missing, named(missing)


def test_links_between_documents_lead_somewhere() -> None:
    dead = [
        f"{where(page)} {target}"
        for page in kept_files()
        if page.suffix == ".md"
        for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#]+)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]

    assert not dead, named(dead)


def test_nothing_is_started_inside_a_transaction() -> None:
    """A task started inside one inherits its connection and goes on using it when it is somebody else's."""
    started = [
        where(path, call)
        for path in modules("loyalty", "schema", "jobs", "server")
        for function in _functions(tree(path))
        if _calls(function, {"in_one_transaction", "answered"})
        for call in _calls(function, {"create_task", "gather", "ensure_future", "TaskGroup"})
    ]

    assert not started, named(started)


def test_business_time_has_no_default() -> None:
    """`now` is told by the edge, by its name."""
    guessed = [
        where(path, function)
        for path in modules("loyalty")
        for function in _functions(tree(path))
        if any(
            argument.arg == "now" and default is not None
            for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
        )
    ]

    assert not guessed, named(guessed)


def test_functions_fit_on_a_screen() -> None:
    long = [
        f"{where(path, function)} {function.name}"
        for path in modules("loyalty", "schema", "console", "jobs", "server")
        for function in _functions(tree(path))
        if (function.end_lineno or 0) - function.body[0].lineno - _docstring_lines(function) >= FUNCTION_LINES_MAX
    ]

    assert not long, named(long)


def test_every_public_function_of_the_rules_says_what_it_does() -> None:
    silent = [
        f"{where(path, function)} {function.name}"
        for path in modules("loyalty")
        for function in tree(path).body
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        and not function.name.startswith("_")
        and not ast.get_docstring(function)
    ]

    assert not silent, named(silent)


def test_every_test_is_a_sentence() -> None:
    short = [
        f"{where(path, function)} {function.name}"
        for path in modules("tests")
        if path.name.startswith("test_")
        for function in _functions(tree(path))
        if function.name.startswith("test_") and function.name.count("_") < 3
    ]

    assert not short, named(short)


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        ("a path of somebody's machine", r"(?<![\w./-])/(?:home|Users|work|root/\w)[/\w]"),
        ("an address to download packages from", r"(?:pypi\.org|pythonhosted\.org|registry\.npmjs|index-url\s*=)"),
    ],
)
def test_the_repository_speaks_of_the_product_alone(what: str, pattern: str) -> None:
    found = [
        f"{where(path)} {match.group()}"
        for path in kept_files()
        if path != Path(__file__) and not _is_foreign(path)
        if (match := re.search(pattern, _text(path)))
    ]

    assert not found, f"{what}: {named(found)}"


@pytest.mark.parametrize(
    ("folders", "pins"),
    [
        (("loyalty", "migrations", "schema", "console", "jobs", "server"), ("runtime", "demo")),
        (("tests", "benchmarks"), ("dev", "demo")),
    ],
)
def test_every_package_that_is_imported_is_pinned(folders: tuple[str, ...], pins: tuple[str, ...]) -> None:
    texts = [(ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8") for name in pins]
    pinned = {name.lower().replace("_", "-") for text in texts for name in re.findall(r"^([\w.-]+)==", text, re.M)}
    providers = importlib.metadata.packages_distributions()

    unpinned = {
        f"{where(path)} {name}"
        for path in modules(*folders)
        for name in _imported(tree(path))
        if name not in sys.stdlib_module_names and name not in SOURCES
        if not pinned.intersection(one.lower().replace("_", "-") for one in providers.get(name, ()))
    }
    assert not unpinned, named(sorted(unpinned))


def test_scripts_can_be_run() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def _imported(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _functions(module: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _calls(function: ast.AST, names: set[str]) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Name) and node.func.id in names)
            or (isinstance(node.func, ast.Attribute) and node.func.attr in names)
        )
    ]


def _docstring_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[0]
    return (first.end_lineno or 0) - first.lineno + 1 if ast.get_docstring(function) else 0


def _is_foreign(path: Path) -> bool:
    """Tell whether others wrote the file: what is served as its makers built it."""
    return "static" in path.relative_to(ROOT).parts


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""
