"""ContractPages: the contract of the model that answers, as JSON, as OpenAPI, and as a page to try it on.

The page is Swagger UI from the package swagger-ui-bundle: every file comes from this worker, and none is read before a
browser asks for it.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final

import orjson

from rookery.schemas.output.extras import install_hint
from rookery.worker.http.responses import JSON, LATER, Response

if TYPE_CHECKING:
    from pathlib import Path

    from rookery.schemas.contract.contract import Contract
    from rookery.worker.http.router import Handler
    from rookery.worker.http.whole_request import WholeRequest
    from rookery.worker.inference.classifier import CurrentModel

FILES: Final = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
"""Files of Swagger UI that the page loads, and their types."""

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Rookery worker</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" type="image/png" href="docs/favicon-32x32.png">
</head>
<body>
<div id="page"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/page.js"></script>
</body>
</html>
"""

_SCRIPT: Final = """// Swagger UI 4 draws version 3.0 alone, in which a type is one word, beside which a value may be null.
const values = new Set(["const", "default", "enum", "example", "examples"]);
const older = (node) => {
  if (Array.isArray(node)) return node.map(older);
  if (node === null || typeof node !== "object") return node;
  const made = Object.fromEntries(
    Object.entries(node).map(([name, part]) => [name, values.has(name) ? part : older(part)])
  );
  if (Array.isArray(made.type)) {
    made.nullable = made.type.includes("null");
    made.type = made.type.find((type) => type !== "null");
  }
  return made;
};
fetch("openapi.json").then((answer) => answer.json()).then(older).then((spec) => {
  spec.openapi = "3.0.3";
  spec.servers = [{ url: new URL(".", location.href).href.replace(/[/]$/, "") }];
  SwaggerUIBundle({ spec, dom_id: "#page", defaultModelsExpandDepth: 0, validatorUrl: null });
});
"""


class ContractPages:
    """`GET /contract`, `/openapi.json` and `/docs`; all of the model that answers when they are asked for."""

    def __init__(self, models: CurrentModel, *, pushed: bool) -> None:
        """Store where the model is, and whether this worker takes pushes."""
        self._models = models
        self._pushed = pushed

    def routes(self) -> dict[tuple[str, str], Handler]:
        """The handlers by method and path."""
        files = {
            ("GET", f"/docs/{name}"): partial(_file, name=name, kind=kind) for name, kind in FILES.items()
        }
        return {
            ("GET", "/contract"): self.contract,
            ("GET", "/openapi.json"): self.openapi,
            ("GET", "/docs"): partial(_text, text=_PAGE, kind="text/html"),
            ("GET", "/docs/page.js"): partial(_text, text=_SCRIPT, kind="text/javascript"),
            **files,
        }

    async def contract(self, _: WholeRequest) -> Response:
        """The contract as JSON, as `--contract FILE` reads it."""
        written = self._current.model_dump_json()
        return Response(written.encode(), kind=JSON, headers=_HEADERS)

    async def openapi(self, _: WholeRequest) -> Response:
        """The document of OpenAPI, with examples that are answered."""
        from rookery.schemas.contract.derived.openapi import openapi  # noqa: PLC0415  the start has no use for it

        # Off the event loop: three hundred features take milliseconds.
        document = await asyncio.to_thread(openapi, self._current, pushed=self._pushed)
        return Response(orjson.dumps(document), kind=JSON, headers=_HEADERS)

    @property
    def _current(self) -> Contract:
        return self._models.classifier.contract.contract


async def _text(_: WholeRequest, *, text: str, kind: str) -> Response:
    return Response(text.encode(), kind=f"{kind}; charset=utf-8", headers=_HEADERS)


async def _file(_: WholeRequest, *, name: str, kind: str) -> Response:
    """Answer with a file of Swagger UI; 503 and the command that installs it where the package is missing."""
    try:
        content = await asyncio.to_thread(_read, name)
    except ModuleNotFoundError as error:
        said = f"the page needs {error.name}: {install_hint(error.name)}\n"
        return Response(said.encode(), LATER)
    headers = {**_HEADERS, "Cache-Control": "max-age=3600"}
    return Response(content, kind=kind, headers=headers)


def _read(name: str) -> bytes:
    return (_folder() / name).read_bytes()


@lru_cache(maxsize=1)
def _folder() -> Path:
    from swagger_ui_bundle import swagger_ui_path  # type: ignore[import-untyped]  # noqa: PLC0415  only a worker whose page is read loads it

    folder: Path = swagger_ui_path
    return folder
