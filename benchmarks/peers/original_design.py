"""The design that Rookery replaces: FastAPI with pydantic models and XGBClassifier on a one-row DataFrame."""

from __future__ import annotations

import base64
from typing import Annotated, Literal

import pandas as pd  # type: ignore[import-untyped,import-not-found,unused-ignore]
import uvicorn  # type: ignore[import-not-found,unused-ignore]
from fastapi import FastAPI  # type: ignore[import-not-found,unused-ignore]
from pydantic import BaseModel, Field
from xgboost import XGBClassifier

from benchmarks.peers.model import MODEL, PORT

Positive = Annotated[float, Field(gt=0)]


class OriginalReading(BaseModel):
    """One reading."""

    bill_length_mm: Positive
    bill_depth_mm: Positive
    flipper_length_mm: Positive
    body_mass_g: Positive
    year: int
    sex: Literal["female", "male"]
    island: Literal["Biscoe", "Dream", "Torgersen"]


class OriginalMessage(BaseModel):
    """The part of a push that holds the reading, in base64."""

    data: str


class OriginalPush(BaseModel):
    """What Pub/Sub posts."""

    message: OriginalMessage
    subscription: str


app = FastAPI()
classifier = XGBClassifier(n_jobs=1)
classifier.load_model(str(MODEL))
classifier.get_booster().set_param({"nthread": 1})


@app.post("/")  # type: ignore[untyped-decorator,unused-ignore]
async def push(body: OriginalPush) -> dict[str, int]:
    """Answer one push."""
    reading = OriginalReading.model_validate_json(base64.b64decode(body.message.data))
    frame = pd.DataFrame([reading.model_dump()])
    frame["sex"] = frame["sex"].map({"female": 0, "male": 1})
    frame["island"] = frame["island"].map({"Biscoe": 0, "Dream": 1, "Torgersen": 2})
    return {"species": int(classifier.predict(frame)[0])}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning", access_log=False)
