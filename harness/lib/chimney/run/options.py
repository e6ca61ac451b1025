# SPDX-License-Identifier: GPL-2.0-or-later
"""The options of `harness/chimney run`: parses them and refuses what cannot work.

Every refusal is one sentence, before anything is started. What the options lead to is run.py's.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .. import paths
from ..cli.parser import Parser, number
from ..errors import STATUS_TEST_FAILED, HarnessError, ProgramMissing, WrongUse
from ..guest import offload
from ..host.proc import find_program
from ..vm import kernel
from ..vm.config import CPUS_MAX
from ..vm.machine import DEVICES
from ..wire import net
from . import freshness

OFFLOADS = "none, auto, manual or random:SEED"
SEED_MOST = 2**32 - 1  # of chimneyctl shuttle
MEMORY_MIN = 96
COMMAND_SECONDS = 300.0


@dataclass
class RunOptions:
    """The options of one run, checked."""

    command: list[str]
    offload: str = "manual"
    seed: int = 0
    device: str = "chimney"
    kernel: str = "6.1"
    qemu: Path = paths.QEMU
    driver: Path | None = None
    bins: list[str] = field(default_factory=list)
    copies: list[str] = field(default_factory=list)
    disk: Path | None = None
    peers: list[list[str]] = field(default_factory=list)
    late_peers: list[tuple[int, list[str]]] = field(default_factory=list)
    net: str = "tap"
    notes: list[str] = field(default_factory=list)
    accel: str = "auto"
    cpus: int = 1
    memory: int = 512
    timeout: float | None = None
    device_options: list[str] = field(default_factory=list)
    qemu_args: list[str] = field(default_factory=list)
    pcap: Path | None = None
    trace: Path | None = None
    report: Path | None = None
    junit: Path | None = None
    dry_run: bool = False


def make_parser() -> Parser:
    """The parser of the run command."""
    parser = Parser("harness/chimney run",
                    "Run CMD in a fresh VM and exit with CMD's status. Without CMD, on a "
                    "terminal, open a shell in the guest. With the chimney card, print a ledger "
                    "at the end: how many TCP connections the guest had, how often one went over "
                    "to the card, how often one came back and why, how many were refused and why "
                    "(each counts once, by its last reason, unless it was carried later), and "
                    "how much of all bytes of all frames on the wire, both ways, the card "
                    "carried. If the figures contradict each other, the exit status is 125.",
                    usage="harness/chimney run [options] -- CMD [ARG...]")
    add = parser.add_argument
    add("--offload", metavar="POLICY",
        help=f"which connections the card carries: {OFFLOADS}; random hands all of them over and "
             "back (`chimneyctl shuttle SEED all`) (default: manual)")
    add("--device", choices=DEVICES, default="chimney", help="the network card (default: chimney)")
    add("--kernel", default="6.1", metavar="VERSION|PATH",
        help=f"{', '.join(kernel.NAMES)}, or a bzImage of your own (default: 6.1)")
    add("--qemu", metavar="VERSION|PATH", type=_qemu, default=paths.QEMU,
        help=f"{', '.join(paths.QEMU_VERSIONS)} (see `make qemu`), or a QEMU of your own (default: "
             f"CHIMNEY_QEMU of the environment, else {paths.USUAL_QEMU})")
    add("--driver", type=Path, metavar="PATH.ko", help="use this driver instead of ours")
    add("--bin", dest="bins", action="append", default=[], metavar="PROGRAM",
        help="put a host program and its libraries into the guest (repeatable)")
    add("--copy", dest="copies", action="append", default=[], metavar="SRC[:DST]",
        help="put a file or folder into the guest (repeatable)")
    add("--disk", type=Path, metavar="IMAGE",
        help="boot your own disk image, with our agent in it (images/README.md)")
    add("--peer", dest="peers", action="append", default=[], metavar="CMD",
        help="run CMD at the other end of the wire while the VM lives; if the guest's command "
             "succeeds but a peer fails, exit with the peer's status (repeatable)")
    add("--wait-listen", dest="peers", action="append", type=number(1, 65535), metavar="PORT",
        help="start the peers named after this option when the guest listens on TCP port PORT, "
             "show their output, and end the command when they have ended")
    add("--net", metavar="WIRE",
        help="tap, user, stream:PATH or dgram:LOCAL,REMOTE (default: tap, else user)")
    add("--accel", choices=("auto", "tcg", "kvm"), default="auto",
        help="auto tries KVM once and falls back to TCG (default: auto)")
    add("--cpus", type=number(1, CPUS_MAX), default=1, metavar="N",
        help="guest processors (default: 1)")
    add("--memory", type=number(MEMORY_MIN, 1 << 20), default=512, metavar="MIB",
        help="guest memory in MiB (default: 512)")
    add("--timeout", type=_seconds, metavar="S",
        help="end CMD after S seconds, with status 124 (default: 300; none for a shell)")
    add("--device-opt", dest="device_options", action="append", default=[], metavar="K=V",
        help="set a property of the card (repeatable)")
    add("--qemu-arg", dest="qemu_args", action="append", default=[], metavar="ARG",
        help="pass a further argument to QEMU, written --qemu-arg=ARG (repeatable)")
    add("--pcap", type=Path, metavar="FILE.pcapng", help="capture the wire")
    add("--trace", type=Path, metavar="FILE", help="write the card's trace events to FILE")
    add("--report", type=Path, metavar="FILE.json", help="write what happened, for programs")
    add("--junit", type=Path, metavar="FILE.xml",
        help="read the standard output of CMD as TAP or KTAP and write its test cases as JUnit "
             "XML; if CMD ends with 0 but a test has failed, or the results are not whole, exit "
             f"with {STATUS_TEST_FAILED}")
    add("--dry-run", action="store_true", help="print QEMU's command line and exit")
    return parser


def _qemu(text: str) -> Path:
    if "/" not in text and text not in paths.QEMU_VERSIONS:
        known = ", ".join(paths.QEMU_VERSIONS)
        raise argparse.ArgumentTypeError(f"'{text}' is not one of {known}, and has no slash, as a "
                                         "path would")
    return paths.qemu(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"'{text}' is not a positive number of seconds")
    return value


def parse(arguments: Sequence[str]) -> RunOptions:
    """Parse and check; raises WrongUse or HarnessError with the sentence."""
    words = list(arguments)
    command: list[str] = []
    if "--" in words:
        at = words.index("--")
        words, command = words[:at], words[at + 1:]
        if not command:
            raise WrongUse("there is no command after --.")
    values = vars(_parse_words(words))
    values["peers"], values["late_peers"] = _split_peers(values["peers"])
    wish_net, wish_offload = values.pop("net"), values.pop("offload")
    options = RunOptions(command, **values)
    if options.timeout is None and command:
        options.timeout = COMMAND_SECONDS
    _check_offload(options, wish_offload)
    _check_files(options)
    _check_net(options, wish_net)
    _check_rest(options)
    return options


def _parse_words(words: list[str]) -> argparse.Namespace:
    parser = make_parser()
    namespace, rest = parser.parse_known_args(words)
    if rest and not rest[0].startswith("-"):
        raise WrongUse("the command stands behind --, as in `harness/chimney run [options] -- "
                       f"{shlex.join(rest)}`.")
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return namespace


def _need_program(option: str, name: str) -> None:
    try:
        find_program(name)
    except ProgramMissing as error:
        raise WrongUse(f"{option}: {error}") from None


def _split_peers(words: Sequence[str | int]
                 ) -> tuple[list[list[str]], list[tuple[int, list[str]]]]:
    """Peers that begin with the VM, and those that wait for the port named before them."""
    early: list[list[str]] = []
    late: list[tuple[int, list[str]]] = []
    port = None
    for word in words:
        if isinstance(word, int):
            port = word
        elif port is None:
            early.append(_split_peer(word))
        else:
            late.append((port, _split_peer(word)))
    if words and isinstance(words[-1], int):
        raise WrongUse(f"--wait-listen {words[-1]} needs a --peer after it.")
    return early, late


def _split_peer(text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise WrongUse(f"--peer '{text}' cannot be split into words: {error}.") from None
    if not words:
        raise WrongUse("--peer needs a command.")
    _need_program("--peer", words[0])
    return words


def _check_offload(options: RunOptions, wish: str | None) -> None:
    if wish is None:
        options.offload = "manual" if options.device == "chimney" else "none"
        return
    kind, colon, seed = wish.partition(":")
    if kind == "random" and re.fullmatch(r"\d{1,19}", seed):
        options.seed = int(seed)
        if options.seed > SEED_MOST:
            raise WrongUse(f"--offload {wish}: the seed may be {SEED_MOST} at most.")
    elif colon or kind not in ("none", "auto", "manual"):
        raise WrongUse(f"--offload {wish} is not a policy; use {OFFLOADS}.")
    options.offload = kind
    if kind != "none" and options.device != "chimney":
        raise WrongUse(f"--offload {wish} needs the chimney card: {options.device} offloads no "
                       "connections.")


def _check_files(options: RunOptions) -> None:
    if options.driver is not None:
        if options.device != "chimney":
            raise WrongUse(f"--driver is a driver for the chimney card and cannot go with "
                           f"--device {options.device}.")
        _need_file("--driver", options.driver)
    for text in options.copies:
        source, target = split_copy(text)
        if not Path(source).exists():
            raise WrongUse(f"--copy {text}: there is no {source}.")
        if not Path(source).is_dir() and not Path(source).is_file():
            raise WrongUse(f"--copy {text}: {source} is neither a file nor a folder.")
        if target and not target.startswith("/"):
            raise WrongUse(f"--copy {text}: the place in the guest must begin with a slash.")
    for name in options.bins:
        _need_program("--bin", name)
    if options.disk is not None:
        _need_file("--disk", options.disk)
        if options.bins or options.copies or options.driver:
            raise WrongUse("--disk boots your image as it is, so --bin, --copy and --driver cannot "
                           "go with it.")
    for option, path in (("--pcap", options.pcap), ("--trace", options.trace),
                         ("--report", options.report), ("--junit", options.junit)):
        if path is not None:
            _need_folder(option, path)


def split_copy(text: str) -> tuple[str, str]:
    """SRC and DST of SRC[:DST] as images/mkinitramfs takes them: what exists as a whole is a SRC,
    and else DST begins with the last colon that has a slash behind and something existing before.
    """
    colons = [match.start() for match in re.finditer(":(?=/)", text)]
    for at in [len(text), *reversed(colons)]:
        if os.path.lexists(text[:at]):
            return text[:at], text[at + 1:]
    source, _, target = text.partition(":")
    return source, target


def _need_file(option: str, path: Path) -> None:
    if not path.exists():
        raise WrongUse(f"{option} {path}: there is no such file.")
    if not path.is_file():
        raise WrongUse(f"{option} {path}: that is not a file.")


def _need_folder(option: str, path: Path) -> None:
    folder = path.absolute().parent
    if not folder.is_dir():
        raise WrongUse(f"{option} {path}: the folder {folder} does not exist.")
    if path.is_dir() or not os.access(path if path.exists() else folder, os.W_OK):
        raise WrongUse(f"{option} {path} cannot be written.")


def _check_net(options: RunOptions, wish: str | None) -> None:
    with_peers = bool(options.peers or options.late_peers)
    if wish is None:
        try:
            net.check_tap_possible()
        except HarnessError as error:
            if with_peers:
                raise HarnessError(f"--peer needs a private network with a tap: {error}") from None
            options.notes.append(f"using --net user: {error}")
            options.net = "user"
        return
    options.net = wish
    if wish == "tap":
        net.check_tap_possible()
        return
    net.parse_outside_wire(wish)
    if with_peers:
        raise WrongUse(f"--peer cannot go with --net {wish}: that wire ends outside, where the "
                       "harness can start nothing; leave --net away.")


def _check_rest(options: RunOptions) -> None:
    if options.late_peers and not options.command and not options.dry_run:
        raise WrongUse("--wait-listen needs a command that listens.")
    if options.junit is not None and not options.command:
        raise WrongUse("--junit needs a command whose output it can read.")
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if not options.command and not options.dry_run and not terminal:
        raise WrongUse("there is no command, and no terminal for a shell; write the command after "
                       "--, as in `harness/chimney run -- uname -r`.")
    for text in options.device_options:
        if not re.fullmatch(r"[\w.-]+=[^,]*", text):
            raise WrongUse(f"--device-opt {text} is not of the form NAME=VALUE.")
    if options.trace is not None and options.device != "chimney":
        raise WrongUse(f"--trace records the trace events of the chimney card, and --device "
                       f"{options.device} has none.")
    if options.trace is not None and "%" in str(options.trace.absolute()):
        raise WrongUse(f"--trace {options.trace}: QEMU takes no name of a log with a percent sign.")
    if options.device == "chimney":
        offload.check_tool(options.offload)
    if options.disk is None:
        kernel.refuse_missing_card(kernel.find(options.kernel), options.device)
        if options.device == "chimney" and options.driver is None:
            kernel.refuse_missing_driver(options.kernel)
    if options.device == "chimney":
        options.notes += freshness.notes(_built(options))


def _built(options: RunOptions) -> list[freshness.Product]:
    """What of ours the run uses."""
    products = [freshness.qemu(options.qemu)] if paths.make_qemu(options.qemu) else []
    if options.disk is None:
        products.append(freshness.chimneyctl())
        if options.driver is None and options.kernel in kernel.NAMES:
            products.append(freshness.driver(options.kernel))
    return products
