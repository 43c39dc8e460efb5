"""The benchmark's ways to run, ask and load servers, on the smallest real one."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import xgboost

from benchmarks.generators import wrk
from benchmarks.servers.environment import EnvironmentMissingError
from benchmarks.servers.reference import reference_model
from benchmarks.servers.reference_answers import MARK, SHIPPED, ReferenceAnswers, push, pushes
from benchmarks.servers.server import BenchmarkServer
from benchmarks.servers.server_spec import PROTOCOL_NOOP, ServerSpec
from rookery.schemas.artifact import CARD_ATTRIBUTE, read_card
from rookery.schemas.codec import SCHEMA_ATTRIBUTE, decode
from rookery.schemas.envelope import wrapped
from rookery.schemas.reading import Reading

HERE = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> ReferenceAnswers:
    return ReferenceAnswers(tmp_path_factory.mktemp("reference"))


def test_pushes_are_what_the_worker_reads(reference: ReferenceAnswers) -> None:
    """A body is a push envelope with the publisher's attribute and the reading that was asked about."""
    envelope = wrapped(pushes(reference.readings[:1])[0])
    assert envelope.message_id == MARK
    assert SCHEMA_ATTRIBUTE in envelope.attributes
    decoded = decode(envelope.payload)
    assert isinstance(decoded, Reading)
    assert decoded == reference.readings[0]


def test_the_reference_model_is_a_real_artifact_of_its_size(tmp_path: Path) -> None:
    """The command that anybody has makes it, its card says its size, and its peers' booster is the one inside."""
    reference = ReferenceAnswers(tmp_path, reference_model(tmp_path, depth=1, rounds=2))
    booster = xgboost.Booster()
    booster.load_model(bytearray(reference.model.read_bytes()))
    card = read_card(booster.attr(CARD_ATTRIBUTE) or "")
    assert (card.rounds, card.parameters["max_depth"]) == (2, 1)
    assert reference.artifact != SHIPPED


def test_the_reference_is_not_one_species(reference: ReferenceAnswers) -> None:
    """Answers that are checked cover every species, so that a server that always says one is caught."""
    assert set(reference.winners) == {0, 1, 2}


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not on this machine")
def test_load_is_counted_alike_on_both_sides(reference: ReferenceAnswers, tmp_path: Path) -> None:
    """A server that is loaded answers as many requests as wrk counts, none refused, and its CPU time is seen."""
    with BenchmarkServer(PROTOCOL_NOOP, reference, tmp_path) as server:
        found = server.load(connections=4, seconds=1)
        assert found.stretch.requests > 100
        assert (found.stretch.refused, found.stretch.broken) == (0, 0)
        assert 0 < found.cpu_us < 1_000_000
        assert server.process.pss_mb() > 1


def test_a_wrong_server_is_never_timed(reference: ReferenceAnswers, tmp_path: Path) -> None:
    """A server that always answers the same species is left out with the number of its wrong answers."""
    liar = ServerSpec(name="liar", words=PROTOCOL_NOOP.words, answer=lambda _: 2)
    with (
        pytest.raises(EnvironmentMissingError, match=r"\d+ of 400 answers differ"),
        BenchmarkServer(liar, reference, tmp_path),
    ):
        pytest.fail("it was let in")


def test_a_server_that_ends_is_said_so(reference: ReferenceAnswers, tmp_path: Path) -> None:
    """One that cannot start is absent with its last words, at once and not after a timeout."""
    broken = ServerSpec(name="broken", words=("-c", "raise SystemExit('no licence')"))
    with (
        pytest.raises(EnvironmentMissingError, match=r"ended with exit code 1\. no licence"),
        BenchmarkServer(broken, reference, tmp_path),
    ):
        pytest.fail("it was let in")


def test_a_frozen_server_is_ended_too(reference: ReferenceAnswers, tmp_path: Path) -> None:
    """A server that is stopped while others are measured does not outlive the run."""
    with BenchmarkServer(PROTOCOL_NOOP, reference, tmp_path) as server:
        server.process.freeze()
        tree = server.process.tree()
        assert tree
    assert not any(each.is_running() for each in tree)


def generated(name: str, server: BenchmarkServer, requests: Path, *numbers: str) -> dict[str, float]:
    """The figures that a generator prints."""
    words = [str(server.port), str(requests), *numbers, str(wrk.next_first())]
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.generators.{name}", *words],
        capture_output=True,
        text=True,
        check=True,
        cwd=HERE,
    )
    said: dict[str, float] = json.loads(done.stdout)
    return said


def test_paced_load_sends_each_request_once_under_its_own_number(
    reference: ReferenceAnswers, tmp_path: Path
) -> None:
    """The rate times the seconds is what is answered, and nothing is refused."""
    with BenchmarkServer(PROTOCOL_NOOP, reference, tmp_path) as server:
        file = wrk.write_requests(tmp_path / "paced", [push(b"{}")], path="/", headers={})
        said = generated("paced", server, file, "200", "0.5", "4")
    assert (said["requests"], said["unanswered"], said["refused"]) == (100, 0, 0)
    assert 0 < said["p50_ms"] <= said["p99_ms"]


def test_a_closed_loop_sends_large_requests_one_after_the_other(
    reference: ReferenceAnswers, tmp_path: Path
) -> None:
    """Each is answered before the next, under a number of its own, and nothing is refused."""
    with BenchmarkServer(PROTOCOL_NOOP, reference, tmp_path) as server:
        bodies = [push(b"x" * 1_000_000), push(b"{}")]
        file = wrk.write_requests(tmp_path / "large", bodies, path="/", headers={})
        said = generated("closed_loop", server, file, "0.2")
    assert said["requests"] > 1
    assert said["refused"] == 0


def test_an_unknown_section_is_refused() -> None:
    """A misspelt section is answered with the names that there are, and nothing is measured."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--only", "singels"],
        capture_output=True,
        text=True,
        check=False,
        cwd=HERE,
    )
    assert done.returncode == 2
    assert "no such section: singels; there are singles, models, tables" in done.stderr
