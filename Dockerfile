# The sidecar with the shipped pack. Facts are mounted at /data; another pack at /policies and /fixtures.
# Who may ask is mounted at /run/secrets/tokens, one token a line; without it the sidecar does not start.
#
# oso 0.27.3 has wheels for amd64 up to Python 3.12 and none for Linux on arm64, hence the platform
# in each FROM.
ARG BASE=python:3.12-slim

# hadolint ignore=DL3029
FROM --platform=linux/amd64 ${BASE} AS build

WORKDIR /build
RUN python3 -m venv /sidecar
COPY requirements.lock requirements-build.lock ./
RUN /sidecar/bin/pip install --no-cache-dir --no-compile --require-hashes --only-binary :all: -r requirements.lock \
 && python3 -m venv /wheel \
 && /wheel/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements-build.lock
COPY pyproject.toml README.md ./
COPY sidecar sidecar
COPY policies policies
COPY fixtures fixtures
# The pack stands at /policies and /fixtures, and nowhere else in the image: what a reviewer replaces is all there is.
RUN /wheel/bin/hatchling build -t wheel -d /dist \
 && /sidecar/bin/pip install --no-cache-dir --no-index --no-deps /dist/*.whl \
 && rm -rf /sidecar/lib/python3*/site-packages/sidecar/pack \
 && /sidecar/bin/pip uninstall --yes --quiet pip

# hadolint ignore=DL3029
FROM --platform=linux/amd64 ${BASE}

COPY --from=build /sidecar /sidecar
COPY policies /policies
COPY fixtures /fixtures

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
