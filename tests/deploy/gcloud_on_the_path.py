"""A `gcloud` for the PATH: it records every call, and keeps one Cloud Run service in a file.

The folder that FAKE_CLOUD names holds `calls.ndjson`, `service.json`, and, to let a command fail, `fail`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("FAKE_CLOUD", "."))


def pairs(flag: str) -> dict[str, str]:
    return dict(each.split("=") for each in flag.split(","))


def option(words: list[str], name: str) -> str | None:
    return next((word.split("=", 1)[1] for word in words if word.startswith(f"--{name}=")), None)


def update_traffic(service: dict[str, Any], words: list[str]) -> None:
    if shares := option(words, "to-revisions"):
        wanted = {revision: int(share) for revision, share in pairs(shares).items()}
        assert sum(wanted.values()) == 100, shares
        service["shares"] = wanted
    service["tags"] |= pairs(option(words, "update-tags") or "") if option(words, "update-tags") else {}
    service["tags"].pop(option(words, "remove-tags"), None)


def answer(words: list[str], service: dict[str, Any]) -> str:
    """Do what is asked to the service, and give what the real one would print."""
    match words:
        case ["run", "services", "describe", *_]:
            shares = [{"revisionName": name, "percent": share} for name, share in service["shares"].items()]
            tags = [
                {"revisionName": name, "tag": tag, "url": service["urls"][name]}
                for tag, name in service["tags"].items()
            ]
            status = {
                "url": "https://worker.example",
                "latestCreatedRevisionName": service["created"],
                "traffic": [*shares, *tags],
            }
            return json.dumps({"status": status})
        case ["run", "deploy", *_]:
            assert option(words, "tag") is None, "the template would keep the revision's name"
            service["created"] = service["next"]
        case ["run", "services", "update-traffic", *_]:
            update_traffic(service, words)
        case ["builds", "submit", *_]:
            service["built"] = True
        case ["artifacts", *_] if service["built"]:
            return "sha256:5afe"
        case ["auth", verb, *_]:
            return f"token-of-{verb}"
    return ""


def main() -> int:
    """Record, fail if `fail` says so, else answer."""
    words = sys.argv[1:]
    with (FOLDER / "calls.ndjson").open("a") as calls:
        calls.write(json.dumps(words) + "\n")
    fails = FOLDER / "fail"
    if fails.exists() and fails.read_text() in " ".join(words):
        return 1
    file = FOLDER / "service.json"
    service = json.loads(file.read_text())
    sys.stdout.write(f"{answer(words, service)}\n")
    # Whole or not at all: a release that is interrupted kills its gcloud wherever that is.
    unfinished = file.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(service))
    unfinished.rename(file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
