# SPDX-License-Identifier: GPL-2.0-or-later
"""The wire is another than the socket says: addresses are translated, packets rewritten or held
by rules of the guest. Such a connection stays with Linux, and its data arrives (spec chapter 10.3).
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chimney.errors import HarnessError
from chimney.guest.station import Conn, Visit
from chimney.wait import wait_until

KIB = 1024
SERVICE = {4: "10.99.0.1", 6: "fd99::1"}
OTHER = {4: "10.77.0.9", 6: "fd77::9"}
PORT, TARGET = 7100, 7200
ONE = pytest.mark.where(cpus=(2,), vm="rules", debug=False)
BOTH = pytest.mark.parametrize("family", [4, 6])


def shell(visit: Visit, script: str) -> str:
    """Run a shell script in the guest."""
    return visit.vm.run(["sh", "-ec", script]).text


def rules(visit: Visit, kind: str, chain: str, rule: str) -> None:
    """Load one nftables rule, in a table of that kind and a base chain of that type and hook."""
    text = f"table {kind} t {{ chain c {{ type {chain}; {rule}; }}; }}\n"
    visit.vm.run(["nft", "-f", "-"], input=text.encode())


def no_rules(visit: Visit) -> None:
    """Take all rules away."""
    visit.vm.run(["nft", "flush", "ruleset"])


@pytest.fixture(autouse=True)
def tidy(visit: Visit) -> Iterator[None]:
    """No rule outlives its test."""
    shell(visit, f"ip address replace {OTHER[4]}/24 dev eth0; "
                 f"ip -6 address replace {OTHER[6]}/64 dev eth0 nodad")
    yield
    shell(visit, "nft flush ruleset; tc qdisc del dev eth0 clsact 2>/dev/null || true; "
                 f"ip address del {OTHER[4]}/24 dev eth0; ip -6 address del {OTHER[6]}/64 dev eth0")


def opened(visit: Visit, family: int, listen: str, port: int, to: str, to_port: int,
           source: str = "") -> Conn:
    """A connection of the guest to another address or port than that of the peer's listener; as
    the guest's socket has it.
    """
    listener = visit.peer.socket(family)
    listener.do("bind", listen, port)
    listener.do("listen", 8)
    end = visit.guest.socket(family)
    own = source or visit.hosts(family)[0]
    end.do("bind", own, 0)
    number = end.do("connect", to, to_port)["port"]
    other = listener.accept()
    listener.close()
    return Conn(end, other, own, number, to, to_port)


def accepted(visit: Visit, family: int, port: int, to_port: int) -> Conn:
    """A connection of the peer to to_port of the guest, which a listener on another port gets."""
    guest, peer = visit.hosts(family)
    listener = visit.guest.socket(family)
    listener.do("bind", guest, port)
    listener.do("listen", 8)
    end = visit.peer.socket(family)
    end.do("bind", peer, 0)
    number = end.do("connect", guest, to_port)["port"]
    other = listener.accept()
    listener.close()
    return Conn(other, end, guest, port, peer, number)


def translated(visit: Visit, family: int, how: str) -> Conn:
    """A connection whose addresses or ports are others on the wire."""
    word = "ip" if family == 4 else "ip6"
    guest, peer = visit.hosts(family)
    if how == "dnat":
        target = f"{peer}:{TARGET}" if family == 4 else f"[{peer}]:{TARGET}"
        rules(visit, word, "nat hook output priority -100",
              f"{word} daddr {SERVICE[family]} tcp dport {PORT} dnat to {target}")
        return opened(visit, family, peer, TARGET, SERVICE[family], PORT)
    if how == "snat":
        rules(visit, word, "nat hook postrouting priority 100",
              f"tcp dport {TARGET} snat to {OTHER[family]}")
        return opened(visit, family, peer, TARGET, peer, TARGET)
    # of several addresses of the device IPv6 takes another than the one asked for
    to = f"redirect to :{TARGET}" if family == 4 else f"dnat to [{guest}]:{TARGET}"
    rules(visit, word, "nat hook prerouting priority -100", f"tcp dport {PORT} {to}")
    return accepted(visit, family, TARGET, PORT)


def ended(conn: Conn) -> None:
    """Both streams end as they should."""
    conn.guest.do("shutdown", "wr")
    assert conn.peer.drain() == 0
    conn.peer.close()
    assert conn.guest.drain() == 0
    conn.guest.close()


def refused(visit: Visit, conn: Conn, why: str) -> None:
    """The connection does not go over, for that reason."""
    if visit.offloads:
        answer = visit.ctl.offload_answer(*conn.words)
        assert answer == {"done": 0, "refused": 1, "reason": why, "status": ""}
        assert visit.state(conn) == "host"


@ONE
@BOTH
@pytest.mark.parametrize("how", ["dnat", "snat", "redirect"])
def test_translated_addresses(visit: Visit, family: int, how: str) -> None:
    """ARC-1: a destination, a source or a port is translated: refused, and the data goes on."""
    conn = translated(visit, family, how)
    conn.both_ways()
    refused(visit, conn, "nat")
    conn.both_ways()
    ended(conn)


@ONE
@pytest.mark.parametrize("how", ["dnat", "snat", "redirect"])
def test_translated_addresses_under_the_automatic_policy(visit: Visit, how: str) -> None:
    """The policy leaves them alone, says why, and offloads the plain connection beside them."""
    before = visit.ctl.reasons()[0].get("nat", 0)
    driver = visit.ctl.stats()[0]["initiates"]
    if visit.offloads:
        visit.ctl.policy("auto")
    try:
        conn = translated(visit, 4, how)
        for _ in range(10):
            conn.both_ways()
        assert visit.state(conn) == "host"
        assert visit.ctl.stats()[0]["initiates"] == driver
        plain = visit.connect(6)
        plain.both_ways()
        visit.expect("offloaded", plain)
        assert visit.ctl.reasons()[0].get("nat", 0) > before or not visit.offloads
        ended(conn)
    finally:
        visit.ctl.policy("none")


# What becomes of the packets of a connection, and what the driver calls it. Linux alone sends them.
REWRITES = {
    "ttl": ("ip ttl set 17", "ip6 hoplimit set 17"),
    "dscp": ("ip dscp set cs1", "ip6 dscp set cs1"),
    "window": ("tcp window set 1000", "tcp window set 1000"),
}


@ONE
@BOTH
@pytest.mark.parametrize("what", sorted(REWRITES))
def test_rewritten_packets(visit: Visit, family: int, what: str) -> None:
    """A rule writes into the headers of what leaves: refused as long as there is one."""
    conn = visit.connect(family)
    conn.both_ways()
    rules(visit, "inet", "filter hook postrouting priority -150",
          f"tcp dport {conn.peer_port} {REWRITES[what][family == 6]}")
    refused(visit, conn, "rewritten")
    conn.both_ways(KIB)
    no_rules(visit)
    visit.hand(conn)
    conn.both_ways()
    visit.expect("offloaded", conn)


@ONE
def test_rewritten_by_traffic_control(visit: Visit) -> None:
    """The same by an action of tc behind the firewall."""
    conn = visit.connect()
    conn.both_ways()
    shell(visit, "tc qdisc add dev eth0 clsact; "
                 "tc filter add dev eth0 egress protocol ip matchall "
                 "action pedit ex munge ip ttl set 17 pipe action csum ip")
    refused(visit, conn, "rewritten")
    conn.both_ways()
    shell(visit, "tc qdisc del dev eth0 clsact")
    visit.hand(conn)
    conn.both_ways()


@ONE
@BOTH
def test_nothing_may_leave(visit: Visit, family: int) -> None:
    """A firewall lets nothing of the connection out: the card is no way round it."""
    conn = visit.connect(family)
    conn.both_ways()
    rules(visit, "inet", "filter hook output priority 0", f"tcp dport {conn.peer_port} drop")
    refused(visit, conn, "blocked")
    no_rules(visit)
    visit.hand(conn)
    conn.both_ways()
    visit.expect("offloaded", conn)


@ONE
@BOTH
def test_probe_is_not_on_the_wire(visit: Visit, family: int) -> None:
    """What the driver sends to learn all this is seen by the guest's firewall, once for each
    hand-over, and never by the peer.
    """
    conn = visit.connect(family)
    conn.both_ways()
    rules(visit, "inet", "filter hook postrouting priority 300",
          f"tcp dport {conn.peer_port} counter")
    wait_until(lambda: quiet(visit), "Linux to send nothing more", 10, 0.1)
    guest, peer = packets(visit), segments(visit, conn)
    asked = done = 0
    while visit.offloads and not done:
        answer, asked = visit.ctl.offload_answer(*conn.words), asked + 1
        done = answer["done"]
        # before the probe or after it, on a machine that stood still
        assert done or (answer["reason"] == "frames-in-flight" and asked < 10), answer
    assert done <= packets(visit) - guest <= asked
    assert segments(visit, conn) == peer


def packets(visit: Visit) -> int:
    """Packets that the rule has counted."""
    words = shell(visit, "nft list ruleset").split()
    return int(words[words.index("packets") + 1])


def quiet(visit: Visit) -> bool:
    """Whether a tenth of a second passes without a packet."""
    before = packets(visit)
    shell(visit, "sleep 0.1")
    return packets(visit) == before


def segments(visit: Visit, conn: Conn) -> int:
    """Segments that the peer's kernel has received on the connection."""
    text = visit.room.run(["ss", "-Htni", "sport", "=", f":{conn.peer_port}", "dport", "=",
                           f":{conn.guest_port}"]).stdout
    for word in text.split():
        name, _, value = word.partition(":")
        if name == "segs_in":
            return int(value)
    raise HarnessError(f"ss shows no segs_in: {text!r}")
