"""The testbed as Docker sees it: healthy, small, limited, without rights it does not need, closed to the outside."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus

import pytest
from composed import ROOT, compose, containers, docker, inside, service_of

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900), pytest.mark.usefixtures("testbed")]

ONE_SHOT = "credentials"
SERVICES = {
    "broker-1": {"control", "edge"},
    "controller-1": {"control", "edge", "engine", "traffic"},
    "credentials-1": set(),
    "docker-proxy-1": {"engine"},
    "initiator-1": {"control", "data"},
    "locust-master-1": {"traffic", "edge"},
    "locust-worker-1": {"traffic", "data"},
    "locust-worker-2": {"traffic", "data"},
    "target-1": {"control", "data"},
}
ADDED_RIGHTS = {
    "controller": {"SETUID", "SETGID"},
    "credentials": {"CHOWN", "DAC_OVERRIDE", "FOWNER"},
    "initiator": {"NET_ADMIN"},
    "kernel-initiator": {"NET_ADMIN"},
    "target": {"NET_ADMIN"},
}
LOCAL_DISKS = {"initiator", "kernel-initiator"}
"""Their own layer holds the disk of policy `local`."""


@pytest.fixture
def there() -> dict[str, dict[str, Any]]:
    return containers()


def test_everything_is_there_and_healthy(there: dict[str, dict[str, Any]]) -> None:
    assert set(SERVICES) <= set(there)
    states = {name: container["State"] for name, container in there.items()}
    assert (states["credentials-1"]["Status"], states["credentials-1"]["ExitCode"]) == ("exited", 0)
    sick = {
        name: state.get("Health", {}).get("Log", [])[-1:]
        for name, state in states.items()
        if service_of(name) != ONE_SHOT and state.get("Health", {}).get("Status") != "healthy"
    }
    assert not sick


def test_each_stands_on_its_networks_and_no_other(there: dict[str, dict[str, Any]]) -> None:
    for name, networks in SERVICES.items():
        joined = {network.removeprefix("netreserve_") for network in there[name]["NetworkSettings"]["Networks"]}
        assert joined - {"none"} == networks, name


def test_networks_have_no_way_out() -> None:
    names = [f"netreserve_{name}" for name in ("control", "data", "engine", "traffic", "edge")]
    networks = {network["Name"]: network for network in json.loads(docker("network", "inspect", *names))}
    for name in names[:4]:
        assert networks[name]["Internal"], name
    assert networks[names[4]]["Options"]["com.docker.network.bridge.enable_ip_masquerade"] == "false"
    subnets = [network["IPAM"]["Config"][0]["Subnet"] for network in networks.values()]
    assert all(subnet.startswith("198.18.") for subnet in subnets)


def test_ports_are_published_on_loopback_only(there: dict[str, dict[str, Any]]) -> None:
    published = {
        (service_of(name), port, binding["HostIp"])
        for name, container in there.items()
        for port, bindings in (container["NetworkSettings"]["Ports"] or {}).items()
        for binding in bindings or []
    }
    mine = {("broker", "1883/tcp"), ("controller", "8090/tcp"), ("locust-master", "8089/tcp")}
    assert published == {(*each, "127.0.0.1") for each in mine}


def test_nobody_has_a_right_he_does_not_need(there: dict[str, dict[str, Any]]) -> None:
    for name, container in there.items():
        host = container["HostConfig"]
        added = {right.removeprefix("CAP_") for right in host["CapAdd"] or []}
        assert (host["CapDrop"], added) == (["ALL"], ADDED_RIGHTS.get(service_of(name), set())), name
        assert not host["Privileged"], name
        assert host["ReadonlyRootfs"] is (service_of(name) not in LOCAL_DISKS), name
        devices = {device["PathInContainer"] for device in host["Devices"] or []}
        assert devices == ({"/dev/net/tun", "/dev/kvm"} if service_of(name) == "kernel-initiator" else set()), name
        assert "no-new-privileges:true" in host["SecurityOpt"], name


def test_everything_is_limited(there: dict[str, dict[str, Any]]) -> None:
    for name, container in there.items():
        host = container["HostConfig"]
        assert host["Memory"] == host["MemorySwap"] > 0, name
        assert host["PidsLimit"] > 0, name
        assert host["LogConfig"]["Config"]["max-size"], name
    tight = there["initiator-1"]["HostConfig"]["Memory"]
    assert all(there[name]["HostConfig"]["Memory"] >= tight for name in ("broker-1", "controller-1", "target-1"))


def test_no_volume_is_without_a_name(there: dict[str, dict[str, Any]]) -> None:
    """`down -v` and `--scale` would leave it behind."""
    volumes = {mount["Name"] for container in there.values() for mount in container["Mounts"] if "Name" in mount}
    assert volumes and all(volume.startswith("netreserve_") for volume in volumes), volumes


def test_only_the_proxy_holds_the_engines_socket(there: dict[str, dict[str, Any]]) -> None:
    holders = {
        name
        for name, container in there.items()
        for mount in container["Mounts"]
        if mount["Destination"].endswith("docker.sock")
    }
    assert holders == {"docker-proxy-1"}


def test_a_role_sees_its_own_password_only(there: dict[str, dict[str, Any]]) -> None:
    for role in ("controller", "initiator", "target"):
        mounted = {mount["Name"] for mount in there[f"{role}-1"]["Mounts"] if mount["Destination"] == "/credentials"}
        assert mounted == {f"netreserve_{role}-credentials"}
        assert json.loads(compose("exec", "-T", role, "cat", "/credentials/credentials.json"))["username"] == role


def test_what_is_written_for_a_person_is_that_persons() -> None:
    runs, password = ROOT / "runs", ROOT / "runs" / ".operator.json"
    assert (password.stat().st_uid, password.stat().st_mode & 0o777) == (runs.stat().st_uid, 0o600)
    program = """
import pathlib
processes = {path: (path / "cmdline").read_bytes() for path in pathlib.Path("/proc").glob("[0-9]*")}
print({path.stat().st_uid for path, line in processes.items() if b"-m\\0controller" in line})
"""
    assert inside("controller", program).strip() == str({runs.stat().st_uid})


def test_images_are_small_together(there: dict[str, dict[str, Any]]) -> None:
    images = {container["Image"] for container in there.values()}
    sizes = [image["Size"] for image in json.loads(docker("image", "inspect", *images))]
    assert sum(sizes) < 900_000_000, sizes


def test_the_proxy_lets_pass_what_the_controller_needs_and_nothing_else() -> None:
    ours = '{"label": ["com.docker.compose.project=netreserve", "com.docker.compose.container-number"]}'
    listing = "/v1.45/containers/json?limit=-1&all=1&filters="
    look = ["/_ping", "/version", listing + quote_plus(ours), "/containers/netreserve-broker-1/json"]
    allowed = [("GET", path) for path in look] + [("POST", "/v1.45/containers/netreserve-nobody-1/update")]
    other = ours.replace("netreserve", "theirs")
    refused = [
        ("GET", "/v1.45/containers/json?all=1"),
        ("GET", listing + quote_plus(other)),
        ("GET", listing + quote_plus(other) + "&filters=" + quote_plus(ours)),
        ("GET", listing.replace("filters", "%66ilters") + quote_plus(other) + "&filters=" + quote_plus(ours)),
        ("GET", listing + quote_plus(ours.replace("}", ', "label": ["x"]}'))),
        ("GET", "/containers/theirs-1/json"),
        ("GET", "/containers/theirs-1/logs?stdout=1"),
        ("GET", "/containers/" + "0123456789ab" * 5 + "0123/json"),
        ("POST", "/containers/theirs-1/update"),
        ("POST", "/v1.45/containers/create"),
        ("POST", "/containers/netreserve-broker-1/stop"),
        ("POST", "/containers/netreserve-broker-1/kill"),
        ("GET", "/v1.45/info"),
        ("GET", "/events"),
        ("POST", "/containers/netreserve-broker-1/exec"),
        ("POST", "/containers/netreserve-broker-1/json"),
        ("GET", "/containers/netreserve-broker-1/start"),
        ("GET", "/containers/netreserve-broker-1/archive?path=/"),
        ("GET", "/containers/../images/json"),
        ("GET", "/containers/%2e%2e/json"),
        ("GET", "/containers/a/json/../../../images/json"),
        ("GET", "//images/json"),
        ("GET", "/images/json"),
        ("GET", "/volumes"),
        ("GET", "/networks"),
        ("DELETE", "/containers/netreserve-broker-1"),
        ("POST", "/build"),
        ("HEAD", "/_ping"),
    ]
    program = f"""
import http.client
def ask(method, path):
    connection = http.client.HTTPConnection("docker-proxy", 2375, timeout=10)
    connection.request(method, path)
    return connection.getresponse().status
print([ask(*request) for request in {allowed + refused!r}])
"""
    answers = json.loads(inside("controller", program))
    assert answers[: len(allowed)] == [200] * len(look) + [404]
    assert answers[len(allowed) :] == [403] * len(refused)


def test_no_machine_reaches_locust() -> None:
    program = """
import socket
def reaches(host, port):
    try:
        socket.create_connection((host, port), timeout=2).close()
        return True
    except OSError:
        return False
print(reaches("locust-master", 8089), reaches("locust-master", 5557), reaches("broker", 1883))
"""
    assert inside("initiator", program).split() == ["False", "False", "True"]


def test_who_sends_junk_reaches_neither_the_engine_nor_the_world() -> None:
    program = """
import socket
def reaches(host, port):
    try:
        socket.create_connection((host, port), timeout=2).close()
        return True
    except OSError:
        return False
print(reaches("docker-proxy", 2375), reaches("198.18.3.1", 2375), reaches("192.0.2.1", 80))
"""
    assert inside("locust-worker", program).split() == ["False"] * 3
