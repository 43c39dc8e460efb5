"""A device: each reading is on its disk before `publish` returns, and is sent whenever there is a link."""

from datetime import UTC, datetime

import rookery

with rookery.ReadingPublisher("projects/rookery-local/topics/readings", outbox="device.outbox") as device:
    for bill_length_mm, flipper_length_mm in ((39.1, 181.0), (46.5, 217.0), (50.0, 196.0)):
        device.publish(
            {
                "bill_length_mm": bill_length_mm,
                "flipper_length_mm": flipper_length_mm,
                "device_id": "gate-7",
                "observed_at": datetime.now(UTC),
                "reading_id": rookery.new_reading_id(),
            }
        )
    device.flush()
    print("three readings are with the broker")
