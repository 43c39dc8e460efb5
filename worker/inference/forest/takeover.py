"""ForestTakeover: compiles the forest of each model beside its traffic, and lets it answer once it is verified."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final, Protocol

from rookery.worker.inference.kernel.compiler import CompilationError, KernelCompiler
from rookery.worker.inference.kernel.layout import UnsupportedForestError
from rookery.worker.inference.xgboost_classifier import golden_rows
from rookery.worker.runtime.thread_priority import give_way, step_aside

if TYPE_CHECKING:
    from rookery.worker.inference.xgboost_classifier import XGBoostClassifier

log: Final = logging.getLogger(__name__)

_ENDS_WITHIN_S: Final = 2.0
"""Seconds that a drain waits for a thread that was given up."""


class CompilationCount(Protocol):
    """Counts forests by outcome."""

    def forest_compiled(self, outcome: str) -> None:
        """Count one: `compiled`, `unsupported`, `different` or `failed`."""


class ForestTakeover:
    """Takes over from the booster of a classifier, or says why the booster goes on answering."""

    def __init__(self, metrics: CompilationCount) -> None:
        """Store what counts; the kernel is compiled with the first model."""
        self._metrics = metrics
        self._compiler = KernelCompiler()
        self._closed = threading.Event()
        self._threads: list[threading.Thread] = []

    def begin(self, classifier: XGBoostClassifier) -> threading.Thread:
        """Compile and verify a classifier's forest in a daemon thread, which gives way to all others."""
        thread = threading.Thread(target=self._run, args=(classifier,), name="compiled forest", daemon=True)
        self._threads = [*(each for each in self._threads if each.is_alive()), thread]
        thread.start()
        return thread

    def close(self) -> None:
        """Give up what is being compiled or verified, and wait a moment until that has ended.

        A thread that writes to the log while the interpreter ends would abort the process.
        """
        self._closed.set()
        self._compiler.close()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(_ENDS_WITHIN_S)

    def _run(self, classifier: XGBoostClassifier) -> None:
        give_way()
        began = time.monotonic()
        try:
            outcome, reason = self._attempt(classifier)
        except Exception:
            if self._closed.is_set():
                return
            log.exception(
                "compiling the forest of model %s failed; the booster goes on answering", classifier.model
            )
            outcome, reason = "failed", None
        if self._closed.is_set():
            return
        self._metrics.forest_compiled(outcome)
        if outcome == "compiled":
            seconds = round(time.monotonic() - began, 1)
            log.info("compiled forest answers", extra={"model": classifier.model, "seconds": seconds})
        elif reason is not None:
            log.warning("the booster of model %s goes on answering: %s", classifier.model, reason)

    def _attempt(self, classifier: XGBoostClassifier) -> tuple[str, str | None]:
        """Let the forest take over; give the outcome, and a reason where it does not."""
        # The start of the worker has no use for these.
        from rookery.worker.inference.forest.compiled import CompiledForest  # noqa: PLC0415  see above
        from rookery.worker.inference.forest.program import program_of  # noqa: PLC0415  see above
        from rookery.worker.inference.forest.verification import DifferentForestError, verify_forest  # noqa: PLC0415  see above

        try:
            program = program_of(classifier.booster)
            forest = CompiledForest(self._compiler.code(program.words), program)
            verify_forest(forest, classifier.booster, golden_rows(classifier.card.golden), pause=self._pause)
        except UnsupportedForestError as error:
            return "unsupported", str(error)
        except DifferentForestError as error:
            return "different", str(error)
        except CompilationError as error:
            return "failed", str(error)
        classifier.take_over(forest)
        return "compiled", None

    def _pause(self) -> None:
        if self._closed.is_set():
            raise CompilationError("the worker ends")
        step_aside()
