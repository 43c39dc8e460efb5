# The worker's image (default), and the images of docker-compose.yml: `--target tools`, `--target load`.
#
# Any base with Python 3.11 and pip will do. Smaller still: RUNTIME=gcr.io/distroless/python3-debian12, which has
# the same Python and no shell; the worker needs none.
ARG BASE=python
ARG RUNTIME=${BASE}

# A stage of its own, by digest: Dependabot follows a literal name only. The digest is that of all platforms.
FROM docker.io/library/python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b AS python

# Dependencies before code: this stage is built anew only when the lock changes.
# LOCK=worker-compiled adds llvmlite (179 MB uncompressed), with which compiled forests answer.
FROM ${BASE} AS dependencies
ARG LOCK=worker
COPY requirements/${LOCK}.txt /build/worker.txt
RUN ["python3", "-m", "pip", "install", "--no-cache-dir", "--no-compile", "--only-binary", ":all:", \
     "--require-hashes", "--target", "/opt/packages", "--requirement", "/build/worker.txt"]
COPY deploy/image/slim.py /build/slim.py
RUN ["python3", "/build/slim.py", "/opt/packages"]

FROM ${BASE} AS code
COPY deploy/image/slim.py /build/slim.py
COPY deploy/image/healthcheck.py /opt/rookery/healthcheck.py
COPY rookery/__init__.py /opt/rookery/rookery/__init__.py
COPY data/__init__.py /opt/rookery/rookery/data/__init__.py
COPY schemas /opt/rookery/rookery/schemas
COPY worker /opt/rookery/rookery/worker
RUN ["python3", "/build/slim.py", "/opt/rookery"]

# `docker compose` only: the command line for setup, the demo publisher and the embedded broker; the storage emulator.
FROM ${BASE} AS tools
WORKDIR /opt/rookery
COPY requirements/tools.txt requirements/tools.txt
RUN ["python3", "-m", "pip", "install", "--no-cache-dir", "--only-binary", ":all:", "--require-hashes", \
     "--target", "/opt/packages", "--requirement", "requirements/tools.txt"]
COPY rookery rookery
COPY broker rookery/broker
COPY data rookery/data
COPY load rookery/load
COPY publisher rookery/publisher
COPY schemas rookery/schemas
COPY storage_emulator storage_emulator
COPY training rookery/training
COPY worker rookery/worker
COPY deploy/image/healthcheck.py healthcheck.py
ENV PYTHONPATH=/opt/rookery:/opt/packages PYTHONUNBUFFERED=1
USER 10001:10001
ENTRYPOINT ["python3", "-P", "-m"]
CMD ["rookery", "--help"]

# `docker compose` only: Locust with its page.
FROM ${BASE} AS load
WORKDIR /opt/rookery
COPY requirements/dev.txt requirements/dev.txt
RUN ["python3", "-m", "pip", "install", "--no-cache-dir", "--only-binary", ":all:", "--require-hashes", \
     "--target", "/opt/packages", "--requirement", "requirements/dev.txt"]
COPY rookery rookery
COPY broker rookery/broker
COPY data rookery/data
COPY load rookery/load
COPY publisher rookery/publisher
COPY schemas rookery/schemas
COPY training rookery/training
COPY worker rookery/worker
COPY deploy/image/healthcheck.py healthcheck.py
ENV PYTHONPATH=/opt/rookery:/opt/packages PYTHONUNBUFFERED=1
USER 10001:10001
ENTRYPOINT ["python3", "-P", "-m"]
CMD ["locust", "--help"]

FROM ${RUNTIME} AS worker
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Rookery worker" \
      org.opencontainers.image.description="Classifies penguin readings pushed by Pub/Sub, durable before acknowledged" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=dependencies /opt/packages /opt/packages
# The code holds the model that was last known good: worker/shipped.
COPY --from=code /opt/rookery /opt/rookery
WORKDIR /opt/rookery
# Nothing is written but to the sinks and the model cache, so the root may be read-only; the bytecode is in the image.
ENV PYTHONPATH=/opt/rookery:/opt/packages \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ROOKERY_HOST=0.0.0.0 \
    ROOKERY_MODEL_CACHE=/tmp/rookery/models
EXPOSE 8080
USER 10001:10001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python3", "/opt/rookery/healthcheck.py"]
ENTRYPOINT ["python3", "-P", "-m", "rookery.worker"]
