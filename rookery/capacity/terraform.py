"""The deployment that a folder of Terraform describes: its variables' defaults, and the values of its .tfvars files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import hcl2

from rookery.capacity.plan import PULL_FLUSH_ROWS, PULL_FLUSH_SECONDS
from rookery.errors import UserError
from rookery.load.simulation.monthly import PUSH_FLUSH_ROWS, PUSH_FLUSH_SECONDS, CloudDeployment
from rookery.load.simulation.prices import Billing

if TYPE_CHECKING:
    from pathlib import Path

_NEEDED: Final = ("region", "cpu", "memory", "concurrency", "min_instances", "max_instances")


def deployment_like(folder: Path) -> CloudDeployment:
    """Read the deployment; raises UserError where the folder does not describe one."""
    values = _values(folder)
    missing = [name for name in _NEEDED if name not in values]
    if missing:
        raise UserError(
            f"{folder} has no value for {', '.join(missing)}.",
            hint="--like deploy/terraform is such a folder.",
        )
    pull = values.get("mode") == "pull"
    containers = _containers(folder, pull=pull)
    limits = [_block(_block(each["resources"])["limits"]) for each in containers]
    idle_cpu = any(_block(each["resources"]).get("cpu_idle") is True for each in containers)
    instance = Billing.REQUEST if idle_cpu else Billing.INSTANCE
    try:
        return CloudDeployment(
            region=values["region"],
            billing=Billing.POOL if pull else instance,
            results="topic" if values.get("results") == "topic" else "bucket",
            vcpu=round(sum(_cpus(_filled(each["cpu"], values)) for each in limits), 3),
            gib=round(sum(_gib(_filled(each["memory"], values)) for each in limits), 3),
            concurrency=int(values["concurrency"]),
            min_instances=int(values["min_instances"]),
            max_instances=int(values["max_instances"]),
            flush_interval_seconds=PULL_FLUSH_SECONDS if pull else PUSH_FLUSH_SECONDS,
            flush_rows=PULL_FLUSH_ROWS if pull else PUSH_FLUSH_ROWS,
            bigquery=values.get("bigquery") is True,
        )
    except ValueError as bad:
        raise UserError(f"{folder}: {bad}.") from None


def _values(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for path in sorted(folder.glob("*.tf")):
        for block in _parsed(path).get("variable", []):
            values |= {name: body["default"] for name, body in block.items() if "default" in body}
    # Terraform reads terraform.tfvars first, then *.auto.tfvars in order.
    for path in (folder / "terraform.tfvars", *sorted(folder.glob("*.auto.tfvars"))):
        values |= _parsed(path) if path.exists() else {}
    return values


def _containers(folder: Path, *, pull: bool) -> list[dict[str, Any]]:
    kind = "google_cloud_run_v2_worker_pool" if pull else "google_cloud_run_v2_service"
    for path in sorted(folder.glob("*.tf")):
        for block in _parsed(path).get("resource", []):
            for body in block.get(kind, {}).values():
                found: list[dict[str, Any]] = _block(body["template"])["containers"]
                return found
    raise UserError(f"{folder} has no {kind}.", hint="--like deploy/terraform is such a folder.")


def _parsed(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text()
        content: dict[str, Any] = _plain(hcl2.loads(text if text.endswith("\n") else f"{text}\n"))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None
    except Exception as error:  # noqa: BLE001  the parser raises whatever its grammar does
        raise UserError(f"{path} is no Terraform: {type(error).__name__}.") from None
    return content


def _plain(node: Any) -> Any:
    """The content without the parser's own marks and quotes."""
    if isinstance(node, dict):
        return {_plain(key): _plain(each) for key, each in node.items() if not key.startswith("__")}
    if isinstance(node, list):
        return [_plain(each) for each in node]
    return node[1:-1] if isinstance(node, str) and node.startswith('"') else node


def _block(node: Any) -> Any:
    """A block that may stand once or in a list of one."""
    return node[0] if isinstance(node, list) else node


def _filled(value: Any, values: dict[str, Any]) -> str:
    name = str(value).removeprefix("${var.").removesuffix("}")
    return str(values.get(name, value))


def _cpus(text: str) -> float:
    return float(text[:-1]) / 1000 if text.endswith("m") else float(text)


def _gib(text: str) -> float:
    units = {"Gi": 1.0, "Mi": 1 / 1024, "G": 1e9 / 2**30, "M": 1e6 / 2**30}
    unit = next((each for each in units if text.endswith(each)), None)
    if unit is None:
        raise ValueError(f"{text} is no amount of memory")
    return float(text.removesuffix(unit)) * units[unit]
