"""Half a minute of chaos: workers die, disks fail, models are corrupted, and reconciliation passes."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rookery.load.chaos.failing_worker import FAULT_FILE, failing
from rookery.load.chaos.fault_injector import DRAINED, KILLED
from rookery.load.chaos.models import ModelFile
from rookery.load.chaos.plan import SHIPPED_MODEL, ChaosPlan
from rookery.load.chaos.process import RestartableProcess
from rookery.load.chaos.run import run
from rookery.load.child_process import ProcessFailedError
from rookery.schemas.artifact import InvalidArtifactError, unseal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.timeout(300)
@pytest.mark.parametrize("pull", [False, True], ids=["pushed", "pulled"])
def test_reconciliation_passes_over_faults(tmp_path: Path, *, pull: bool) -> None:
    """Killed workers, a failing disk, broken models, duplicates and malformed readings: nothing lost, nothing wrong."""
    plan = ChaosPlan(seed=4, seconds=5, folder=tmp_path, kills=5, least_kills=2, settles_within_s=60)
    outcome = run(replace(plan, pull=True, seconds=3) if pull else plan)
    account = outcome.account
    assert (account.lost, account.wrong, account.unexpected) == ((), (), ())
    assert account.published == account.predicted + account.rejected > 2_000
    assert account.rejected > 0
    assert outcome.kills >= 2
    assert set(outcome.sent) == {"single", "table", "malformed", "duplicate"}
    assert outcome.unsealed == 0
    assert outcome.tracebacks == ()
    assert {KILLED, DRAINED} & set(outcome.survived)


def test_both_good_models_are_whole_and_a_corrupt_one_is_not(tmp_path: Path) -> None:
    """A swapped model is another artifact; its checksum reveals a corrupted one."""
    file = ModelFile(tmp_path / "model.ubj")
    dice = ChaosPlan(seed=1, seconds=1, folder=tmp_path).dice("model")
    assert file.path.read_bytes() == SHIPPED_MODEL.read_bytes()
    file.swap()
    assert unseal(file.path.read_bytes()) != unseal(SHIPPED_MODEL.read_bytes())
    for _ in range(20):
        file.corrupt(dice)
        with pytest.raises(InvalidArtifactError):
            unseal(file.path.read_bytes())


def test_a_program_that_ends_by_itself_fails_the_run(tmp_path: Path) -> None:
    """A run does not continue without a worker that it did not kill."""
    with pytest.raises(ProcessFailedError, match=r"The nothing ended with exit code 1\."):
        RestartableProcess("nothing", ["rookery.load.chaos.nothing"], folder=tmp_path).start()


@pytest.mark.parametrize("sync", [os.fsync, os.fdatasync])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_sync_fails_while_the_faults_file_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sync: Callable[[int], None], code: int
) -> None:
    """The injected fault reaches what syncs, and goes when its file goes."""
    fault = tmp_path / "fault"
    monkeypatch.setenv(FAULT_FILE, str(fault))
    with (tmp_path / "file").open("wb") as file:
        failing(sync)(file.fileno())
        fault.write_text(str(code))
        with pytest.raises(OSError, match=os.strerror(code)):
            failing(sync)(file.fileno())
        fault.write_text("slow 0.001")
        failing(sync)(file.fileno())
