"""The contract: what a model's readings and answers may be, from which validation, encoding and schemas are derived."""
