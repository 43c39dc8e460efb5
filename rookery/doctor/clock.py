"""The clock check: tokens and publish times need clocks that agree."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from rookery.doctor.finding import error, ok, unknown, warning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rookery.doctor.case import Case
    from rookery.doctor.finding import Finding

GOOGLE: Final = "https://pubsub.googleapis.com/"
BAD_SECONDS: Final = 10.0
"""The largest clock skew that tokens tolerate (`rookery.worker.auth.oidc.SKEW_SECONDS`)."""

POOR_SECONDS: Final = 2.0
_FIX: Final = "Let the machine keep time: `timedatectl set-ntp true`."


def clock(case: Case, now: Callable[[], float] = time.time) -> Iterator[Finding]:
    """Compare this machine's clock with the Date header of the broker's HTTP answers."""
    url = f"http://{case.broker}/" if case.broker else GOOGLE
    began = now()
    date = _date(url)
    if date is None:
        yield unknown(f"{url} sends no Date header")
        return
    # The answer was dated somewhere in between, and in whole seconds.
    skew = abs(date + 0.5 - (began + now()) / 2)
    if skew > BAD_SECONDS:
        yield error(f"this clock and that of {url} are {skew:.0f} s apart: tokens are refused.", _FIX)
    elif skew > POOR_SECONDS:
        yield warning(f"this clock and that of {url} are {skew:.0f} s apart.", _FIX)
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
