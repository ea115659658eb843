"""The server as a process: its address, what it refuses on the wire, its end."""

import re
import signal
import socket
from urllib.parse import urlsplit

import httpx
import pytest

from gpt_exp.dashboard.server import address, listen
from gpt_exp.errors import UserError


def ask(url, target, host="127.0.0.1"):
    """The status of a request whose target is sent as it stands."""
    place = urlsplit(url)
    with socket.create_connection((place.hostname, place.port)) as connection:
        request = f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode())
        return int(connection.makefile("rb").readline().split()[1])


def test_from_start_to_ctrl_c(serve, make_run):
    make_run("100%25 a/#b")
    make_run("../outside")
    process, url = serve("open=false")
    assert ask(url, "/") == 200
    assert ask(url, "/", host="evil.example") == 400
    for target in ("/run/../outside", "/run/../../outside", "/log/../outside", "/run//etc", "/../outside"):
        assert ask(url, target) == 404
    link = re.search(r'href="(/run/[^"]+)"', httpx.get(url).text)[1]
    assert ask(url, link) == 200
    script = httpx.get(f"{url}/plotly.min.js")
    assert script.headers["content-encoding"] == "gzip"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 0
    assert process.stdout.read() == "dashboard: stopped\n"


def test_a_port_that_is_taken_is_passed_over():
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with listen("127.0.0.1", port) as second:
            assert port < second.getsockname()[1] < port + 50
            assert address(second) == f"http://127.0.0.1:{second.getsockname()[1]}"


def test_a_host_that_is_not_this_machine_is_told_in_a_line():
    with pytest.raises(UserError, match=r"host=192\.0\.2\.1"):
        listen("192.0.2.1", 0)


def test_there_is_no_port_after_the_last():
    with socket.socket() as last:
        last.bind(("127.0.0.1", 65535))
        last.listen()
        with pytest.raises(UserError, match="port=65535: it and those after it are taken"):
            listen("127.0.0.1", 65535)
