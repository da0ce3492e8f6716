"""The two schemas as text: schema/storefront.graphql and schema/admin.graphql, for clients and for review."""

from pathlib import Path

from graphql import build_schema, find_breaking_changes, lexicographic_sort_schema, print_schema

from schema.admin.root import AdminSchema
from schema.storefront.root import StorefrontSchema

FOLDER = Path(__file__).resolve().parents[1] / "schema"


def printed() -> dict[Path, str]:
    """Return the text of each schema by its file, sorted so that a change shows where it was made."""
    schemas = {"storefront": StorefrontSchema(), "admin": AdminSchema()}
    return {
        FOLDER / f"{name}.graphql": print_schema(lexicographic_sort_schema(build_schema(schema.as_str()))) + "\n"
        for name, schema in schemas.items()
    }


def write() -> None:
    """Write both files."""
    for path, text in printed().items():
        path.write_text(text, encoding="utf-8")


def outdated() -> list[str]:
    """Return the names of the files that do not say what the code says."""
    return [
        path.name for path, text in printed().items() if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def broken_promises(before: str, after: str) -> list[str]:
    """Return, in words, what a client written against the schema `before` can no longer rely on."""
    return [change.description for change in find_breaking_changes(build_schema(before), build_schema(after))]
