"""Terraform's files, parsed: resources, variables and locals by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import hcl2

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER: Final = Path(__file__).parents[2] / "deploy" / "terraform"
TEXT: Final = {path.name: path.read_text() for path in sorted(FOLDER.glob("*.tf"))}
ALL: Final = "\n".join(TEXT.values())


def plain(node: Any) -> Any:
    """The content of a parsed file, without the parser's own marks and quotes."""
    if isinstance(node, dict):
        return {plain(key): plain(each) for key, each in node.items() if not key.startswith("__")}
    if isinstance(node, list):
        return [plain(each) for each in node]
    return node[1:-1].replace('\\"', '"') if isinstance(node, str) and node.startswith('"') else node


def blocks(kind: str) -> Iterator[tuple[str, Any]]:
    """Every block of one kind with its labels' first."""
    for text in TEXT.values():
        for block in plain(hcl2.loads(text)).get(kind, []):
            yield from block.items()


RESOURCES: Final = {
    f"{kind}.{name}": body for kind, named in blocks("resource") for name, body in named.items()
}
VARIABLES: Final[dict[str, Any]] = dict(blocks("variable"))
LOCALS: Final[dict[str, Any]] = dict(blocks("locals"))
WORKER: Final = RESOURCES["google_cloud_run_v2_service.worker"]["template"][0]
