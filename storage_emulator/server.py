"""StorageServer: the JSON API's upload, read, list and delete, on a port of its own, in a thread of its own."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import warnings
from collections import Counter
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import unquote

from aiohttp import web

from storage_emulator.faults import Operation, StorageFaults
from storage_emulator.objects import Buckets, StorageError, StoredObject
from storage_emulator.permissions import Permissions
from storage_emulator.uploads import Resumables, conditions, whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from storage_emulator.faults import StorageFault
    from storage_emulator.uploads import Upload

CLASS_A: Final = frozenset[Operation]({"insert", "list"})
"""What Cloud Storage bills at the price of writing, apart from making buckets; reads are class B, deletes free."""

_LONGEST_BODY: Final = 256 * 1024 * 1024
_PAGE: Final = 1000
_RESUME: Final = 308
_GIVEN_UP: Final = 499
_LETTING_GO_S: Final = 0.01


class StorageServer:
    """A context manager: inside, `url` is what STORAGE_EMULATOR_HOST should name.

    `buckets` is what it holds, `permissions` what its callers may do, `faults` what goes wrong next, `operations` what it
    was asked, retries included.
    """

    def __init__(self, *buckets: str, host: str = "127.0.0.1", port: int = 0) -> None:
        """Store the buckets to begin with and where to listen, on a free port for 0; nothing listens yet."""
        self._address = (host, port)
        self.buckets = Buckets()
        self.faults = StorageFaults()
        self.permissions = Permissions()
        self.operations: Counter[Operation] = Counter()
        self.url = ""
        self._arrived = threading.Condition()
        self._resumables = Resumables()
        self._loop = asyncio.new_event_loop()
        self._runner: web.AppRunner | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="storage-server", daemon=True)
        for each in buckets:
            self.buckets.make(each)

    @property
    def class_a(self) -> int:
        """Class-A operations so far."""
        return sum(count for operation, count in self.operations.items() if operation in CLASS_A)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        # aiohttp forgets a connection that its client drops while it is accepted: only the garbage collector closes it.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()

    async def _start(self) -> None:
        app = web.Application(client_max_size=_LONGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, *self._address)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _end(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        # A connection that was just accepted gets its turn before it is cut off: else its socket would stay open.
        await asyncio.sleep(_LETTING_GO_S)
        # Requests that a fault delays outlive their connections.
        delayed = asyncio.all_tasks() - {asyncio.current_task()}
        for each in delayed:
            each.cancel()
        await asyncio.gather(*delayed, return_exceptions=True)
        await asyncio.sleep(_LETTING_GO_S)

    def wait_for(self, operation: Operation, count: int = 1, *, within_s: float = 10.0) -> None:
        """Block until so many requests of an operation have arrived; raises TimeoutError."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: self.operations[operation] >= count, within_s):
                raise TimeoutError(f"{self.operations[operation]} of {count} requests to {operation} arrived")

    def _count(self, operation: Operation) -> None:
        with self._arrived:
            self.operations[operation] += 1
            self._arrived.notify_all()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        operation = _operation(request)
        # A resumable upload is one insertion, with its first piece.
        content_range = request.headers.get("Content-Range", "")
        if "upload_id" not in request.query or content_range.startswith("bytes 0-"):
            self._count(operation)
        fault = self.faults.take(operation)
        if fault is None:
            return self._answer(request, operation, body)
        return await self._fail(request, fault, operation=operation, body=body)

    async def _fail(
        self, request: web.Request, fault: StorageFault, *, operation: Operation, body: bytes
    ) -> web.StreamResponse:
        answer = self._answer(request, operation, body) if fault.carried_out else None
        await asyncio.sleep(fault.delay_s)
        if fault.reset:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if fault.status is not None:
            return _error(fault.status, "injected")
        return answer or self._answer(request, operation, body)

    def _answer(self, request: web.Request, operation: Operation, body: bytes) -> web.Response:
        answers: dict[Operation, Callable[[], web.Response]] = {
            "insert": lambda: self._insert(request, body),
            "begin": lambda: self._begin(request, body),
            "get": lambda: self._get(request),
            "delete": lambda: self._delete(request),
            "list": lambda: self._list(request),
            "bucket": lambda: self._bucket(request, body),
        }
        try:
            return answers[operation]()
        except StorageError as refused:
            return _error(refused.status, str(refused))

    def _insert(self, request: web.Request, body: bytes) -> web.Response:
        query, headers = request.query, request.headers
        bucket, _ = _place(request)
        if "upload_id" in query:
            return self._go_on(query["upload_id"], headers.get("Content-Range", ""), body)
        upload = whole(bucket, query, content_type=headers.get("Content-Type", ""), body=body)
        return self._store(upload)

    def _store(self, upload: Upload) -> web.Response:
        # Cloud Storage checks permissions before preconditions: without the right to delete an existing name is 403, not 412.
        self.permissions.check("insert", replaces=self.buckets.holds(upload.bucket, upload.name))
        stored = self.buckets.insert(
            upload.bucket,
            upload.name,
            content=bytes(upload.content),
            fields=upload.fields,
            conditions=upload.conditions,
        )
        return web.json_response(stored.resource())

    def _begin(self, request: web.Request, body: bytes) -> web.Response:
        """Open a session for a resumable upload, or give one up."""
        query = request.query
        if request.method == "DELETE":
            self._resumables.end(query["upload_id"])
            return web.Response(status=_GIVEN_UP)
        self.permissions.check("begin")
        bucket, _ = _place(request)
        # Raises where there is no such bucket.
        self.buckets.versioned(bucket)
        media_type = request.headers.get("X-Upload-Content-Type", "application/octet-stream")
        session = self._resumables.begin(bucket, query, media_type=media_type, body=body)
        # By the name that the client used, which may be another host's.
        return web.Response(headers={"Location": f"http://{request.host}{request.path}?upload_id={session}"})

    def _go_on(self, session: str, content_range: str, body: bytes) -> web.Response:
        upload, is_whole = self._resumables.go_on(session, content_range, body)
        if not is_whole:
            held = {"Range": f"bytes=0-{len(upload.content) - 1}"} if upload.content else {}
            return web.Response(status=_RESUME, headers=held)
        answer = self._store(upload)
        self._resumables.end(session)
        return answer

    def _get(self, request: web.Request) -> web.Response:
        self.permissions.check("get")
        bucket, name = _place(request)
        generation = request.query.get("generation")
        stored = self.buckets.get(
            bucket,
            name,
            generation=None if generation is None else int(generation),
            conditions=conditions(request.query),
        )
        return _media(stored) if request.query.get("alt") == "media" else web.json_response(stored.resource())

    def _delete(self, request: web.Request) -> web.Response:
        self.permissions.check("delete")
        bucket, name = _place(request)
        self.buckets.delete(bucket, name, conditions=conditions(request.query))
        return web.Response(status=HTTPStatus.NO_CONTENT)

    def _list(self, request: web.Request) -> web.Response:
        self.permissions.check("list")
        query = request.query
        found = self.buckets.objects(
            _place(request)[0],
            prefix=query.get("prefix", ""),
            versions=query.get("versions", "").lower() == "true",
        )
        first, most = int(query.get("pageToken", "0")), int(query.get("maxResults", _PAGE))
        page: dict[str, Any] = {"kind": "storage#objects"}
        page["items"] = [each.resource() for each in found[first : first + most]]
        if first + most < len(found):
            page["nextPageToken"] = str(first + most)
        return web.json_response(page)

    def _bucket(self, request: web.Request, body: bytes) -> web.Response:
        self.permissions.check("bucket")
        if request.method == "POST":
            wanted = json.loads(body)
            name = str(wanted["name"])
            self.buckets.make(name, versioned=bool(wanted.get("versioning", {}).get("enabled")))
        else:
            name, _ = _place(request)
        versioning = {"enabled": self.buckets.versioned(name)}
        return web.json_response(
            {"kind": "storage#bucket", "id": name, "name": name, "versioning": versioning}
        )


def _operation(request: web.Request) -> Operation:
    path = request.rel_url.raw_path
    if path.startswith(("/upload/", "/resumable/")):
        begins = request.query.get("uploadType") == "resumable" and "upload_id" not in request.query
        return "begin" if begins or request.method == "DELETE" else "insert"
    if "/o/" in path:
        return "delete" if request.method == "DELETE" else "get"
    return "list" if path.endswith("/o") else "bucket"


def _place(request: web.Request) -> tuple[str, str]:
    """The bucket and the object's name that a path speaks of; a slash in a name is `%2F`."""
    _, _, rest = request.rel_url.raw_path.partition("/b/")
    bucket, _, name = rest.partition("/o")
    return unquote(bucket), unquote(name.removeprefix("/"))


def _media(stored: StoredObject) -> web.Response:
    headers = {
        "X-Goog-Hash": f"crc32c={stored.crc32c}",
        "X-Goog-Generation": str(stored.generation),
        "X-Goog-Metageneration": "1",
        "Content-Type": str(stored.fields.get("contentType", "application/octet-stream")),
    }
    return web.Response(body=stored.content, headers=headers)


def _error(status: int, message: str) -> web.Response:
    error = {"code": status, "message": message, "errors": [{"reason": "injected", "message": message}]}
    return web.json_response({"error": error}, status=status)
