"""The documentation site: it builds without a warning or a network, its links lead somewhere, every public name is in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlsplit

import pytest
from sphinx.util.inventory import InventoryFile

import rookery
from tests.accessibility import grave_violations

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(180)  # a build takes seven seconds of a core that has nothing else to do

LOADED = {"script": "src", "img": "src", "source": "srcset", "iframe": "src", "link": "href"}
"""The elements for which a browser fetches something by itself, with the attribute that names it."""


def build(docs: Path, out: Path, before: list[str]) -> subprocess.CompletedProcess[str]:
    """Build as `make docs` does."""
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", str(docs), str(out)]
    return subprocess.run([*before, *command], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, network_namespace: list[str]) -> Path:
    """The site, built where no network is."""
    out = tmp_path_factory.mktemp("site")
    built = build(ROOT / "docs", out, network_namespace)
    assert (built.returncode, built.stderr) == (0, "")
    return out


class Page(HTMLParser):
    """One page: its anchors, its links, and the files that a browser fetches for it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value is not None}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if (name := LOADED.get(tag)) in given and given.get("rel") not in {"next", "prev", "canonical"}:
            self.loaded.append(given[str(name)])


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    """Every page by its path."""
    return {path: Page(path) for path in sorted(site.rglob("*.html"))}


def dead(pages: dict[Path, Page]) -> Iterator[str]:
    """The links that lead nowhere: no file, no anchor, or an address that no browser could open."""
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                good = parts.scheme in {"http", "https"} and parts.hostname and " " not in link
            else:
                target = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
                anchors = pages[target].anchors if target in pages else set()
                good = target.exists() and (not parts.fragment or unquote(parts.fragment) in anchors)
            if not good:
                yield f"{path.name}: {link}"


def test_no_link_of_the_site_is_dead(pages: dict[Path, Page]) -> None:
    """Every link within the site leads to a page and an anchor that are there; every other one is an address."""
    assert len(pages) > 30
    assert list(dead(pages)) == []


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    """A page, an anchor and an address that are wrong are each named."""
    page = tmp_path / "a.html"
    page.write_text(
        '<p id="here"><a href="#here">1</a><a href="#gone">2</a><a href="b.html">3</a><a href="https:///x">4</a>'
    )
    assert list(dead({page: Page(page)})) == ["a.html: #gone", "a.html: b.html", "a.html: https:///x"]


def test_a_warning_ends_the_build(tmp_path: Path) -> None:
    """A link to a document that is not there, or an anchor that it does not have, is an error."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "conf.py", tmp_path / "docs")
    (tmp_path / "docs" / "index.md").write_text("# One\n\n[a](gone.md) and [b](#nowhere)\n")
    built = build(tmp_path / "docs", tmp_path / "out", [])
    assert built.returncode == 1
    assert "gone.md" in built.stderr
    assert "nowhere" in built.stderr


def test_every_public_name_has_an_entry(site: Path) -> None:
    """The reference of the Python interface describes everything in `rookery.__all__`."""
    with (site / "objects.inv").open("rb") as stream:
        entries = InventoryFile.load(stream, "", lambda _, name: name)
    described = {name for kind in entries if kind.startswith("py:") for name in entries[kind]}
    assert len(rookery.__all__) > 10
    assert [name for name in rookery.__all__ if f"rookery.{name}" not in described] == []


def test_the_site_loads_nothing_from_another_server(pages: dict[Path, Page]) -> None:
    """Styles, scripts, fonts and pictures are the site's own, so that it reads the same offline."""
    loaded = {each for page in pages.values() for each in page.loaded}
    assert len(loaded) > 5
    assert sorted(each for each in loaded if urlsplit(each).netloc) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_site_has_no_grave_violation(site: Path, scheme: Literal["light", "dark"]) -> None:
    """The first page, a how-to with commands, and the Python interface: axe-core finds nothing serious or critical."""
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Debian's chromium is not on this machine: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(color_scheme=scheme)
        page.set_default_timeout(120_000)
        found = {}
        for name in ("index.html", "howto/watch.html", "reference/python.html"):
            page.goto((site / name).as_uri())
            found[name] = grave_violations(page)
        browser.close()
    assert {name: each for name, each in found.items() if each} == {}
