# Locust, master and workers.
FROM debian:trixie-slim AS packages
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked --mount=type=cache,target=/var/lib/apt,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean && apt-get -qq update && \
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install ca-certificates python3-venv >/dev/null
RUN --mount=type=cache,target=/root/.cache python3 -m venv /opt/uv && /opt/uv/bin/pip -q install uv==0.13.9
WORKDIR /src
ENV UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/opt/venv
RUN --mount=type=cache,target=/root/.cache \
    --mount=type=bind,source=pyproject.toml,target=pyproject.toml --mount=type=bind,source=uv.lock,target=uv.lock \
    /opt/uv/bin/uv sync -q --frozen --no-dev --extra traffic --no-install-project --compile-bytecode

FROM debian:trixie-slim
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked --mount=type=cache,target=/var/lib/apt,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean && apt-get -qq update && \
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install python3 >/dev/null && \
    useradd --system --no-create-home --home-dir /tmp locust
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY nodes nodes
COPY traffic traffic
RUN /opt/venv/bin/python -m compileall -q nodes traffic
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER locust
ENTRYPOINT ["locust", "-f", "traffic/locustfile.py"]
