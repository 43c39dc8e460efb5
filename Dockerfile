# syntax=docker/dockerfile:1
# The worker's image. Everything in it comes from requirements/worker.txt, by hash.
ARG BASE=docker.io/library/python:3.11-slim

FROM ${BASE} AS build
WORKDIR /build
COPY requirements/worker.txt requirements/worker.txt
RUN python3 -m venv /opt/rookery \
 && /opt/rookery/bin/python -m pip install --no-cache-dir --no-compile --require-hashes -r requirements/worker.txt
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY worker worker
COPY broker broker
COPY load load
COPY publisher publisher
COPY rookery rookery
COPY training training
COPY data data
# Installed from the tree without its dependencies: those came by hash above. Without compiled bytecode the
# imports of a cold start take four times as long.
RUN /opt/rookery/bin/python -m pip install --no-cache-dir --no-compile --no-deps --no-build-isolation . \
 && /opt/rookery/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/rookery/lib

FROM ${BASE}
COPY --from=build /opt/rookery /opt/rookery
ENV PATH=/opt/rookery/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ROOKERY_HOST=0.0.0.0 \
    ROOKERY_PORT=8080 \
    ROOKERY_RESULTS=file:///var/lib/rookery/predictions \
    ROOKERY_REJECTS=file:///var/lib/rookery/rejections
RUN install -d -o 65532 -g 65532 /var/lib/rookery
# By number, so that a platform can see without /etc/passwd that it is not root.
USER 65532:65532
WORKDIR /var/lib/rookery
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/readyz', timeout=2)"]
CMD ["python", "-m", "worker"]
