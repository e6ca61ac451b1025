# SPDX-License-Identifier: GPL-2.0-or-later
"""chimneyctl as an administrator uses it: every command and option, what it prints for people and
for programs, and how it says no.
"""

from __future__ import annotations

import json
import re
import socket
from typing import Any

import pytest

from chimney.agent.command import Result
from chimney.guest.puppet import CallFailed, GuestPuppet
from chimney.guest.station import Conn, Visit
from chimney.wait import wait_until

KIB = 1024
SO_BINDTODEVICE = 25
COMMANDS = ("status", "list", "offload", "upload", "shuttle", "query", "update", "invalidate",
            "disconnect", "policy", "stats", "watch")
NO_CONNECTION = ("10.77.0.2:9", "10.77.0.1:9")
where = pytest.mark.where(native=False, cpus=(2,))


def ctl(visit: Visit, *words: str) -> Result:
    """Run chimneyctl, whatever comes of it."""
    return visit.vm.run(["chimneyctl", *words], check=False, seconds=30)


def said(visit: Visit, *words: str) -> str:
    """What chimneyctl prints when it works."""
    done = ctl(visit, *words)
    assert done.ok and not done.stderr, str(done)
    return done.text


def data(visit: Visit, *words: str) -> Any:
    """What chimneyctl --json prints when it works."""
    return json.loads(said(visit, *words, "--json"))


def handed(visit: Visit, family: int = 4) -> Conn:
    """A connection that the card has."""
    conn = visit.connect(family)
    conn.both_ways(4 * KIB)
    visit.hand(conn)
    return conn


def send_one_more(visit: Visit, conn: Conn) -> None:
    """A KiB out, of which the card has heard that it arrived: what is counted stays as it is."""
    conn.guest.send(KIB)
    conn.peer.recv(KIB)

    def arrived() -> bool:
        entry, = data(visit, "list")
        return entry["sendq"] == entry["posted"] == 0

    wait_until(arrived, "the card to know that all has arrived", 10, 0.05)


WRONG = [
    ([], "which command? See chimneyctl --help"),
    (["fly"], 'no command "fly"; see chimneyctl --help'),
    (["--frobnicate"], "there is no option --frobnicate; see chimneyctl --help"),
    (["list", "--frobnicate"], "there is no option --frobnicate; see chimneyctl --help"),
    (["offload", "-p", "7"], "there is no option -p; see chimneyctl --help"),
    *[([name, "7"], f"{name} takes no argument") for name in ("status", "list", "stats", "watch")],
    *[([name], "which connections? LOCAL REMOTE, --port N, --pid N or all")
      for name in ("offload", "upload")],
    (["offload", "--port"], "which connections? LOCAL REMOTE, --port N, --pid N or all"),
    (["offload", "--port", "65536"], '--port must be a number up to 65535, not "65536"'),
    (["upload", "--pid", "me"], '--pid must be a number up to 4194304, not "me"'),
    (["shuttle", "1"], "shuttle: SEED, and which connections"),
    (["shuttle", "x", "all"], 'the seed must be a number up to 4294967295, not "x"'),
    *[([name, "all"], f"{name}: LOCAL REMOTE")
      for name in ("query", "update", "invalidate", "disconnect")],
    (["disconnect", "--abort"], "disconnect: LOCAL REMOTE"),
    (["query", "10.77.0.2", "10.77.0.1:7"],
     '"10.77.0.2" is no local end: ADDRESS:PORT, IPv6 as [ADDRESS]:PORT'),
    (["query", "10.77.0.2:7", "[fd77::1]:7"], "both ends must be of one address family"),
    *[(["policy", *words], "policy: none or auto")
      for words in (["sometimes"], ["nonesuch"], ["none:7"], ["random"], ["auto", "none"])],
]


@where
def test_wrong_use_is_one_sentence(visit: Visit) -> None:
    """Each ends with 2, says what is wrong in one line, and does nothing."""
    for words, sentence in WRONG:
        done = ctl(visit, *words)
        assert (done.returncode, done.stdout, done.stderr.decode()) == (
            2, b"", f"chimneyctl: {sentence}\n"), str(done)
    assert said(visit, "policy") == "policy none\n"


@where
def test_what_cannot_be_done_is_told(visit: Visit) -> None:
    """No such connection, one that Linux has, no such process, no right: one line, and 1."""
    conn = visit.connect()
    for argv, sentence in (
            *[(["chimneyctl", name, *NO_CONNECTION], "no such established connection")
              for name in ("offload", "upload", "query", "update", "invalidate", "disconnect")],
            *[(["chimneyctl", name, *conn.words], "the connection is not offloaded")
              for name in ("query", "update", "invalidate", "disconnect")],
            (["chimneyctl", "offload", "--pid", "4000000"], "No such process"),
            (["su", "-s", "/bin/sh", "nobody", "-c", "chimneyctl upload all"],
             "not permitted; CAP_NET_ADMIN is needed")):
        done = visit.vm.run(argv, check=False)
        assert (done.returncode, done.stdout, done.stderr.decode()) == (
            1, b"", f"chimneyctl: {sentence}\n"), str(done)


@where
def test_without_driver_it_says_so(visit: Visit) -> None:
    visit.vm.run(["rmmod", "chimney"])
    try:
        done = ctl(visit, "list")
        assert (done.returncode, done.stderr) == (
            1, b"chimneyctl: the driver is not loaded (modprobe chimney)\n")
        assert "usage:" in said(visit, "list", "--help")
    finally:
        visit.vm.run(["modprobe", "chimney"])
        visit.configure()


@where
def test_statistics_without_a_card(visit: Visit) -> None:
    driver = "/sys/bus/pci/drivers/chimney"
    before = data(visit, "stats")["driver"]["refused_no_card"]  # since the module is loaded
    visit.station.card_object_goes()
    card = visit.vm.run(["sh", "-ec", "c=$(basename $(readlink -f /sys/class/net/eth0/device)); "
                                      f"echo $c >{driver}/unbind; echo $c"]).text.strip()
    try:
        assert data(visit, "stats") == {
            "driver": {"refused": {}, "refused_no_card": before, "why": {}}, "device": {}}
    finally:
        visit.vm.run(["sh", "-ec", f"echo {card} >{driver}/bind"])
        visit.configure()


@where
def test_help_names_every_command(visit: Visit) -> None:
    """--help and -h, of the program and of each command."""
    text = said(visit, "--help")
    assert text == said(visit, "-h") and text.startswith("usage: chimneyctl COMMAND")
    assert tuple(re.findall(r"^  (\w+) ", text, re.M)) == COMMANDS
    assert "--json" in text and "--port N" in text and "--pid N" in text
    for name in COMMANDS:
        lines = said(visit, name, "--help").splitlines()
        assert lines[0].startswith(f"usage: chimneyctl {name} ") and f" {lines[2]}\n" in text
        assert lines == said(visit, "-h", name).splitlines()
    assert "--abort" in said(visit, "disconnect", "--help")


@where
def test_status_counts_connections_and_bytes(visit: Visit) -> None:
    before, = data(visit, "status")
    conn = handed(visit)
    conn.both_ways(4 * KIB)
    send_one_more(visit, conn)
    after, = data(visit, "status")
    assert after["connections"] == before["connections"] + 1
    assert after["bytes_in"] - before["bytes_in"] == 4 * KIB
    assert after["bytes_out"] - before["bytes_out"] == 5 * KIB
    assert (after["ifname"], after["state"], after["policy"]) == ("eth0", "up", "none")
    assert said(visit, "status") == (
        f"eth0: up, {after['connections']} of {after['max_connections']} connections, features "
        f"{after['features']:#x}, policy none, {after['bytes_in']} bytes in, {after['bytes_out']} "
        "bytes out\n")


@where
@pytest.mark.parametrize("family", [4, 6])
def test_people_and_programs_are_told_the_same(visit: Visit, family: int) -> None:
    """list, query and stats as text, of a connection that moves nothing meanwhile."""
    conn = handed(visit, family)
    conn.both_ways(4 * KIB)
    send_one_more(visit, conn)
    entry, = data(visit, "list")
    local, remote, state, *rest = said(visit, "list").split()
    assert (local, remote) == conn.words and state == entry["state"] == "offloaded"
    named = dict(zip(rest[::2], rest[1::2], strict=True))
    assert named == {"handle": f"{entry['handle']:x}", "pair": str(entry["pair"]),
                     "in": str(entry["bytes_in"]), "out": str(entry["bytes_out"]),
                     **{name: str(entry[name]) for name in ("sendq", "recvq", "posted", "held")}}
    query = data(visit, "query", *conn.words)
    lines = [line.split() for line in said(visit, "query", *conn.words).splitlines()[1:]]
    assert lines == [[name, str(query[name])] for name in query if name not in entry]
    assert entry["bytes_out"] == entry["bytes_in"] + KIB
    assert {"snd_una", "rcv_nxt", "cwnd"} <= {name for name, _ in lines}
    _, device = visit.ctl.stats()
    table = {line.split()[0]: line.split()[-1]
             for line in said(visit, "stats").splitlines() if len(line.split()) == 3}
    assert {name for name in table if name in device} == set(device)
    assert table["initiates"] == str(device["initiates"])


@where
def test_moves_are_counted_for_people(visit: Visit) -> None:
    """offload and upload by port and by ends; --pid takes the connections of one program."""
    mine, other = visit.connect(), visit.connect()
    stranger = GuestPuppet(visit.vm)
    try:
        listener, port = visit.listener("peer", mine.peer_host)
        stranger.socket().do("connect", mine.peer_host, port)
        listener.accept()
        pids = visit.vm.run(["pidof", "puppet"]).text.split()
        assert len(pids) == 2
        counts = [said(visit, "offload", "--pid", pid) for pid in pids]
        assert sorted(counts) == ["1 offloaded\n", "2 offloaded\n"]
        visit.expect("offloaded", mine, other)
        pid = pids[counts.index("2 offloaded\n")]
        assert said(visit, "upload", "--port", str(other.guest_port)) == "1 uploaded\n"
        assert said(visit, "upload", "--pid", pid) == "1 uploaded\n"
        visit.expect("host", mine, other)
        assert said(visit, "offload", *mine.words) == "1 offloaded\n"
        assert said(visit, "upload", "all") == "2 uploaded\n"
        with visit.card_fails("TCP_ENTRIES"):
            done = ctl(visit, "offload", *mine.words)
        assert (done.returncode, done.text) == (
            1, "0 offloaded, 1 not (card-refused: TCP_ENTRIES)\n")
    finally:
        stranger.close()


@where
def test_several_descriptors_are_one_connection(visit: Visit) -> None:
    """A program whose socket is its standard input, output and error, as inetd's are."""
    host = visit.hosts(4)[1]
    listener, port = visit.listener("peer", host)
    program = visit.vm.background(["nc", host, str(port), "-e", "sleep", "1000"])
    try:
        listener.accept()
        pid = str(program.pid)
        assert said(visit, "offload", "--pid", pid) == "1 offloaded\n"
        assert said(visit, "upload", "--pid", pid) == "1 uploaded\n"
    finally:
        program.kill()
        program.wait(10)


@where
def test_socket_of_a_device_is_found(visit: Visit) -> None:
    """By its two ends, as list shows them: bound to a device, and mapped as `ss` shows them."""
    bound, mapped = visit.connect(), visit.connect()
    bound.guest.do("setstr", socket.SOL_SOCKET, SO_BINDTODEVICE, "eth0")
    assert said(visit, "offload", *bound.words) == "1 offloaded\n"
    assert said(visit, "upload", *bound.words) == "1 uploaded\n"
    ends = [f"[::ffff:{end.replace(':', ']:')}" for end in mapped.words]
    assert said(visit, "offload", *ends) == "1 offloaded\n"
    assert said(visit, "upload", *ends) == "1 uploaded\n"


@where
def test_nothing_to_move_is_told(visit: Visit) -> None:
    """No connection there, or all of them where they shall go to: 0, the reason, and status 1."""
    def told(*words: str) -> tuple[int, str, str]:
        done = ctl(visit, *words)
        answer = json.loads(ctl(visit, *words, "--json").text)
        assert (answer["done"], answer["refused"]) in ((0, 0), (0, 1)), answer
        return done.returncode, done.text, answer["reason"]

    for which in (["all"], ["--port", "9"]):
        assert told("offload", *which) == (1, "0 offloaded (none-found)\n", "none-found")
        assert told("upload", *which) == (1, "0 uploaded (none-found)\n", "none-found")
    conn = visit.connect()
    assert told("upload", "all") == (1, "0 uploaded (not-offloaded)\n", "not-offloaded")
    visit.hand(conn)
    assert told("offload", "all") == (1, "0 offloaded (already-offloaded)\n",
                                      "already-offloaded")
    assert told("offload", *conn.words) == (1, "0 offloaded, 1 not (already-offloaded)\n",
                                            "already-offloaded")
    assert data(visit, "query", *conn.words)["tcp_state"] == "ESTABLISHED"
    shown = visit.vm.run(["ethtool", "-S", "eth0"]).text
    for name in visit.ctl.stats()[0]:
        assert f" drv_{name}: " in shown, f"ethtool -S does not show {name} whole"


@where
def test_policy_is_set_and_shown(visit: Visit) -> None:
    try:
        for word in ("auto", "none"):
            assert said(visit, "policy", word) == f"policy {word}\n" == said(visit, "policy")
            assert data(visit, "policy") == {"policy": word}
    finally:
        visit.ctl.policy("none")


@where
@pytest.mark.parametrize("words", [[], ["--json"]], ids=["text", "json"])
def test_watch_prints_hand_overs(visit: Visit, words: list[str]) -> None:
    """As they happen, until a signal ends it; nothing tells when it has begun to listen."""
    conn = visit.connect()
    watch = visit.vm.agent.start(["chimneyctl", "watch", *words])

    def both_are_seen() -> bool:
        visit.hand(conn)
        visit.back(conn)
        return b"\nuploaded" in b"\n" + watch.stdout or b'"uploaded"' in watch.stdout

    wait_until(both_are_seen, "chimneyctl watch to print a hand-over", 20)
    watch.kill(signal=15)
    assert watch.wait(10).signal == 15
    lines = watch.stdout.decode().splitlines()
    if words:
        events = [json.loads(line) for line in lines]
        seen = [(event["event"], event["reason"]) for event in events]
        ends = {(event["local"], event["remote"]) for event in events}
    else:
        split = [re.split(r"\s+", line) for line in lines]
        seen = [(event[0], event[1]) for event in split]
        ends = {tuple(event[2:4]) if event[0] == "uploaded" else tuple(event[1:3])
                for event in split}
    assert ("uploaded", "requested") in seen and ends == {conn.words}


@where
def test_update_reaches_the_card(visit: Visit) -> None:
    conn = handed(visit)
    before = visit.ctl.stats()[1]["updates"]
    assert said(visit, "update", *conn.words) == ""
    wait_until(lambda: visit.ctl.stats()[1]["updates"] > before, "the card to count an update", 10)
    assert data(visit, "update", *conn.words) == {"done": 1}
    assert visit.state(conn) == "offloaded"
    conn.both_ways()


@where
def test_invalidate_brings_the_connection_back(visit: Visit) -> None:
    """Nothing is lost of what is under way."""
    conn = handed(visit)
    conn.guest.send(64 * KIB)
    assert said(visit, "invalidate", *conn.words) == ""
    visit.expect("host", conn)
    conn.peer.recv(64 * KIB)
    conn.both_ways()
    visit.hand(conn)
    assert data(visit, "invalidate", *conn.words) == {"done": 1}
    visit.expect("host", conn)
    conn.both_ways()


@where
def test_disconnect_closes_in_order(visit: Visit) -> None:
    """Behind all that was written, the peer finds the end."""
    conn = handed(visit)
    conn.guest.send(64 * KIB)
    wait_until(lambda: ctl(visit, "disconnect", *conn.words).ok, "the card to close", 10, 0.05)
    assert conn.peer.drain() == 64 * KIB


@where
def test_disconnect_with_abort_resets(visit: Visit) -> None:
    conn = handed(visit)
    assert data(visit, "disconnect", "--abort", *conn.words) == {"done": 1}
    with pytest.raises(CallFailed) as caught:
        conn.peer.recv(1)
    assert caught.value.errno == "ECONNRESET"
