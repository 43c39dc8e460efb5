"""The check of a deployment's own environment: its settings, read as the worker reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from rookery.doctor.finding import error, ok, unknown, warning
from rookery.worker.setting_names import FORMER, OF_OTHERS, misspelled
from rookery.worker.settings import Settings, variables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rookery.doctor.deployment.deployed_worker import DeployedWorker
    from rookery.doctor.finding import Finding


_KNOWN: Final = {each for name, field in Settings.model_fields.items() for each in variables(name, field)}


def settings_of(worker: DeployedWorker) -> Settings | list[Finding]:
    """Read the deployment's settings, or the errors that keep the worker from starting."""
    try:
        return Settings(worker.environment)
    except ValidationError as invalid:
        meant = misspelled(worker.environment, _KNOWN)
        return [
            error(
                f"the {worker.target.kind} does not start: {name}: {each['msg']}.",
                _correction(worker, name, meant),
            )
            for each in invalid.errors(include_url=False)
            for name in [_variable(str(each["loc"][0]))]
        ]


def _variable(location: str) -> str:
    return f"ROOKERY_{location.upper()}" if location.islower() else location


def _correction(worker: DeployedWorker, name: str, meant: Mapping[str, str]) -> str:
    if name in meant:
        return (
            f"{worker.target.command('update')} --remove-env-vars={name}"
            f" --update-env-vars={meant[name]}={worker.environment[name]}"
        )
    return f"{worker.target.command('update')} --remove-env-vars={name}"


def names(worker: DeployedWorker) -> Iterator[Finding]:
    """Check for variables that no setting reads, and for those whose values cannot be seen."""
    for name in sorted(worker.environment.keys() | worker.hidden):
        if name in FORMER:
            yield warning(
                f"{name} is the former name of {FORMER[name]}, and is read for one more version.",
                f"{worker.target.command('update')} --remove-env-vars={name}"
                f" --update-env-vars={FORMER[name]}={worker.environment.get(name, 'VALUE')}",
            )
        elif name.startswith("ROOKERY_") and name not in _KNOWN and not name.startswith(OF_OTHERS):
            yield warning(
                f"{name} is no setting, and is not read.",
                f"{worker.target.command('update')} --remove-env-vars={name}",
            )
    for name in sorted(worker.hidden & _KNOWN):
        yield unknown(f"{name} comes from a secret, which is not read; its default is examined here")


def mode(worker: DeployedWorker, settings: Settings) -> Iterator[Finding]:
    """Check that a service is pushed to and a worker pool pulls, and that results leave the instance."""
    update = worker.target.command("update")
    if worker.target.pool and not settings.pull:
        yield error(
            "the worker pool has no ROOKERY_PULL: it waits for pushes, which nothing can send to a worker pool.",
            f"{update} --update-env-vars=ROOKERY_PULL=projects/{worker.target.project}/subscriptions/NAME",
        )
    for name, addresses in (("ROOKERY_RESULTS", settings.results), ("ROOKERY_REJECTS", settings.rejects)):
        if "file://" in addresses:
            yield error(
                f"{name}={addresses}: a folder of the instance, which ends with it: what was acknowledged is lost.",
                f"{worker.target.command('update')} --update-env-vars={name}=gs://BUCKET/{name[8:].lower()}",
            )
    if not any("file://" in each for each in (settings.results, settings.rejects)):
        yield ok("results and rejections leave the instance before they are acknowledged")
