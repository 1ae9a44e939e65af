# The controller: what decides, records, judges and draws.
FROM debian:trixie-slim AS packages
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked --mount=type=cache,target=/var/lib/apt,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean && apt-get -qq update && \
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install ca-certificates python3-venv >/dev/null
RUN --mount=type=cache,target=/root/.cache python3 -m venv /opt/uv && /opt/uv/bin/pip -q install uv==0.13.9
WORKDIR /src
ENV UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/opt/venv
RUN --mount=type=cache,target=/root/.cache \
    --mount=type=bind,source=pyproject.toml,target=pyproject.toml --mount=type=bind,source=uv.lock,target=uv.lock \
    /opt/uv/bin/uv sync -q --frozen --no-dev --extra controller --no-install-project --compile-bytecode && \
    version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml) && \
    cd /opt/venv/lib/python3.*/site-packages && mkdir "netreserve-$version.dist-info" && \
    printf 'Metadata-Version: 2.1\nName: netreserve\nVersion: %s\n' "$version" >"netreserve-$version.dist-info/METADATA"
# the project runs from /app: of an installation it only needs what tells its version

FROM debian:trixie-slim
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked --mount=type=cache,target=/var/lib/apt,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean && apt-get -qq update && \
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install python3 >/dev/null
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY nodes nodes
COPY traffic traffic
COPY controller controller
COPY scenarios scenarios
RUN /opt/venv/bin/python -m compileall -q nodes traffic controller
COPY --chmod=755 compose/as-owner /usr/local/bin/as-owner
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
ENTRYPOINT ["as-owner", "/runs"]
CMD ["python", "-m", "controller"]
