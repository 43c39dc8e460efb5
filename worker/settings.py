"""Settings, one model for each concern, and all of them as read from `ROOKERY_...` in the environment."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from rookery import data
from rookery.schemas.artifact import MAX_BYTES
from rookery.schemas.output.permissions import PATTERN, PRIVATE
from rookery.worker.setting_names import FORMER, misspelled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

_NUMBERS: Final[dict[Any, tuple[re.Pattern[str], str]]] = {
    int: (re.compile("-?[0-9]+"), "a whole number"),
    float: (re.compile("-?[0-9]+(?:[.][0-9]+)?(?:[eE][+-]?[0-9]+)?"), "a number"),
}

PULL_DEFAULTS: Final[Mapping[str, float]] = MappingProxyType(
    {"flush_interval_seconds": 10.0, "flush_rows": 20_000}
)
"""Defaults of a worker that pulls: a hundredth of the objects of one that answers pushes within a second."""

SHIPPED_MODEL = Path(__file__).parent / "shipped" / f"{data.SHIPPED}.ubj"


class _Concern(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, validate_default=True, allow_inf_nan=False
    )

    @field_validator("*", mode="before")
    @classmethod
    def _in_digits(cls, value: object, info: ValidationInfo) -> object:
        # Pydantic reads more as a number than anybody writes as one: blanks, underscores, other scripts, NaN.
        kind = cls.model_fields[str(info.field_name)].annotation
        if isinstance(value, str) and kind in _NUMBERS:
            form, name = _NUMBERS[kind]
            if form.fullmatch(value) is None:
                raise PydanticCustomError("in_digits", "{name} in digits is needed", {"name": name})
        return value


class ListenSettings(_Concern):
    """Where the worker listens."""

    host: str = "127.0.0.1"
    """Address to listen on; `0.0.0.0` in a container."""

    port: Annotated[
        int, Field(ge=0, le=65535, validation_alias=AliasChoices("ROOKERY_PORT", "PORT")), "also PORT"
    ] = 8080
    """Port to listen on; 0 takes any free one. Cloud Run's `PORT` is honoured."""

    reuse_port: bool = False
    """Whether several workers of one machine may listen on the same port, which shares out the connections (Linux)."""


class HttpSettings(ListenSettings):
    """How requests are read, and how much of them may be in memory."""

    fast_path: bool = True
    """Whether pushes are answered without a task each; everything else has one. Both are read by one set of rules."""

    max_request_bytes: Annotated[int, Field(ge=1)] = 15 * 1024 * 1024
    """Longest request body; Pub/Sub's largest message is 10 MB, 13.4 MB in base64."""

    arriving_bytes: Annotated[int, Field(ge=1024 * 1024)] = 64 * 1024 * 1024
    """Bytes of requests still arriving, over all connections, before some are answered 429; a quarter as much before their tokens are checked."""

    request_seconds: Annotated[float, Field(gt=0)] = 30.0
    """How long a request may take to arrive, from its first byte to its last, before it is answered 408."""


class AuthSettings(ListenSettings):
    """The way that messages arrive, and the authentication of pushes."""

    pull: Annotated[str, Field(pattern="^(projects/[^/ ]+/subscriptions/[^/ ]+)?$")] = ""
    """Subscription to pull from, as `projects/PROJECT/subscriptions/NAME`; pushes and `/predict` are then not served, and need no guard."""

    push_auth: Literal["oidc", "cloud-run-iam", "none"] = "none"
    """Where it is checked that pushes come from Pub/Sub: in this worker (`oidc`), in Cloud Run, or nowhere (`none`: this machine only)."""

    push_audience: str = ""
    """With `oidc`: the audience of the subscription's tokens, exactly."""

    push_service_account: str = ""
    """With `oidc`: the e-mail of the service account that pushes."""

    push_jwks_url: str = "https://www.googleapis.com/oauth2/v3/certs"
    """With `oidc`: where the signing keys are, as JSON Web Key Set or PEM by key id."""

    allowed_hosts: str = ""
    """Names that requests may have as Host where no token is needed, or on loopback, with commas; loopback's may always, `*` is any."""

    emulator: Annotated[str | None, Field(validation_alias="PUBSUB_EMULATOR_HOST")] = None
    """Where it is set, pushes come from a test broker, which signs nothing: `none` is then allowed on any address."""


class ModelSettings(_Concern):
    """Which model answers, and when it is loaded again."""

    model: str = str(SHIPPED_MODEL)
    """The model: a path, `gs://bucket/object`, or `gs://bucket/object#generation`."""

    model_cache: Path | None = Path("~/.cache/rookery/models")
    """Folder that keeps the last known good model of an address, for when the address fails."""

    model_max_bytes: Annotated[int, Field(ge=1)] = MAX_BYTES
    """Bytes that a model may have, here and in the commands that read one; memory and the time to load grow with them."""

    model_refresh_seconds: Annotated[float, Field(ge=0)] = 60.0
    """How often to look for a new model; 0 never does."""

    compiled_forest: Literal["auto", "off"] = "auto"
    """Whether a compiled forest answers in the booster's place, with the same bits, where llvmlite is installed (extra `compiled`)."""


class SubscriptionSettings(_Concern):
    """Properties of the subscription."""

    ack_deadline_seconds: Annotated[float, Field(gt=0, le=600)] = 60.0
    """The push subscription's ack deadline: a message that cannot be answered within it is refused at once with 503. With pull the time of a lease, 10 at least, which is extended."""


class BatchingSettings(SubscriptionSettings):
    """How much waits, goes into one batch, and is remembered."""

    batch_rows: Annotated[int, Field(ge=1)] = 4096
    """Readings that one batch holds at most; a larger table is a batch of its own, tables share one up to 2,048 rows."""

    queue_rows: Annotated[int, Field(ge=1)] = 100_000
    """Readings that may wait or be in flight before messages are answered 429; large tables have as many besides."""

    queue_bytes: Annotated[int, Field(ge=1)] = 64 * 1024 * 1024
    """Bytes of messages, and of what is refused of them as it will be written, before a 429; large tables have as many besides."""

    deduplication_rows: Annotated[int, Field(ge=0)] = 200_000
    """Readings whose identity is remembered after they became durable; about 250 bytes each."""

    deduplication_seconds: Annotated[float, Field(ge=0)] = 600.0
    """How long a reading's identity is remembered after it became durable."""


class SinkSettings(SubscriptionSettings):
    """Where results become durable, and how often a remote sink is written to."""

    results: str = "file://./results/predictions"
    """Where predictions become durable: `file:///dir`, `gs://bucket/prefix` or `pubsub://project/topic`; several with commas."""

    rejects: str = "file://./results/rejections"
    """Where rejections become durable: addresses like those of the results."""

    results_format: Literal["ndjson", "parquet"] = "ndjson"
    """How predictions are written into folders and buckets: as lines of JSON, or in columns, one Parquet file each flush (needs pyarrow, extra `parquet`). Rejections are lines, as is what a topic gets."""

    file_mode: Annotated[str, Field(pattern=PATTERN)] = f"{PRIVATE:04o}"
    """Mode of new result files; `0640` lets a group read them, `0644` anybody. Their folders can be looked into by the same."""

    flush_interval_seconds: Annotated[float, Field(ge=0)] = 0.25
    """Time from one Cloud Storage object, or Parquet file, to the next, for each has its price; after a pause the first four do not wait. With pull the default is 10: no push window waits."""

    flush_rows: Annotated[int, Field(ge=1)] = 200
    """Lines that are worth a Cloud Storage object or a Parquet file at once, however short the last one is ago. With pull the default is 20000."""

    write_timeout_seconds: Annotated[float, Field(gt=0)] = 5.0
    """Time for one write to Cloud Storage or a topic, its retries included; less than the ack deadline."""


class ObservabilitySettings(_Concern):
    """Health, logs, metrics, traces and samples."""

    failing_seconds: Annotated[float, Field(ge=0)] = 60.0
    """How long a worker answers nothing but 503 for its own defects until `/readyz` is 503; after three times as long so is `/livez`. 0 never."""

    result_features: Literal["sample", "all", "none"] = "sample"
    """Which predictions repeat their reading's features: those that ROOKERY_FEATURE_SAMPLE_ROWS samples, all, or none. Without any the live page has no chart of measurements."""

    feature_sample_rows: Annotated[int, Field(ge=0)] = 4
    """Out-of-distribution readings whose predictions carry their features, in each batch; in 50 batches a second as many of all readings."""

    drift_rows: Annotated[int, Field(ge=1)] = 1000
    """Latest readings that are compared with the training data; fewer notice sooner and err more often."""

    tracing: bool = False
    """Whether spans are sent to where OTEL_EXPORTER_OTLP_ENDPOINT says (needs the extra `tracing`)."""

    revision: Annotated[str, Field(validation_alias=AliasChoices("ROOKERY_REVISION", "K_REVISION"))] = "local"
    """Name of this worker in rejections and logs; Cloud Run's `K_REVISION` is honoured."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least severity that is logged."""

    log_format: Literal["auto", "json", "text"] = "auto"
    """`json` in Cloud Logging's field names, `text` for people; `auto` is `text` on a terminal."""


class RuntimeSettings(_Concern):
    """Start and end of the process."""

    ready_file: Path | None = None
    """File that gets the worker's address once it is ready."""

    drain_seconds: Annotated[float, Field(gt=0, lt=10)] = 8.0
    """Time to finish messages in flight after SIGTERM; Cloud Run grants 10 s in all."""


class Settings(
    RuntimeSettings,
    ObservabilitySettings,
    SinkSettings,
    BatchingSettings,
    ModelSettings,
    AuthSettings,
    HttpSettings,
):
    """All settings of a worker; each is the variable `ROOKERY_<NAME>`, in upper or lower case."""

    def __init__(self, environment: Mapping[str, str] | None = None, /, **chosen: Any) -> None:
        """Read the environment, this process's own where none is given; a chosen value wins. Raises ValidationError."""
        read = os.environ if environment is None else environment
        given = {name.upper(): value for name, value in read.items()}
        given |= {new: given[old] for old, new in FORMER.items() if old in given and new not in given}
        named = {name: variables(name, field) for name, field in type(self).model_fields.items()}
        found: dict[str, Any] = {
            name: next(given[each] for each in names if each in given)
            for name, names in named.items()
            if not given.keys().isdisjoint(names)
        }
        if chosen.get("pull", found.get("pull")):
            found = {**PULL_DEFAULTS, **found}
        wrong = _misspellings(misspelled(given, {each for names in named.values() for each in names}))
        try:
            super().__init__(**(found | chosen))
        except ValidationError as error:
            wrong += [_again(each) for each in error.errors(include_url=False)]
        if wrong:
            raise ValidationError.from_exception_data(type(self).__name__, wrong)


def _misspellings(variables: dict[str, str]) -> list[InitErrorDetails]:
    return [
        InitErrorDetails(
            type=PydanticCustomError(
                "misspelled", "no setting has this name; is {meant} meant?", {"meant": meant}
            ),
            loc=(variable,),
            input=variable,
        )
        for variable, meant in variables.items()
    ]


def _again(error: ErrorDetails) -> InitErrorDetails:
    """An error of pydantic's once more, to stand beside others."""
    kind = PydanticCustomError("invalid", "{text}", {"text": error["msg"]})
    return InitErrorDetails(type=kind, loc=error["loc"], input=error["input"])


def variables(name: str, field: FieldInfo) -> list[str]:
    """Give the variables that a setting is read from; the first one that is there counts."""
    alias = field.validation_alias
    names = alias.choices if isinstance(alias, AliasChoices) else [alias or f"ROOKERY_{name.upper()}"]
    return [str(each) for each in names]
