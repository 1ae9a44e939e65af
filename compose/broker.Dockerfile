# The MQTT broker, and the program that makes its passwords.
FROM debian:trixie-slim
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked --mount=type=cache,target=/var/lib/apt,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean && apt-get -qq update && \
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install mosquitto >/dev/null
COPY compose/mosquitto.conf /etc/mosquitto/mosquitto.conf
COPY --chmod=755 compose/credentials.sh /usr/local/bin/credentials
USER mosquitto
CMD ["mosquitto", "-c", "/etc/mosquitto/mosquitto.conf"]
