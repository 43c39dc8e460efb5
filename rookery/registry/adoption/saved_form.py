"""SavedForm: which of the forms that a model can be saved in a file has, by its first bytes; nothing is ever unpickled."""

from __future__ import annotations

from typing import Final, Literal

from rookery.errors import EXIT_FAILED, UserError
from rookery.schemas.artifact import InvalidArtifactError, unseal

SavedForm = Literal["UBJ", "JSON"]

NEEDED: Final = 'Where the model was made, `model.save_model("model.ubj")` writes what is needed.'

_UBJ: Final = b"{L"
_PICKLE: Final = "it is a pickle (or a joblib file), which is code and is never loaded"
_DUMP: Final = "it is a dump of the trees for people (dump_model), which no program can answer by"
_OTHERS: Final = (
    (b"\x80", _PICKLE),
    (b"\x78\x9c", _PICKLE),
    (b"\x78\x01", _PICKLE),
    (b"\x78\xda", _PICKLE),
    (b"BZh", _PICKLE),
    (b"\xfd7zXZ", _PICKLE),
    (b"\x04\x22\x4d\x18", _PICKLE),
    (b"\x1f\x8b", "it is packed by gzip; unpack it first"),
    (b"PK\x03\x04", "it is an archive (zip), not a model that XGBoost saved"),
    (b"booster[", _DUMP),
    (b"[", _DUMP),
    (b"tree\n", "it is a LightGBM model; XGBoost's are served"),
    (b"CBM1", "it is a CatBoost model; XGBoost's are served"),
    (b"binf", "it is in the binary format of XGBoost before 3.1, which later versions no longer read"),
)


class NotAdoptableError(UserError):
    """The model cannot be served; says why, and the hint says what is needed."""

    def __init__(self, reason: str, *, needed: str = NEEDED) -> None:
        super().__init__(f"The model cannot be adopted: {reason}.", hint=needed, code=EXIT_FAILED)
        self.reason = reason


def form_of(raw: bytes) -> SavedForm:
    """Recognise UBJ and JSON, as `save_model` writes them; raises NotAdoptableError for anything else."""
    if _has_card(raw):
        raise NotAdoptableError(
            "it is a model of Rookery already", needed="`rookery model push` takes it as it is."
        )
    if raw.startswith(_UBJ):
        return "UBJ"
    if raw.lstrip().startswith(b"{"):
        return "JSON"
    for begin, reason in _OTHERS:
        if raw.startswith(begin):
            raise NotAdoptableError(reason)
    if _is_text(raw):
        raise NotAdoptableError(
            "it is text, not a model that XGBoost saved" if raw.strip() else "it is empty"
        )
    raise NotAdoptableError(
        "it is neither UBJ nor JSON; perhaps it is in the binary format of XGBoost before 3.1 (.model, .bin),"
        " which later versions no longer read"
    )


def _has_card(raw: bytes) -> bool:
    try:
        unseal(raw)
    except InvalidArtifactError:
        return False
    return True


def _is_text(raw: bytes) -> bool:
    try:
        return raw[:1000].decode(errors="strict").isprintable() or not raw.strip() or b"\0" not in raw[:1000]
    except UnicodeDecodeError:
        return False
