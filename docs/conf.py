"""The documentation site: Sphinx over these documents, built offline by `make docs`."""  # noqa: INP001  Sphinx runs it

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_DOCS: Final = Path(__file__).parent
_PROJECT: Final = tomllib.loads((_DOCS.parent / "pyproject.toml").read_text())["project"]
_LINK: Final = re.compile(r"(?<=\]\()(?P<path>(?:\.\./)+[\w./-]+)(?P<anchor>#[\w-]+)?(?=\))")
"""A Markdown link that climbs out of its folder."""

project = "Rookery"
author = "The Rookery authors"
copyright = author  # noqa: A001  Sphinx names this setting
version = release = _PROJECT["version"]

# Nothing here asks the network: no intersphinx, and the theme ships its own files.
extensions = ["myst_parser", "sphinx.ext.autodoc"]
root_doc = "index"
exclude_patterns = ["README.md"]  # GitHub's view of the index, which `index.md` includes
nitpicky = False
default_role = "code"  # docstrings write code as Markdown does

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4

autodoc_default_options = {
    "members": True,
    "exclude-members": "model_config, after_fork_in_child, publish_encoded",
}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_use_unqualified_type_names = True

html_theme = "furo"
html_title = f"Rookery {release}"
html_theme_options = {
    "source_repository": _PROJECT["urls"]["Source"],
    "source_branch": "main",
    "source_directory": "docs/",
}
html_copy_source = False
html_show_sphinx = False


def _source_link(folder: Path, link: re.Match[str]) -> str:
    """Lead a link to a file outside docs/ to the repository; leave any other as it is."""
    target = (folder / link["path"]).resolve()
    if target.is_relative_to(_DOCS) or not target.exists():
        return link[0]
    kind = "tree" if target.is_dir() else "blob"
    path = target.relative_to(_DOCS.parent).as_posix()
    return f"{_PROJECT['urls']['Source']}/{kind}/main/{path}{link['anchor'] or ''}"


def _lead_out(folder: Path, source: list[str]) -> None:
    source[0] = _LINK.sub(lambda link: _source_link(folder, link), source[0])


def _accessible(context: dict[str, Any]) -> None:
    """Give headings of the navigation their level, and let the keyboard scroll wide blocks of code."""
    # The theme renders the navigation before this event, Sphinx the body.
    for name in ("furo_navigation_tree", "body"):
        if name in context:
            context[name] = (
                context[name]
                .replace('role="heading"', 'role="heading" aria-level="2"')
                .replace("<pre>", '<pre tabindex="0">')
            )


def setup(app: Sphinx) -> None:
    """Let links out of docs/ lead to the repository, and make the pages accessible."""
    app.connect(
        "source-read", lambda app, name, source: _lead_out(Path(app.env.doc2path(name)).parent, source)
    )
    app.connect("include-read", lambda _, path, __, source: _lead_out((_DOCS / path).parent, source))
    # After the theme's own handler, which has the default priority of 500.
    app.connect("html-page-context", lambda *of: _accessible(of[3]), priority=900)
