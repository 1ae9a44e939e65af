# An initiator that is a real Linux kernel in a virtual machine: all that the node image holds (and the same steps, so
# that the layers are shared), QEMU, and the kernels. NETRESERVE_KERNELS names them, suite and flavour, the default first:
#   docker build -f compose/kernel.Dockerfile --build-arg NETRESERVE_KERNELS="trixie-amd64 bookworm-amd64" -t netreserve-kernel .
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

FROM packages AS kernels
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked --mount=type=cache,target=/var/lib/apt,sharing=locked \
    apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install \
    debian-archive-keyring gcc libc6-dev libelf1t64 make musl-tools xz-utils zstd >/dev/null
COPY nodes/__init__.py nodes/errors.py nodes/registry.py nodes/units.py nodes/
COPY nodes/machine/__init__.py nodes/machine/nic.py nodes/machine/
COPY nodes/compiled nodes/compiled
COPY nodes/kernel/__init__.py nodes/kernel/image.py nodes/kernel/kernels.py nodes/kernel/modules.py nodes/kernel/packages.py \
    nodes/kernel/vmlinux.py nodes/kernel/
COPY nodes/kernel/guest nodes/kernel/guest
ARG NETRESERVE_KERNELS="trixie-amd64"
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked --mount=type=cache,target=/var/lib/apt,sharing=locked \
    --mount=type=cache,target=/var/cache/netreserve,sharing=locked \
    apt-get -qq update && /opt/venv/bin/python -m nodes.kernel.image build $NETRESERVE_KERNELS --debs /var/cache/netreserve

FROM debian:trixie-slim
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked --mount=type=cache,target=/var/lib/apt,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean && apt-get -qq update && \
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install python3 python3-libnbd nbdkit iptables iproute2 >/dev/null
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked --mount=type=cache,target=/var/lib/apt,sharing=locked \
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install e2fsprogs qemu-system-x86 >/dev/null
COPY --from=kernels /vm /vm
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY nodes nodes
RUN /opt/venv/bin/python -m compileall -q nodes
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# root: the tap, the bridge and traffic control need NET_ADMIN, which only root is given; every other right is dropped
CMD ["python", "-m", "nodes"]
