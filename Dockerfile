# The sidecar with the shipped pack. Facts are mounted at /data; another pack at /policies and /fixtures.
# Who may ask is mounted at /run/secrets/tokens, one token a line; without it the sidecar does not start.
#
# oso 0.27.3 has wheels for amd64 up to Python 3.12 and none for Linux on arm64, hence the platform
# of the image that compiles. `--target bundle` makes one without Oso, for amd64 and arm64: it serves
# a bundle that is mounted at /policy.bundle.
ARG BASE=python:3.12-slim
ARG BUNDLE_BASE=python:3.13-slim

# The package is pure Python, so that one wheel is for all.
FROM ${BUNDLE_BASE} AS wheel

WORKDIR /build
COPY requirements-build.lock ./
RUN python3 -m venv /wheel \
 && /wheel/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements-build.lock
COPY pyproject.toml README.md ./
COPY sidecar sidecar
COPY policies policies
COPY fixtures fixtures
RUN /wheel/bin/hatchling build -t wheel -d /dist

# --- a server of bundles ------------------------------------------------------------------------

# For Python 3.13 the lock names neither Oso nor the grammar of Polar.
FROM ${BUNDLE_BASE} AS bundle-build

WORKDIR /build
COPY requirements-postgres.lock ./
COPY --from=wheel /dist /dist
RUN python3 -m venv /sidecar \
 && /sidecar/bin/pip install --no-cache-dir --no-compile --require-hashes --only-binary :all: -r requirements-postgres.lock \
 && /sidecar/bin/pip install --no-cache-dir --no-index --no-deps /dist/*.whl \
 && rm -rf /sidecar/lib/python3*/site-packages/sidecar/pack \
 && /sidecar/bin/pip uninstall --yes --quiet pip \
 && /sidecar/bin/python -m compileall -q --invalidation-mode unchecked-hash /sidecar/lib

FROM ${BUNDLE_BASE} AS bundle

COPY --from=bundle-build /sidecar /sidecar

# SIDECAR_TOKENS is a path.
# hadolint ignore=DL3064
ENV PATH=/sidecar/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SIDECAR_BUNDLE=/policy.bundle \
    SIDECAR_DATA=/data \
    SIDECAR_HOST=0.0.0.0 \
    SIDECAR_TOKENS=/run/secrets/tokens

# Byte code of what serving needs of the standard library: images of Python have none, and to compile
# takes three quarters of the CPU time of a start.
RUN PYTHONDONTWRITEBYTECODE='' sidecar serve --help > /dev/null

USER 65532:65532
EXPOSE 8181
# The admin listener answers for all processes, without a token.
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s CMD ["python3", "-IS", "-c", \
  "import os; from http.client import HTTPConnection; port = os.environ.get('SIDECAR_ADMIN', ':8182').rpartition(':')[2]; admin = HTTPConnection('127.0.0.1', int(port), timeout=2); admin.request('GET', '/readyz'); raise SystemExit(admin.getresponse().status != 200)"]
CMD ["sidecar", "serve"]

# --- a server of the pack, which is what is built without a target ------------------------------

# hadolint ignore=DL3029
FROM --platform=linux/amd64 ${BASE} AS build

WORKDIR /build
COPY requirements-postgres.lock ./
COPY --from=wheel /dist /dist
# The pack stands at /policies and /fixtures, and nowhere else in the image: what a reviewer replaces is all there is.
RUN python3 -m venv /sidecar \
 && /sidecar/bin/pip install --no-cache-dir --no-compile --require-hashes --only-binary :all: -r requirements-postgres.lock \
 && /sidecar/bin/pip install --no-cache-dir --no-index --no-deps /dist/*.whl \
 && rm -rf /sidecar/lib/python3*/site-packages/sidecar/pack \
 && /sidecar/bin/pip uninstall --yes --quiet pip \
 && /sidecar/bin/python -m compileall -q --invalidation-mode unchecked-hash /sidecar/lib

# hadolint ignore=DL3029
FROM --platform=linux/amd64 ${BASE}

COPY --from=build /sidecar /sidecar
COPY policies /policies
COPY fixtures /fixtures

# SIDECAR_TOKENS is a path.
# hadolint ignore=DL3064
ENV PATH=/sidecar/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SIDECAR_POLICIES=/policies \
    SIDECAR_FIXTURES=/fixtures \
    SIDECAR_DATA=/data \
    SIDECAR_HOST=0.0.0.0 \
    SIDECAR_TOKENS=/run/secrets/tokens

# An image whose policy fails its suites does not exist. The second command writes byte code.
RUN sidecar test \
 && PYTHONDONTWRITEBYTECODE='' sidecar serve --help > /dev/null

# 65532 owns nothing in the image and needs no name.
USER 65532:65532
EXPOSE 8181
# The admin listener answers for all processes, without a token.
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s CMD ["python3", "-IS", "-c", \
  "import os; from http.client import HTTPConnection; port = os.environ.get('SIDECAR_ADMIN', ':8182').rpartition(':')[2]; admin = HTTPConnection('127.0.0.1', int(port), timeout=2); admin.request('GET', '/readyz'); raise SystemExit(admin.getresponse().status != 200)"]
CMD ["sidecar", "serve"]
