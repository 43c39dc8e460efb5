"""Schemas for other systems that are derived from a contract: JSON Schema, OpenAPI, Avro and BigQuery."""
