"""FastAPI on uvicorn (uvloop, httptools) with `inplace_predict` for each request, and a sync where results are kept."""

from __future__ import annotations

import uvicorn  # type: ignore[import-not-found,unused-ignore]  # in its own environment only
from fastapi import FastAPI, HTTPException, Request  # type: ignore[import-not-found,unused-ignore]

from benchmarks.peers.equal_work.token_check import token_check
from benchmarks.peers.model import PORT, PeerModel
from benchmarks.peers.push_body import pushed

app = FastAPI()
model = PeerModel()
check = token_check()


# FastAPI resolves the annotation at run time, so that Request must be a name of this module.
@app.post("/")  # type: ignore[untyped-decorator,unused-ignore]
async def push(request: Request) -> dict[str, int]:
    """Answer one push."""
    if check is not None and not check.admits(request.headers.get("authorization")):
        raise HTTPException(401)
    return {"label": model.answer([pushed(await request.body())])[0]}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning", access_log=False)
