"""What must be configured: read once from REGULARS_* variables, frozen, passed down as plain values."""

import ipaddress
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from server.embedded import default_data_dir

PREFIX = "REGULARS_"
CHECKOUT = Path(__file__).resolve().parents[1]
SECRET_LENGTH_MIN = 32


class SettingsInvalid(Exception):
    """A variable cannot be what was meant; the text names it and says what it may be."""


def _listed(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Listed = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]


class Settings(BaseSettings):
    """Every setting. The variable's name is REGULARS_ and the field's, in capitals."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    database_url: SecretStr | None = Field(
        None, description="PostgreSQL 15 or newer, as postgresql://user:password@host/database; unset: the embedded one"
    )
    data_dir: Path = Field(
        default_factory=lambda: default_data_dir(CHECKOUT),
        description="folder of the embedded database and of the secret",
    )
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=1, le=65535, description="port to listen on")
    base_url: str = Field(
        "", description="address as people reach it, without a slash at the end; unset: host and port"
    )
    demo: bool = Field(True, description="load the demo shop on the first start of an empty installation")
    demo_households: int = Field(300, ge=0, le=2469, description="households loaded before the demo is ready")
    development: bool = Field(
        False, description="GraphiQL, introspection, sign-in links in the log; unset: yes on a loopback address"
    )
    secret: SecretStr | None = Field(
        None, description="at least 32 characters that sign and hash; unset: made once and kept in the data folder"
    )
    allowed_origins: Listed = Field(
        (), description="origins whose pages may call the API from a browser, separated by commas"
    )
    trusted_hosts: Listed = Field(
        (), description="host names to answer to, separated by commas; unset: those of base_url"
    )
    trusted_proxies: Listed = Field(
        ("127.0.0.1", "::1"), description="addresses of reverse proxies whose X-Forwarded-For is believed"
    )
    pool_max: int = Field(10, ge=1, le=100, description="database connections a process may hold for requests")
    staff_idle_minutes: int = Field(15, ge=1, le=480, description="minutes without a request that end a staff session")
    staff_session_minutes: int = Field(480, ge=5, le=1440, description="minutes after which a staff session ends")
    log_format: Literal["text", "json"] = Field("text", description="text for people, json for machines")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="the least that is logged")

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and urlsplit(value.get_secret_value()).scheme not in ("postgresql", "postgres"):
            raise ValueError("must begin with postgresql://")
        return value

    @field_validator("data_dir")
    @classmethod
    def _is_absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("secret")
    @classmethod
    def _is_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < SECRET_LENGTH_MIN:
            raise ValueError(f"must have at least {SECRET_LENGTH_MIN} characters")
        return value

    @field_validator("base_url")
    @classmethod
    def _is_web_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.netloc):
            raise ValueError("must begin with http:// or https://")
        return value.rstrip("/")

    @model_validator(mode="before")
    @classmethod
    def _with_what_follows(cls, given: dict[str, Any]) -> dict[str, Any]:
        host, port = given.get("host", "127.0.0.1"), given.get("port", 8000)
        shown = f"[{host}]" if ":" in host else host
        given.setdefault("base_url", f"http://{shown}:{port}")
        given.setdefault("development", is_loopback(host))
        return given

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.staff_idle_minutes > self.staff_session_minutes:
            raise ValueError("STAFF_IDLE_MINUTES must not be more than REGULARS_STAFF_SESSION_MINUTES")
        return self

    def hosts(self) -> tuple[str, ...]:
        """Return the host names to answer to; `*` where we listen everywhere and nobody said what we are called."""
        if self.trusted_hosts:
            return self.trusted_hosts
        own = urlsplit(self.base_url).hostname or self.host
        if own in ("0.0.0.0", "::"):  # noqa: S104 - compared, not listened on
            return ("*",)
        local = ("localhost", "127.0.0.1", "[::1]") if is_loopback(self.host) else ()
        return tuple(dict.fromkeys((own, *local)))

    def secret_value(self) -> str:
        """Return the secret, making and keeping one in the data folder when none is set."""
        if self.secret is not None:
            return self.secret.get_secret_value()
        return _kept_secret(self.data_dir / "secret")


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach a listener on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _kept_secret(path: Path) -> str:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
        made = path.with_name(f"secret.{os.getpid()}")
        with open(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(made, path)  # the first of two processes wins, and both read the same
        except FileExistsError:
            pass
        finally:
            made.unlink()
    return path.read_text().strip()


def read() -> Settings:
    """Return the settings that the environment gives.

    Raises:
        SettingsInvalid: a variable is wrong; each has a sentence of its own.
    """
    try:
        return Settings()
    except ValidationError as invalid:
        raise SettingsInvalid("\n".join(_sentences(invalid))) from None


def unknown_variables() -> list[str]:
    """Return the variables that look like ours and are not: likely misspelt."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)


def _sentences(invalid: ValidationError) -> Iterator[str]:
    for error in invalid.errors(include_url=False, include_context=False):
        name = PREFIX + str(error["loc"][0]).upper() if error["loc"] else PREFIX
        problem = error["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        sentence = f"{name} {problem}" if error["type"] == "value_error" else f"{name} should be {problem}"
        given = error.get("input")
        shown = f", not {given!r}" if error["loc"] and isinstance(given, str) and error["loc"][0] not in _SECRET else ""
        yield sentence.replace(f"{PREFIX} ", PREFIX, 1) + shown + "."


_SECRET = ("secret", "database_url")


@dataclass(frozen=True)
class Explained:
    """One setting as `doctor` shows it."""

    variable: str
    value: str
    source: str
    description: str


def explained(settings: Settings) -> list[Explained]:
    """Return every setting with its value, secrets masked, and where it came from."""
    return [
        Explained(
            variable=PREFIX + name.upper(),
            value=_shown(getattr(settings, name)),
            source="environment" if os.environ.get(PREFIX + name.upper()) else "default",
            description=field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]


def _shown(value: Any) -> str:
    match value:
        case None:
            return "unset"
        case bool():
            return "1" if value else "0"
        case tuple():
            return ",".join(value) or "unset"
        case _:
            return str(value)
