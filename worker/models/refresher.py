"""ModelRefresher: the model that the settings name, or the last known good one, and new versions while the worker runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from rookery.schemas.contract.compatibility import incompatibilities
from rookery.worker.models.loader import ModelRefusedError, load
from rookery.worker.models.source import ModelUnreachableError
from rookery.worker.runtime.daemon_call import in_daemon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from rookery.schemas.artifact import ModelCard
    from rookery.worker.inference.xgboost_classifier import XGBoostClassifier
    from rookery.worker.models.cache import ModelCache
    from rookery.worker.models.source import ModelSource
    from rookery.worker.observability.metrics import Metrics

log: Final = logging.getLogger(__name__)

LOOK_SECONDS: Final = 20.0
"""Timeout of a check of the source: as long as a model of the largest size takes over a slow line."""

_SOON_SECONDS: Final = 5.0
"""When an unreachable source is tried again, where news are not looked for more often anyway."""


class NoModelError(Exception):
    """Neither the address that the settings name nor its cache has a model that can answer: no start."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"{reason}; no last known good model of this address is cached, and no other model answers in its place. "
            "`rookery model verify ADDRESS` checks a model, `rookery train` writes one; without ROOKERY_MODEL the "
            "shipped model answers"
        )


class ModelRefresher:
    """Loads the model of a source, else the last known good one of the same address, and swaps in new good versions.

    While it runs, a version is refused whose contract does not accept every reading that the present one accepts.

    `reason` says why an older version answers than the source has, or why that cannot be known; None if all is
    well. `origin` says where the one that answers came from: `source` or `cache`.
    """

    classifier: XGBoostClassifier
    """The classifier that answers now; `open` sets it."""

    def __init__(
        self,
        source: ModelSource,
        *,
        cache: ModelCache | None,
        metrics: Metrics,
        look_seconds: float = LOOK_SECONDS,
        on_swap: Callable[[XGBoostClassifier], object] = lambda _: None,
    ) -> None:
        """Store where the model comes from, where good ones are kept, and for how long to wait; `open` loads it.

        `on_swap` is called with each classifier that begins to answer after the first one.
        """
        self.reason: str | None = None
        self.origin = "source"
        self._source = source
        self._cache = cache
        self._metrics = metrics
        # The version that was validated last, so that it is read only once, and why it was refused.
        self._checked: str | None = None
        self._refusal: str | None = None
        self._look_seconds = look_seconds
        self._on_swap = on_swap
        # A look that hangs (a mount without its server) is not begun again, but waited for again.
        self._looking: asyncio.Future[XGBoostClassifier | None] | None = None

    @property
    def model(self) -> str:
        """The name of the artifact that answers now."""
        return self.classifier.model

    @property
    def engine(self) -> str:
        """The engine of its predictions: `booster` or `compiled`."""
        return self.classifier.engine

    @property
    def card(self) -> ModelCard:
        """The card of the artifact that answers now."""
        return self.classifier.card

    async def open(self) -> None:
        """Load the model, else the last known good one of its address; raises NoModelError with every reason."""
        found = await self._look() or await self._last_known_good()
        if found is None:
            raise NoModelError(str(self.reason))
        self._swap(found)

    async def refresh(self) -> None:
        """Look for a new version: swap it in where it is good, else keep what answers and say why."""
        found = await self._look()
        if found is None:
            return
        self.origin = "source"
        if found.digest != self.classifier.digest:
            log.info("model swapped", extra={"model": found.model, "before": self.model})
            self._swap(found)
            self._on_swap(found)

    @asynccontextmanager
    async def watched(self, seconds: float) -> AsyncIterator[None]:
        """Look for news every so many seconds while the context is open; never where they are 0."""
        if not seconds:
            yield
            return
        watching = asyncio.create_task(self._watch(seconds), name="model watch")
        try:
            yield
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching

    async def _watch(self, seconds: float) -> None:
        while True:
            unreachable = self.reason is not None and self.reason != self._refusal
            await asyncio.sleep(min(seconds, _SOON_SECONDS) if unreachable else seconds)
            try:
                await self.refresh()
            except Exception:
                # The present model goes on answering; the next check may succeed.
                log.exception("failed to check for a new model")

    def _news(self) -> XGBoostClassifier | None:
        """Return the source's model if it is valid and its version was not validated before; blocks."""
        try:
            if self._checked is not None and self._source.version() == self._checked:
                self._report(self._refusal)
                return None
            fetched = self._source.fetch()
        except ModelUnreachableError as error:
            self._metrics.model_loaded("unreachable")
            self._report(str(error))
            return None
        try:
            found = self._compatible(_validated(fetched.artifact))
        except ModelRefusedError as error:
            self._refusal = f"model {self._source.address} is refused: {'; '.join(error.reasons)}"
            self._metrics.model_loaded("refused")
        else:
            self._refusal = None
            self._metrics.model_loaded("good")
            if self._cache is not None:
                self._cache.keep(fetched.artifact)
        self._checked = fetched.version
        self._report(self._refusal)
        return None if self._refusal else found

    def _compatible(self, found: XGBoostClassifier) -> XGBoostClassifier:
        """Return a model that can take the present one's place while readings arrive; raises ModelRefusedError."""
        present: XGBoostClassifier | None = getattr(self, "classifier", None)
        if present is None:
            return found
        if wrong := incompatibilities(present.card.contract, found.card.contract):
            raise ModelRefusedError(
                self._source.address,
                *(f"contract: {each.reason}" for each in wrong),
                f"a restarted worker takes it in place of {present.model}",
            )
        if found.card.contract == present.card.contract:
            # Messages that were decoded for the present model need not be encoded anew.
            found.contract = present.contract
        return found

    async def _look(self) -> XGBoostClassifier | None:
        """Return what `_news` does, unless it takes too long; a later look gets it then."""
        looking = self._looking = self._looking or in_daemon(self._news, "model look")
        if not await self._in_time(looking):
            self._metrics.model_loaded("unreachable")
            self._report(
                f"model {self._source.address} cannot be read: no answer within {self._look_seconds:g} s"
            )
            return None
        self._looking = None
        return looking.result()

    async def _in_time(self, call: asyncio.Future[Any]) -> bool:
        done, _ = await asyncio.wait({call}, timeout=self._look_seconds)
        return bool(done)

    async def _last_known_good(self) -> XGBoostClassifier | None:
        if self._cache is None:
            return None
        reading = in_daemon(self._cached, "model cache")
        if not await self._in_time(reading):
            log.error("the model cache does not answer within %g s", self._look_seconds)
            return None
        self.origin = "cache"
        return reading.result()

    def _cached(self) -> XGBoostClassifier | None:
        kept = self._cache.read() if self._cache is not None else None
        if kept is None:
            return None
        try:
            return _validated(kept)
        except ModelRefusedError as error:
            log.error("the model in the cache is refused: %s", "; ".join(error.reasons))  # noqa: TRY400  the reasons are all
            return None

    def _report(self, reason: str | None) -> None:
        """Report a change of state once, in the log and in the metrics."""
        if reason and reason != self.reason:
            log.error("%s", reason)
        if self.reason and not reason:
            log.info("the model is as the settings say again")
        self.reason = reason
        self._metrics.model_degraded(value=reason is not None)

    def _swap(self, found: XGBoostClassifier) -> None:
        self.classifier = found
        self._metrics.model(found.model)
        if not found.card.distribution:
            log.info(
                "drift is off: the card of model %s has no distribution of its training data", found.model
            )
        if found.card.outliers is None:
            log.info("model %s has no outlier rule: out_of_distribution is null", found.model)


def _validated(source: bytes) -> XGBoostClassifier:
    """Load an artifact; whatever goes wrong with it is a refusal, for a bad model must not stop the worker."""
    try:
        found = load(source)
        # Made here, off the event loop: the first reading would wait for them.
        _ = found.contract.validate_fields, found.contract.validate_rows
    except ModelRefusedError:
        raise
    except Exception as error:
        log.exception("failed to load a model")
        raise ModelRefusedError("", f"{type(error).__name__}: {error}") from error
    return found
