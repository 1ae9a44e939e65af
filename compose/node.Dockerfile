# Initiator and target. One image for both: they share the agent, the network code, Python and iptables, and what only
# one of them needs (nbdkit, libnbd) is smaller than a second base.
FROM debian:trixie-slim AS packages
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked --mount=type=cache,target=/var/lib/apt,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean && apt-get -qq update && \
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install ca-certificates python3-venv >/dev/null
RUN --mount=type=cache,target=/root/.cache python3 -m venv /opt/uv && /opt/uv/bin/pip -q install uv==0.13.9
WORKDIR /src
ENV UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/opt/venv
# libnbd's Python module comes from Debian, hence the system's packages inside the environment
RUN --mount=type=cache,target=/root/.cache \
    --mount=type=bind,source=pyproject.toml,target=pyproject.toml --mount=type=bind,source=uv.lock,target=uv.lock \
    /opt/uv/bin/uv venv -q --system-site-packages --python /usr/bin/python3 /opt/venv && \
    /opt/uv/bin/uv sync -q --frozen --no-dev --extra node --no-install-project --compile-bytecode

FROM debian:trixie-slim
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked --mount=type=cache,target=/var/lib/apt,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean && apt-get -qq update && \
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install python3 python3-libnbd nbdkit iptables iproute2 >/dev/null
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY nodes nodes
RUN /opt/venv/bin/python -m compileall -q nodes
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# root: NFQUEUE, iptables and traffic control need NET_ADMIN, which only root is given; every other right is dropped
CMD ["python", "-m", "nodes"]
