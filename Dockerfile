# The service (default), and with `--target train` the training program.
ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim-bookworm

# Dependencies come before code, so that a change of code reinstalls nothing.
FROM ${PYTHON_IMAGE} AS dependencies
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /srv
COPY requirements.txt ./
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/python -m pip install --require-hashes --no-deps --only-binary :all: --requirement requirements.txt \
    && /opt/venv/bin/python -m pip uninstall --yes --quiet setuptools pip

FROM ${PYTHON_IMAGE} AS train-dependencies
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /srv
COPY requirements-train.txt ./
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/python -m pip install --require-hashes --no-deps --requirement requirements-train.txt

FROM ${PYTHON_IMAGE} AS train
ENV PYTHONUNBUFFERED=1 KERAS_HOME=/tmp/keras MPLCONFIGDIR=/tmp/matplotlib
WORKDIR /srv
COPY --from=train-dependencies /opt/venv /opt/venv
COPY app app
COPY model_training model_training
RUN install --directory --owner 10001 --group 10001 artifacts
USER 10001:10001
VOLUME /srv/artifacts
ENTRYPOINT ["/opt/venv/bin/python", "-m", "model_training"]
CMD ["train"]

FROM ${PYTHON_IMAGE} AS service
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 DIGITS_HOST=0.0.0.0
WORKDIR /srv
COPY --from=dependencies /opt/venv /opt/venv
COPY artifacts/default artifacts/default
COPY app app
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["/opt/venv/bin/python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ.get('DIGITS_PORT', '8000')}/health/ready\", timeout=2)"]
CMD ["/opt/venv/bin/python", "-m", "app.main"]
