"""Replaying rejections: validation on this machine gives the worker's reasons; what passes keeps its identity."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, cast

import pytest
from typer.testing import CliRunner

from rookery.commands.rejects import app
from rookery.load.fuzz.bodies import Bodies
from rookery.results.replay import LINEAGE, Replay, ReplayFilter, rejected, revalidate
from rookery.schemas.codec import ARROW_STREAM, CONTENT_TYPE_ATTRIBUTE, in_base64
from rookery.schemas.contract.default import default_compiled
from rookery.schemas.envelope import Envelope, InvalidEnvelopeError, wrapped
from rookery.schemas.identity import identity
from rookery.schemas.rejection import Rejection
from rookery.worker.decoding.message import decode_message
from tests.rookery.results.stored_results import rejection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rookery.publisher.client import ReadingPublisher
    from rookery.schemas.rejection import Reason


def rejections(envelope: Envelope) -> Iterator[Rejection]:
    """The rejections that a worker writes for a message."""
    for each in decode_message(envelope, default_compiled()).refused:
        yield Rejection(
            reasons=each.reasons,
            original=each.original,
            reading_id=identity(each.reading_id, envelope.identity, each.row),
            message_id=envelope.message_id,
            row=each.row,
            rejected_at=datetime(2026, 11, 26, tzinfo=UTC),
            revision="r",
            attributes=dict(envelope.attributes),
        )


def envelopes(seed: int, count: int) -> Iterator[Envelope]:
    for body in islice(Bodies(seed), count):
        try:
            yield wrapped(body.content)
        except InvalidEnvelopeError:
            continue


def test_a_replay_names_the_reasons_that_were_recorded() -> None:
    """Validating a rejection again gives each of the worker's reasons, with field, rule and value."""
    seen = [one for envelope in envelopes(11, 4_000) for one in rejections(envelope)]
    assert len(seen) > 1_000
    assert {one.row is None for one in seen} == {True, False}
    assert [(revalidate(one), one.original) for one in seen] == [(one.reasons, one.original) for one in seen]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("%%%", "message.data: base64 is needed"),
        ("e30", "message.data: base64 is needed"),
        ("eyJiaWxsX2xlbmd0aF9tbSI6WzQwLFsxXV19", "bill_length_mm: a number is needed"),
    ],
)
def test_a_dry_replay_prints_the_recorded_reasons(tmp_path: Path, data: str, why: str) -> None:
    """The reasons name broken base64, and an array in a table's cell as a wrong cell; both can be shown."""
    (one,) = rejections(Envelope("m", data, subscription="s"))
    (tmp_path / "a.ndjson").write_text(one.model_dump_json() + "\n")
    replayed = CliRunner().invoke(app, ["replay", str(tmp_path), "--dry-run"])
    assert f"{one.reading_id}: {why}" in replayed.stderr
    assert CliRunner().invoke(app, ["show", str(tmp_path), one.reading_id]).exit_code == 0


def test_a_replayed_row_of_an_arrow_table_is_json_without_the_streams_type() -> None:
    """The row is published as a reading; a whole stream that was rejected is a table, whose rows are published anew."""
    published: list[dict[str, str]] = []

    class Recorder:
        def publish(self, _: object, **attributes: str) -> None:
            published.append(attributes)

    row = next(rejections(Envelope("m", body=b'{"bill_length_mm": -1}', attributes={"site": "a"})))
    good = {
        "original": in_base64(b'{"bill_length_mm": 40}'),
        "row": 3,
        "attributes": {CONTENT_TYPE_ATTRIBUTE: ARROW_STREAM, "site": "a"},
    }
    Replay(cast("ReadingPublisher", Recorder())).offer(row.model_copy(update=good))
    assert published == [{"site": "a", LINEAGE: "m"}]
    whole = row.model_copy(update={"original": in_base64(b"\xff\xff\xff\xff"), "row": None})
    (reason,) = cast("tuple[Reason, ...]", revalidate(whole))
    assert "not a table" in reason.rule


def test_only_what_would_pass_is_replayed(tmp_path: Path) -> None:
    """Every rejected reading is validated on this machine first; a dry run prints the same and sends nothing."""
    rejection(tmp_path, "good", b'{"body_mass_g": 3700}', "the model failed on it")
    rejection(tmp_path, "bad", b'{"body_mass_g": 3}', "at least 50 is needed")
    done = CliRunner().invoke(app, ["replay", str(tmp_path), "--dry-run"])
    assert (done.exit_code, done.stdout) == (1, "1 of 2 readings would pass; nothing was sent\n")
    assert done.stderr == "bad: body_mass_g: at least 50 is needed\n"
    one = CliRunner().invoke(app, ["replay", str(tmp_path), "--dry-run", "--reason", "model failed"])
    assert (one.exit_code, one.stdout) == (0, "1 of 1 readings would pass; nothing was sent\n")


def test_rows_of_a_table_have_the_attributes_of_the_line_before_them(tmp_path: Path) -> None:
    """A worker writes them once a message; shown and replayed, each row has them, and no other message's."""
    for name, attributes in (("m1", {"station": "north"}), ("m2", {})):
        for row in range(3):
            rejection(
                tmp_path,
                f"{name}-{row}",
                b'{"body_mass_g": 3700}',
                "x",
                message_id=name,
                row=row,
                attributes=None if row else attributes,
            )
    found = {one.reading_id: one.attributes for one in rejected(str(tmp_path), ReplayFilter())}
    assert found == {
        **{f"m1-{row}": {"station": "north"} for row in range(3)},
        **{f"m2-{row}": {} for row in range(3)},
    }
    (alone,) = rejected(str(tmp_path), ReplayFilter(reading_id="m1-2"))
    assert alone.attributes == {"station": "north"}


def test_a_replayed_reading_keeps_its_identity_and_names_its_lineage(tmp_path: Path, broker: str) -> None:
    """It arrives under the name it was rejected by, with the message it came in and its own attributes."""
    import grpc  # noqa: PLC0415  the same
    from google.pubsub_v1 import PublisherClient, SubscriberClient  # noqa: PLC0415  half a second
    from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport  # noqa: PLC0415  the same
    from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport  # noqa: PLC0415  the same

    topic, subscription = "projects/p/topics/replayed", "projects/p/subscriptions/replayed"
    rejection(tmp_path, "12-3", b'{"body_mass_g": 3700}', "x", attributes={"station": "north"})
    with grpc.insecure_channel(broker) as channel:
        PublisherClient(transport=PublisherGrpcTransport(channel=channel)).create_topic(name=topic)
        subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        subscriber.create_subscription(name=subscription, topic=topic)
        done = CliRunner().invoke(app, ["replay", str(tmp_path), "--topic", topic, "--broker", broker])
        assert (done.exit_code, done.stdout) == (0, "1 of 1 readings sent again\n"), done.output
        (received,) = subscriber.pull(subscription=subscription, max_messages=10).received_messages
    assert json.loads(received.message.data) == {"body_mass_g": 3700, "reading_id": "12-3"}
    assert dict(received.message.attributes) == {
        "rookery_schema": "1",
        "rookery_replay_of": "m-12-3",
        "station": "north",
    }
