"""The container's process: MQTT outside, one arm inside."""
