"""OpenAPI 3.1 of the worker's HTTP face, as it is with the model of a contract."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final

from rookery.schemas.contract.contract import Contract
from rookery.schemas.contract.derived.json_schema import prediction_schema, reading_schema, table_schema
from rookery.schemas.contract.example import example_fields
from rookery.schemas.rejection import Rejection

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import BaseModel

Document = dict[str, Any]

_REFERENCE: Final = "#/components/schemas/{model}"


def openapi(contract: Contract, *, pushed: bool = True) -> Document:
    """Describe every route, with an example of the contract's readings; a worker that pulls takes no POST (`pushed`)."""
    posts = {"/": {"post": _push(contract)}, "/predict": {"post": _predict(contract)}} if pushed else {}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Rookery worker: {contract.name}",
            "version": str(contract.version),
            "description": contract.description,
        },
        "paths": posts | _READS,
        "components": {"schemas": _schemas(contract), "securitySchemes": _SECURITY},
    }


def _schemas(contract: Contract) -> Document:
    return {
        "Reading": reading_schema(contract),
        "ReadingTable": table_schema(contract),
        "Prediction": prediction_schema(contract),
        **_model_schemas((Rejection, Contract)),
        "Answers": _ANSWERS,
        "PushEnvelope": _ENVELOPE,
        "Readiness": _READINESS,
    }


def _model_schemas(models: Iterable[type[BaseModel]]) -> Document:
    found: Document = {}
    for model in models:
        schema = model.model_json_schema(ref_template=_REFERENCE, mode="serialization")
        found |= {**schema.pop("$defs", {}), model.__name__: schema}
    return found


def _predict(contract: Contract) -> Document:
    reading = example_fields(contract)
    return {
        "summary": "Classify one reading or a table of readings; nothing is stored",
        "operationId": "predict",
        "security": _OPTIONAL,
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"anyOf": [_of("Reading"), _of("ReadingTable")]},
                    "examples": {
                        "reading": {"summary": "One reading", "value": reading},
                        "table": {
                            "summary": "A table of two readings",
                            "value": {name: [value] * 2 for name, value in reading.items()},
                        },
                    },
                }
            },
        },
        "responses": {
            "200": _json(
                "A prediction for each reading, and a rejection for each one that was refused", "Answers"
            ),
            "422": _json("No reading could be classified: the rejections say why", "Answers"),
            **_FAILURES,
        },
    }


def _push(contract: Contract) -> Document:
    data = base64.b64encode(json.dumps(example_fields(contract)).encode()).decode()
    message = {"messageId": "1", "publishTime": "2026-11-23T12:00:00Z", "data": data}
    envelope = {"subscription": "projects/my-project/subscriptions/readings-worker", "message": message}
    return {
        "summary": "Take one Pub/Sub message, as a push subscription posts it",
        "operationId": "push",
        "security": _OPTIONAL,
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _of("PushEnvelope"), "example": envelope}},
        },
        "responses": {
            "204": {
                "description": "Durable: every reading is a prediction or a rejection; the message is acknowledged"
            },
            **_FAILURES,
            "400": _text("No push envelope, malformed HTTP, or a content encoding that cannot be read"),
        },
    }


def _of(name: str) -> Document:
    return {"$ref": _REFERENCE.format(model=name)}


def _json(description: str, schema: str) -> Document:
    return {"description": description, "content": {"application/json": {"schema": _of(schema)}}}


def _text(description: str) -> Document:
    return {"description": description, "content": {"text/plain": {"schema": {"type": "string"}}}}


_SECURITY: Final[Document] = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The OIDC token of the pushing service account, where the worker demands one",
    }
}
_OPTIONAL: Final[list[Document]] = [{"token": []}, {}]

_FAILURES: Final[Document] = {
    "400": _text("Malformed HTTP, or a content encoding that cannot be read"),
    "401": _text("No token, or none that can be trusted"),
    "403": _text("The sender, its host or its origin is not served"),
    "408": _text("The request took too long to arrive"),
    "413": _text("The body is larger than ROOKERY_MAX_REQUEST_BYTES"),
    "429": _text("The queue is full: retry"),
    "503": _text("Results cannot be made durable, or the worker is draining: retry"),
}

_READS: Final[Document] = {
    "/contract": {
        "get": {
            "summary": "The contract of the model that answers",
            "operationId": "contract",
            "responses": {"200": _json("What a reading may be, and which answers it gets", "Contract")},
        }
    },
    "/openapi.json": {
        "get": {
            "summary": "This document",
            "operationId": "openapi",
            "responses": {
                "200": {
                    "description": "OpenAPI 3.1",
                    "content": {"application/json": {"schema": {"type": "object"}}},
                }
            },
        }
    },
    "/docs": {
        "get": {
            "summary": "The page that shows this document",
            "operationId": "docs",
            "responses": {
                "200": {
                    "description": "The page",
                    "content": {"text/html": {"schema": {"type": "string"}}},
                }
            },
        }
    },
    "/readyz": {
        "get": {
            "summary": "Whether messages should be sent here",
            "operationId": "ready",
            "responses": {
                "200": _json("Ready, or degraded: a good model answers, but not the newest", "Readiness"),
                "503": _json("Starting, draining, or failing to make results durable", "Readiness"),
            },
        }
    },
    "/livez": {
        "get": {
            "summary": "Whether the process serves",
            "operationId": "alive",
            "responses": {"200": _text("Alive"), "503": _text("Only its own defects for a long time")},
        }
    },
    "/metrics": {
        "get": {
            "summary": "All metrics, for Prometheus",
            "operationId": "metrics",
            "responses": {"200": _text("Prometheus's text format")},
        }
    },
}

_ANSWERS: Final[Document] = {
    "type": "object",
    "properties": {
        "predictions": {"type": "array", "items": _of("Prediction")},
        "rejections": {"type": "array", "items": _of("Rejection")},
    },
    "required": ["predictions", "rejections"],
}

_ENVELOPE: Final[Document] = {
    "title": "PushEnvelope",
    "type": "object",
    "properties": {
        "message": {
            "type": "object",
            "properties": {
                "messageId": {"type": "string", "minLength": 1, "maxLength": 1_000},
                "data": {
                    "type": "string",
                    "contentEncoding": "base64",
                    "contentMediaType": "application/json",
                    "contentSchema": {"anyOf": [_of("Reading"), _of("ReadingTable")]},
                },
                "publishTime": {"type": "string", "format": "date-time"},
                "attributes": {"type": "object", "additionalProperties": {"type": "string"}},
                "orderingKey": {"type": "string"},
            },
            "required": ["messageId"],
        },
        "subscription": {"type": "string"},
        "deliveryAttempt": {"type": "integer", "minimum": 0},
    },
    "required": ["message", "subscription"],
}

_READINESS: Final[Document] = {
    "type": "object",
    "properties": {
        "status": {"enum": ["starting", "ready", "degraded", "failing", "draining"]},
        "model": {"type": "string", "description": "digest of the model that answers"},
        "engine": {"type": "string"},
        "reason": {"type": "string"},
        "origin": {"type": "string"},
    },
    "required": ["status", "model", "engine"],
}
