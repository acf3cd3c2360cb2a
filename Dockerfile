# The service as an image: docker build --tag jupyter-aichat .      docs/operators/compose.md says how it is run.
# It runs as a user without a name and writes nothing into itself; the images it begins with may come from elsewhere.
ARG PYTHON=docker.io/library/python:3.12-slim-bookworm
ARG NODE=docker.io/library/node:22-bookworm-slim

FROM ${NODE} AS node

# --- the wheel, and an environment with what it needs -----------------------------------------------------------------

FROM ${PYTHON} AS build
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /usr/local/lib/node_modules/npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
    && python3 -m venv /opt/build \
    && python3 -m venv --without-pip /opt/jupyter-aichat
ENV PATH=/opt/build/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CACHE_DIR=/cache/pip npm_config_cache=/cache/npm
WORKDIR /src

# What changes least comes first: the layers of what is depended on stay as they are while only the code changes.
COPY pyproject.toml constraints.txt ./
RUN python -c "import tomllib; found = tomllib.load(open('pyproject.toml', 'rb')); \
open('/build.txt', 'w').write('\n'.join(found['build-system']['requires'])); \
open('/runtime.txt', 'w').write('\n'.join(found['project']['dependencies'] + found['project']['optional-dependencies']['otel']))"
RUN --mount=type=cache,target=/cache/pip \
    pip install --quiet --constraint constraints.txt --requirement /build.txt \
    && pip --python /opt/jupyter-aichat/bin/python install --quiet --constraint constraints.txt --requirement /runtime.txt
COPY labextension/package.json labextension/package-lock.json labextension/
RUN --mount=type=cache,target=/cache/npm \
    cd labextension && npm ci --no-audit --no-fund
COPY . .
RUN pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels . \
    && pip --python /opt/jupyter-aichat/bin/python install --quiet --no-deps --no-index /wheels/*.whl

# --- what is shipped --------------------------------------------------------------------------------------------------

FROM ${PYTHON}
COPY --from=build /opt/jupyter-aichat /opt/jupyter-aichat
RUN install -d -o 10001 -g 10001 -m 0700 /var/lib/jupyter-aichat
ENV PATH=/opt/jupyter-aichat/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    JUPYTER_CONFIG_DIR=/etc/jupyter-aichat \
    JUPYTER_DATA_DIR=/var/lib/jupyter-aichat \
    JUPYTER_RUNTIME_DIR=/tmp/jupyter-aichat \
    AICHAT_SECRET_FILE=/run/secrets/aichat_secret \
    AICHAT_LOGS=json
USER 10001:10001
EXPOSE 8790
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python3", "-IS", "-c", "from http.client import HTTPConnection as C; c = C('127.0.0.1', 8790, timeout=4); c.request('GET', '/api/aichat/v1/ready'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["jupyter-aichat"]
CMD ["serve", "--ip=0.0.0.0"]
