"""The clock: tokens and publish times are worth what the clocks agree."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from rookery.doctor.finding import error, ok, unseen, warning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rookery.doctor.case import Case
    from rookery.doctor.finding import Finding

GOOGLE: Final = "https://pubsub.googleapis.com/"
BAD_SECONDS: Final = 10.0
"""What a token's times may be off (`rookery.worker.auth.oidc.SKEW_SECONDS`)."""

POOR_SECONDS: Final = 2.0
_MEND: Final = "Let the machine keep time: `timedatectl set-ntp true`."


def clock(case: Case, now: Callable[[], float] = time.time) -> Iterator[Finding]:
    """Hold this machine's clock against the broker's, as its HTTP answers tell it."""
    url = f"http://{case.broker}/" if case.broker else GOOGLE
    began = now()
    told = _date(url)
    if told is None:
        yield unseen(f"{url} does not tell the time")
        return
    # The answer was dated somewhere in between, and in whole seconds.
    skew = abs(told + 0.5 - (began + now()) / 2)
    if skew > BAD_SECONDS:
        yield error(f"this clock and that of {url} are {skew:.0f} s apart: tokens are refused.", _MEND)
    elif skew > POOR_SECONDS:
        yield warning(f"this clock and that of {url} are {skew:.0f} s apart.", _MEND)
    else:
        yield ok(f"this clock and that of {url} agree")


def _date(url: str) -> float | None:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  an address of ours or Google's
            header = answer.headers.get("Date")
    except urllib.error.HTTPError as answered:
        header = answered.headers.get("Date")
    except OSError:
        return None
    try:
        return parsedate_to_datetime(header).timestamp() if header else None
    except ValueError:
        return None
