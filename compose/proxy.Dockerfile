# The filter between the controller and the Docker engine.
FROM debian:trixie-slim
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked --mount=type=cache,target=/var/lib/apt,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean && apt-get -qq update && \
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install haproxy >/dev/null
COPY compose/haproxy.cfg /etc/haproxy/haproxy.cfg
# root without any capability: on most machines the socket belongs to root and a group whose number is not known here
CMD ["haproxy", "-db", "-f", "/etc/haproxy/haproxy.cfg"]
