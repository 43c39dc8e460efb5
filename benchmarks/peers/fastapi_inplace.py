"""FastAPI on uvicorn (uvloop, httptools) with `inplace_predict` for each request."""

from __future__ import annotations

import uvicorn  # type: ignore[import-not-found,unused-ignore]  # in its own environment only
from fastapi import FastAPI, Request  # type: ignore[import-not-found,unused-ignore]

from benchmarks.peers.model import PORT, load, winners
from benchmarks.peers.push_body import row

app = FastAPI()
booster = load()


# FastAPI resolves the annotation at run time, so that Request must be a name of this module.
@app.post("/")  # type: ignore[untyped-decorator,unused-ignore]
async def push(request: Request) -> dict[str, int]:
    """Answer one push."""
    return {"label": winners(booster, [row(await request.body())])[0]}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning", access_log=False)
