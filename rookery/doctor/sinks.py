"""The sink check: results and rejections can be written to their addresses."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from rookery.doctor.finding import error, ok, unknown, warning
from rookery.schemas.parsing.address import split_address

if TYPE_CHECKING:
    from collections.abc import Iterator
    from urllib.parse import SplitResult

    from rookery.doctor.case import Case
    from rookery.doctor.finding import Finding
    from rookery.doctor.pubsub import PubSub

BUCKET_PERMISSIONS: Final = ("storage.objects.create", "storage.objects.delete", "storage.objects.get")
"""The permissions that conditional writes need: Cloud Storage checks the right to delete before the condition."""


def addresses(case: Case) -> Iterator[tuple[str, SplitResult]]:
    """Give each setting's name with each of its addresses."""
    for name, written in (
        ("ROOKERY_RESULTS", case.settings.results),
        ("ROOKERY_REJECTS", case.settings.rejects),
    ):
        for each in written.split(","):
            yield name, split_address(each.strip())


def places(case: Case) -> Iterator[Finding]:
    """Check folders and buckets; `topics` checks topics."""
    for name, address in addresses(case):
        if address.scheme == "file":
            yield _folder(name, Path(address.netloc.removeprefix("localhost") + unquote(address.path)))
        elif address.scheme == "gs":
            yield _bucket(name, address.netloc)
        elif address.scheme != "pubsub":
            yield error(
                f"{name}={address.geturl()}: no such kind of address.",
                "file:///dir, gs://bucket/prefix or pubsub://project/topic",
            )


def topics(case: Case, pubsub: PubSub) -> Iterator[Finding]:
    """Check result topics; raises OutOfReachError."""
    for name, address in addresses(case):
        if address.scheme == "pubsub":
            yield _topic(name, f"projects/{address.netloc}/topics/{address.path.strip('/')}", pubsub)


def _folder(name: str, folder: Path) -> Finding:
    # The worker makes what is missing below.
    stands = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    if stands.is_dir() and os.access(stands, os.W_OK | os.X_OK):
        return ok(f"{name}: {folder} can be written")
    return error(
        f"{name}: {folder} cannot be written at {stands}.", "Give the worker's user the right to write."
    )


def _topic(name: str, topic: str, pubsub: PubSub) -> Finding:
    if not pubsub.has_topic(topic):
        return error(f"{name}: the topic {topic} does not exist.", f"gcloud pubsub topics create {topic}")
    if pubsub.denied(topic, ["pubsub.topics.publish"]):
        return error(
            f"{name}: publishing to {topic} is not allowed.",
            f"gcloud pubsub topics add-iam-policy-binding {topic} --role=roles/pubsub.publisher"
            " --member=serviceAccount:ACCOUNT",
        )
    if not pubsub.listeners(topic):
        return warning(f"{name}: {topic} has no subscription: results are lost.", "Subscribe to it.")
    return ok(f"{name}: {topic} exists and has a subscription")


def _bucket(name: str, bucket: str) -> Finding:
    from rookery.worker.models.gcs_source import UNREACHABLE, said  # noqa: PLC0415  half a second that folders save

    fix = (
        f"gcloud storage buckets add-iam-policy-binding gs://{bucket} --role=roles/storage.objectUser"
        " --member=serviceAccount:ACCOUNT"
    )
    try:
        lacking = _lacking(bucket)
    except UNREACHABLE as failure:
        return error(
            f"{name}: the bucket {bucket} cannot be reached: {said(failure)}.",
            "Check its name, that it exists, and the credentials.",
        )
    if lacking is None:
        return unknown(f"{name}: the bucket {bucket} exists; this server has no permissions to read")
    if lacking:
        return error(f"{name}: {', '.join(sorted(lacking))} is missing on the bucket {bucket}.", fix)
    return ok(f"{name}: objects can be made and read in the bucket {bucket}")


def _lacking(bucket: str) -> set[str] | None:
    """Name the missing permissions; None where the server has none. Raises the library's errors."""
    from rookery.worker.models.gcs_source import CALL  # noqa: PLC0415  see above
    from rookery.worker.storage_client import storage_client  # noqa: PLC0415  see above

    client = storage_client()
    try:
        if os.environ.get("STORAGE_EMULATOR_HOST"):
            client.get_bucket(bucket, **CALL)
            return None
        granted = client.bucket(bucket).test_iam_permissions(list(BUCKET_PERMISSIONS), **CALL)
        return set(BUCKET_PERMISSIONS) - set(granted)
    finally:
        client.close()
