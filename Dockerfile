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
COPY requirements.lock ./
COPY --from=wheel /dist /dist
RUN python3 -m venv /sidecar \
 && /sidecar/bin/pip install --no-cache-dir --no-compile --require-hashes --only-binary :all: -r requirements.lock \
 && /sidecar/bin/pip install --no-cache-dir --no-index --no-deps /dist/*.whl \
 && rm -rf /sidecar/lib/python3*/site-packages/sidecar/pack \
 && /sidecar/bin/pip uninstall --yes --quiet pip

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

USER 65532:65532
EXPOSE 8181
CMD ["sidecar", "serve"]

# --- a server of the pack, which is what is built without a target ------------------------------

# hadolint ignore=DL3029
FROM --platform=linux/amd64 ${BASE} AS build

WORKDIR /build
COPY requirements.lock ./
COPY --from=wheel /dist /dist
# The pack stands at /policies and /fixtures, and nowhere else in the image: what a reviewer replaces is all there is.
RUN python3 -m venv /sidecar \
 && /sidecar/bin/pip install --no-cache-dir --no-compile --require-hashes --only-binary :all: -r requirements.lock \
 && /sidecar/bin/pip install --no-cache-dir --no-index --no-deps /dist/*.whl \
 && rm -rf /sidecar/lib/python3*/site-packages/sidecar/pack \
 && /sidecar/bin/pip uninstall --yes --quiet pip

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

# An image whose policy fails its suites does not exist.
RUN sidecar test

# 65532 owns nothing in the image and needs no name.
USER 65532:65532
EXPOSE 8181
CMD ["sidecar", "serve"]
