# Where the kernel tier's guests are measured (guests.py): the product's image with its QEMU, and a compiler for the bare guest.
FROM netreserve-kernel
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked --mount=type=cache,target=/var/lib/apt,sharing=locked \
    apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install gcc libc6-dev >/dev/null
WORKDIR /repo
ENTRYPOINT ["python", "tests/bench/guests.py"]
