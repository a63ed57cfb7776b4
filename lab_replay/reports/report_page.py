"""A page that opens offline: nothing is loaded, and its scripts and styles are pinned."""

import base64
import hashlib
import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from labline.engine.disk.whole_files import write_whole

_STYLES = ("vendor/uPlot.min.css", "report.css")
_SCRIPTS = ("vendor/uPlot.iife.min.js", "report.js")


def page(template: str, context: dict[str, Any]) -> str:
    """Return a template of ``templates/`` filled in, with its content security policy."""
    styles, scripts = [_asset(name) for name in _STYLES], [_asset(name) for name in _SCRIPTS]
    return (
        _environment()
        .get_template(template)
        .render(
            **context,
            policy=_policy(styles, scripts),
            # ours and vendored, not data: they are not escaped, and the policy pins their digests
            styles=[Markup(style) for style in styles],  # noqa: S704
            scripts=[Markup(script) for script in scripts],  # noqa: S704
        )
    )


def write_page(path: Path, text: str) -> None:
    """Write a page, in place of one that was there."""
    write_whole(path, text)


def json_in_html(document: object) -> Markup:
    r"""Return `document` as JSON that no script element can be ended from.

    Examples
    --------
    >>> print(json_in_html({"name": "</script>&"}))
    {"name":"\u003c/script\u003e\u0026"}
    """
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704


def _policy(styles: list[str], scripts: list[str]) -> str:
    """Return a content security policy under which only these styles and scripts run."""

    def pins(texts: list[str]) -> str:
        digests = (hashlib.sha256(text.encode()).digest() for text in texts)
        return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)

    return (
        f"default-src 'none'; script-src {pins(scripts)}; style-src {pins(styles)}; "
        "base-uri 'none'; form-action 'none'"
    )


@cache
def _asset(name: str) -> str:
    return (files("labline.lab_replay.reports") / "templates" / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(_asset), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
