"""``apiserver test``: for tests in any language."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

from tests.waiting import wait_until

KUBECTL = Path(sys.executable).with_name("kubectl")
COMMAND = (sys.executable, "-m", "apiserver", "test")

# What a test in another language does: it knows the environment, JSON and sockets.
PROGRAM = """
import json, os, socket, subprocess, sys

def control(call, **arguments):
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect(os.environ["APISERVER_CONTROL"])
        request = {"token": os.environ["APISERVER_CONTROL_TOKEN"], "call": call,
                   "arguments": arguments}
        channel.sendall(json.dumps(request).encode() + b"\\n")
        return json.loads(channel.makefile().readline())

def kubectl(*arguments):
    return subprocess.run([sys.argv[1], *arguments], capture_output=True, text=True)

taken = control("snapshot")["result"]
assert kubectl("create", "namespace", "mine").returncode == 0
assert kubectl("get", "namespace", "mine").returncode == 0
assert control("reset", snapshot=taken["number"], watches="continue")["result"]["changed"] >= 1
assert kubectl("get", "namespace", "mine").returncode == 1
assert "no operation" in control("explode")["error"]
print("the port is", os.environ["APISERVER_URL"].rpartition(":")[2])
sys.exit(7)
"""


def test_a_command_runs_with_a_server_and_its_exit_code_is_passed_on() -> None:
    command = [*COMMAND, "--print-json", "--seed=1", "--event-ttl=2h", "--"]
    done = subprocess.run(
        [*command, sys.executable, "-c", PROGRAM, str(KUBECTL)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 7, done.stdout + done.stderr
    described, said = done.stdout.splitlines()
    known = json.loads(described)
    assert said == f"the port is {known['url'].rpartition(':')[2]}"
    assert not Path(known["kubeconfig"]).exists(), "nothing remains"


def test_without_a_command_it_serves_until_it_is_told_to_stop() -> None:
    with subprocess.Popen([*COMMAND, "--print-json"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        known = json.loads(process.stdout.readline())
        done = subprocess.run(
            [KUBECTL, f"--kubeconfig={known['kubeconfig']}", "get", "--raw=/readyz"],
            capture_output=True,
            text=True,
            check=False,
        )
        process.send_signal(signal.SIGTERM)
    assert (done.stdout, process.returncode) == ("ok", 0)
    assert not Path(known["ca_file"]).exists()


def test_a_command_that_cannot_be_run_is_named() -> None:
    done = subprocess.run(
        [*COMMAND, "--", "/no/such/program"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (
        127, "apiserver: /no/such/program: No such file or directory\n",
    )  # fmt: skip


def test_flags_that_do_not_exist_are_refused() -> None:
    done = subprocess.run(
        [*COMMAND, "--explode", "--", "true"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "unknown flag: --explode" in done.stderr


def test_nothing_outlives_a_program_that_is_killed() -> None:
    program = (
        "from apiserver.testing import ApiServer; server = ApiServer(); server.start();"
        "print(server.directory, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        directory = Path(process.stdout.readline().strip())
        assert (directory / "control").is_socket()
        process.kill()
    wait_until(lambda: not directory.exists())
