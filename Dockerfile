# The service (default), and with `--target train` the training program.
# The base may be pinned by digest: --build-arg PYTHON_IMAGE=docker.io/library/python@sha256:...
ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim-bookworm

# Dependencies come before code, so that a change of code reinstalls nothing. The environments hold no pip.
FROM ${PYTHON_IMAGE} AS dependencies
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# Only for prune.py; where Debian cannot be reached, the image is some 70 MB larger.
RUN apt-get update && apt-get install --yes --no-install-recommends binutils || echo "No binutils."
WORKDIR /srv
COPY requirements.txt deploy/prune.py ./
# Byte code is made without the files' times, which builders round each in their way: where it seems stale, every process
# compiles anew at every start.
RUN python3 -m venv --without-pip /opt/venv \
    && python3 -m pip --python /opt/venv/bin/python install --no-compile --require-hashes --no-deps \
        --only-binary :all: --requirement requirements.txt \
    && python3 prune.py /opt/venv \
    && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/venv/lib

FROM ${PYTHON_IMAGE} AS train-dependencies
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /srv
COPY requirements-train.txt ./
RUN python3 -m venv --without-pip /opt/venv \
    && python3 -m pip --python /opt/venv/bin/python install --require-hashes --no-deps --only-binary :all: \
        --requirement requirements-train.txt

# Code is copied with modes of its own: it must be readable by the user below whatever the umask of the checkout.
FROM ${PYTHON_IMAGE} AS train
ENV PYTHONUNBUFFERED=1 KERAS_HOME=/tmp/keras MPLCONFIGDIR=/tmp/matplotlib
WORKDIR /srv
COPY --from=train-dependencies /opt/venv /opt/venv
COPY --chmod=755 app app
COPY --chmod=755 model_training model_training
RUN install --directory --owner 10001 --group 10001 artifacts
USER 10001:10001
ENTRYPOINT ["/opt/venv/bin/python", "-m", "model_training"]
CMD ["train"]

FROM ${PYTHON_IMAGE} AS service
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 DIGITS_HOST=0.0.0.0
WORKDIR /srv
COPY --from=dependencies /opt/venv /opt/venv
COPY --chmod=755 artifacts/default artifacts/default
COPY --chmod=755 app app
# The processes cannot write: what is not compiled now is compiled at every start of each. And an image that cannot read a
# picture, a plot of its own model, is none.
RUN python3 -m compileall -q --invalidation-mode unchecked-hash app \
    && /opt/venv/bin/python -m app.cli read artifacts/default/*/*.png
USER 10001:10001
EXPOSE 8000
# http.client, unlike urllib, obeys no proxy variables, which Docker may inject.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["/opt/venv/bin/python", "-c", "import http.client, os; c = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('DIGITS_PORT', '8000')), timeout=2); c.request('GET', '/health/ready'); exit(c.getresponse().status != 200)"]
CMD ["/opt/venv/bin/python", "-m", "app.main"]
