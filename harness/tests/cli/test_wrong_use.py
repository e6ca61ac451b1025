# SPDX-License-Identifier: GPL-2.0-or-later
"""What harness/chimney answers to wrong use: one sentence, a status, and nothing left behind.

Nothing here boots a VM; the options are refused before anything starts.
"""

from __future__ import annotations

import os
import socket
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from chimney import paths
from chimney.errors import HarnessError, WrongUse
from chimney.run import options
from chimney.run.options import make_parser, parse
from chimney.vm import kernel

COMMAND = paths.TOP / "harness" / "chimney"
CARD = ["--device", "virtio-net-pci"]


@pytest.fixture(autouse=True)
def known_kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build folder with kernels of both flavours, so that nothing needs to be downloaded."""
    for name, has in (("6.1", False), ("6.12", False), ("6.1-generic", True), ("debug", True)):
        folder = tmp_path / "kernels" / name
        folder.mkdir(parents=True)
        (folder / "vmlinuz").write_bytes(b"")
        (folder / "release").write_text("6.1.0-test\n")
        (folder / "nics").write_text(f'{{"virtio-net-pci": true, "vmxnet3": true, '
                                     f'"e1000e": {str(has).lower()}, "igb": {str(has).lower()}}}')
        if name not in ("6.12", "debug"):
            (tmp_path / "driver" / name).mkdir(parents=True)
            (tmp_path / "driver" / name / "chimney.ko").write_bytes(b"")
    monkeypatch.setattr(paths, "KERNELS", tmp_path / "kernels")
    monkeypatch.setattr(paths, "DRIVERS", tmp_path / "driver")
    monkeypatch.setattr(paths, "TOOLS", tmp_path / "tools")
    monkeypatch.setattr("chimney.wire.net.check_tap_possible", lambda: None)


def refusal(*words: str) -> str:
    """The sentence with which the options are refused."""
    with pytest.raises(HarnessError) as caught:
        parse([*words, "--", "true"])
    assert caught.value.status != 0
    text = str(caught.value)
    assert "\n" not in text and text.endswith(".")
    return text


WRONG: Sequence[tuple[str, list[str], str]] = (
    ("offload-unknown", ["--offload", "perhaps"], "--offload perhaps is not a policy"),
    ("offload-no-seed", ["--offload", "random"], "random:SEED"),
    ("offload-bad-seed", ["--offload", "random:x"], "random:SEED"),
    ("offload-large-seed", ["--offload", "random:4294967296"], "4294967295 at most"),
    ("offload-card", ["--offload", "auto", "--device", "igb"], "needs the chimney card"),
    ("offload-tool", ["--offload", "auto"], "chimneyctl"),
    ("device-unknown", ["--device", "ne2k"], "--device: 'ne2k' is not one of chimney"),
    ("device-kernel", ["--device", "e1000e"], "use --kernel 6.1-generic"),
    ("device-kernel-igb", ["--device", "igb", "--kernel", "6.12"], "no module igb"),
    ("kernel-unknown", ["--kernel", "2.4"], "--kernel 2.4 is unknown"),
    ("kernel-missing", ["--kernel", "6.12-generic"], "images/kernels 6.12-generic"),
    ("kernel-not-built", ["--kernel", "debug-7.3"], "`images/debug-kernel 7.3` makes it"),
    ("kernel-no-file", ["--kernel", "/no/bzImage"], "there is no such file"),
    ("kernel-not-one", ["--kernel", "/etc/passwd"], "is not a bzImage"),
    ("driver-not-built", ["--kernel", "6.12"], "make driver KERNELS=6.12"),
    ("driver-not-built-debug", ["--kernel", "debug"], "`guest-driver/build debug`"),
    ("driver-missing", ["--driver", "/no/such.ko"], "there is no such file"),
    ("driver-card", ["--driver", "/etc/passwd", *CARD], "cannot go with --device"),
    ("bin-missing", ["--bin", "no-such-program"],
     "--bin: the program no-such-program is not on this machine"),
    ("copy-missing", ["--copy", "/no/file"], "there is no /no/file"),
    ("copy-relative", ["--copy", "/etc/passwd:there"], "must begin with a slash"),
    ("disk-missing", ["--disk", "/no/disk"], "there is no such file"),
    ("disk-and-bin", ["--disk", "/etc/passwd", "--bin", "cat"], "cannot go with it"),
    ("peer-missing", ["--peer", "no-such-program -s"], "no-such-program is not on this machine"),
    ("peer-quotes", ["--peer", "echo 'open"], "cannot be split"),
    ("wait-port", ["--wait-listen", "x", "--peer", "cat"], "is not a number from 1 to 65535"),
    ("wait-last", ["--peer", "cat", "--wait-listen", "80"], "--wait-listen 80 needs a --peer"),
    ("wait-user", ["--net", "user", "--wait-listen", "80", "--peer", "cat"], "leave --net away"),
    ("peer-empty", ["--peer", " "], "--peer needs a command"),
    ("peer-user", ["--peer", "cat", "--net", "user"], "--peer cannot go with --net user"),
    ("net-unknown", ["--net", "carrier-pigeon"], "is not a wire"),
    ("net-stream", ["--net", "stream:/no/socket"], "it is not a socket"),
    ("net-dgram", ["--net", "dgram:/only-one"], "is not a wire"),
    ("accel-unknown", ["--accel", "warp"], "--accel: 'warp' is not one of auto"),
    ("cpus-zero", ["--cpus", "0"], "not a number from 1 to 64"),
    ("cpus-many", ["--cpus", "65"], "not a number from 1 to 64"),
    ("memory-word", ["--memory", "lots"], "'lots' is not a number"),
    ("memory-little", ["--memory", "8"], "not a number from 96"),
    ("timeout-negative", ["--timeout", "-1"], "not a positive number"),
    ("timeout-word", ["--timeout", "soon"], "not a positive number"),
    ("device-opt", ["--device-opt", "mac"], "NAME=VALUE"),
    ("device-opt-two", ["--device-opt", "a=1,b=2"], "NAME=VALUE"),
    ("pcap-folder", ["--pcap", "/no/folder/x.pcapng"], "the folder /no/folder does not exist"),
    ("stream-long", ["--net", "stream:/" + "x" * 200], "it is not a socket"),
    ("dgram-long", ["--net", "dgram:/tmp/a,/tmp/" + "x" * 200], "has at most 107 bytes"),
    ("trace-percent", ["--trace", "/tmp/100%"], "QEMU takes no name of a log with a percent sign"),
    ("trace-card", ["--trace", "/tmp/t", *CARD], "trace events"),
    ("trace-folder", ["--trace", "/no/folder/t"], "does not exist"),
    ("report-is-folder", ["--report", "/tmp"], "cannot be written"),
    ("junit-folder", ["--junit", "/no/folder/x.xml"], "does not exist"),
    ("unknown", ["--frobnicate"], "unknown option: --frobnicate"),
    ("abbreviated", ["--devic", "igb"], "unknown option"),
    ("qemu-unknown", ["--qemu", "9.2"], "'9.2' is not one of 10.0, 11.1, and has no slash"),
    ("no-value", ["--qemu-arg"], "expected one argument"),
)


@pytest.mark.parametrize(("words", "expected"), [case[1:] for case in WRONG],
                         ids=[case[0] for case in WRONG])
def test_wrong_options_get_one_sentence(words: list[str], expected: str) -> None:
    assert expected in refusal(*words)


@pytest.mark.parametrize("words", [
    ["--bin", "no-such-program"], ["--driver", "/no/such.ko"], ["--copy", "/no/file"],
    ["--disk", "/no/disk"], ["--peer", "no-such-program -s"]], ids=lambda words: words[0])
def test_what_an_option_names_and_is_not_there_is_wrong_use(words: list[str]) -> None:
    """One status for all: 2."""
    with pytest.raises(WrongUse):
        parse([*words, "--", "true"])


@pytest.mark.parametrize("options", [[], ["--cpus", "2"]], ids=["alone", "option"])
def test_a_command_without_dashes_is_shown_where_it_goes(options: list[str]) -> None:
    with pytest.raises(WrongUse) as caught:
        parse([*options, "uname", "-r"])
    assert str(caught.value).endswith("as in `harness/chimney run [options] -- uname -r`.")


def test_every_option_has_a_wrong_use_and_a_right_one() -> None:
    tested = {word for _, words, _ in WRONG for word in words if word.startswith("--")}
    right = {word for words, _, _ in RIGHT for word in words if word.startswith("--")}
    known = {action.option_strings[-1] for action in make_parser()._actions} - {"--help"}
    assert known <= tested | {"--dry-run"}
    assert known <= {word.partition("=")[0] for word in right}


RIGHT: Sequence[tuple[list[str], str, object]] = (
    (["--offload", "none", *CARD], "offload", "none"),
    (["--offload", "manual"], "offload", "manual"),
    (CARD, "offload", "none"),
    (["--device", "vmxnet3"], "device", "vmxnet3"),
    (["--device", "e1000e", "--kernel", "6.1-generic"], "kernel", "6.1-generic"),
    (["--qemu", "11.1"], "qemu", paths.BUILD / "qemu/11.1/plain/qemu-system-x86_64"),
    (["--qemu", "/usr/bin/q"], "qemu", Path("/usr/bin/q")),
    (["--driver", "/etc/passwd"], "driver", Path("/etc/passwd")),
    (["--bin", "cat", "--bin", "ls"], "bins", ["cat", "ls"]),
    (["--copy", "/etc/passwd:/tmp/x"], "copies", ["/etc/passwd:/tmp/x"]),
    (["--disk", "/etc/passwd"], "disk", Path("/etc/passwd")),
    (["--peer", "cat 'a b'"], "peers", [["cat", "a b"]]),
    (["--peer", "cat", "--wait-listen", "80", "--peer", "ls"], "late_peers", [(80, ["ls"])]),
    (["--net", "user"], "net", "user"),
    (["--net", "dgram:/tmp/a,/tmp/b"], "net", "dgram:/tmp/a,/tmp/b"),
    (["--accel", "tcg"], "accel", "tcg"),
    (["--cpus", "4"], "cpus", 4),
    (["--memory", "1024"], "memory", 1024),
    (["--timeout", "1.5"], "timeout", 1.5),
    (["--device-opt", "mac=52:54:00:00:00:01"], "device_options", ["mac=52:54:00:00:00:01"]),
    (["--qemu-arg=-d", "--qemu-arg=unimp"], "qemu_args", ["-d", "unimp"]),
    (["--pcap", "/tmp/x.pcapng"], "pcap", Path("/tmp/x.pcapng")),
    (["--trace", "/tmp/x.trace"], "trace", Path("/tmp/x.trace")),
    (["--report", "/tmp/x.json"], "report", Path("/tmp/x.json")),
    (["--junit", "/tmp/x.xml"], "junit", Path("/tmp/x.xml")),
    (["--dry-run"], "dry_run", True),
)


@pytest.mark.parametrize(("words", "name", "value"), RIGHT, ids=[" ".join(c[0]) for c in RIGHT])
def test_right_options_are_understood(words: list[str], name: str, value: object) -> None:
    chosen = parse([*words, "--", "some", "command", "--", "-x"])
    assert getattr(chosen, name) == value
    assert chosen.command == ["some", "command", "--", "-x"]


def test_random_offload_keeps_its_seed(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "chimneyctl").write_bytes(b"")
    chosen = parse(["--offload", "random:77", "--", "true"])
    assert (chosen.offload, chosen.seed) == ("random", 77)


def test_stream_wire_needs_a_listener(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "passt"))
        assert parse(["--net", f"stream:{tmp_path}/passt", "--", "true"]).net.startswith("stream:")


def test_no_tap_falls_back_to_user_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise HarnessError("no permission to open the tap.")

    monkeypatch.setattr("chimney.wire.net.check_tap_possible", refuse)
    chosen = parse([*CARD, "--", "true"])
    assert chosen.net == "user"
    assert "no permission" in chosen.notes[0]
    for words in (["--net", "tap"], ["--peer", "cat"]):
        assert "no permission" in refusal(*CARD, *words)


def test_unset_terminal_needs_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options.sys.stdin, "isatty", lambda: False, raising=False)
    with pytest.raises(WrongUse, match="no command"):
        parse([])
    with pytest.raises(WrongUse, match="no command after --"):
        parse(["--"])


def test_a_kernel_of_ones_own_needs_a_driver_of_ones_own(tmp_path: Path) -> None:
    image = tmp_path / "bzImage"
    header = bytearray(0x400)
    header[0x202:0x206] = b"HdrS"
    header[0x20e:0x210] = (0x100).to_bytes(2, "little")
    header[0x300:0x30b] = b"6.9.1-own #"
    image.write_bytes(header)
    assert kernel.release_of_image(image) == "6.9.1-own"
    assert "bring yours with --driver" in refusal("--kernel", str(image))
    assert parse(["--kernel", str(image), "--driver", "/etc/passwd", "--", "x"]).kernel
    assert parse(["--kernel", str(image), *CARD, "--", "x"]).kernel == str(image)


def test_modules_are_found_without_a_table(tmp_path: Path) -> None:
    (tmp_path / "modules.builtin").write_text("kernel/drivers/net/virtio_net.ko\n")
    (tmp_path / "modules.dep").write_text("kernel/drivers/net/vmxnet3/vmxnet3.ko.xz: a.ko\n")
    some = kernel.Kernel("x", tmp_path, None, tmp_path)
    assert some.has_module("virtio_net") and some.has_module("vmxnet3")
    assert some.has_module("igb") is False


def call(*words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the real command."""
    return subprocess.run([str(COMMAND), *words], capture_output=True, text=True, timeout=20,
                          stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})


@pytest.mark.parametrize(("words", "expected"), [
    ([], "there is no verb"), (["fly"], "unknown verb: fly"), (["run"], "there is no command"),
    (["run", "--frobnicate", "--", "x"], "unknown option"),
    (["run", "--kernel", "2.4", "--", "x"], "is unknown"),
])
def test_the_command_itself_answers_in_one_line(words: list[str], expected: str) -> None:
    result = call(*words)
    assert result.returncode == 2
    assert result.stdout == ""
    assert expected in result.stderr and result.stderr.count("\n") == 1
    assert result.stderr.startswith("chimney: ")


def test_help_names_every_option() -> None:
    result = call("run", "--help")
    assert result.returncode == 0
    for action in make_parser()._actions:
        assert action.option_strings[-1] in result.stdout
    assert call("--help").stdout.startswith("usage:")


def test_missing_qemu_is_said_at_once(tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(b"")
    result = call("run", "--disk", str(image), "--net", "user", *CARD, "--", "true",
                  env={"CHIMNEY_BUILD": str(tmp_path)})
    assert result.returncode == 125
    assert "run `make qemu`" in result.stderr


def test_nobody_without_tap_gets_one_sentence(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to become someone else")
    # The repository may lie where nobody may look, such as in /root; and everyone may open what
    # Debian's udev makes of /dev/net/tun, so a node that only root may open is laid over it.
    node = tmp_path / "tun"
    os.mknod(node, stat.S_IFCHR | 0o600, os.makedev(10, 200))
    script = (f'mount --bind "{paths.TOP}" /mnt && mount --bind "{node}" /dev/net/tun && '
              f'exec setpriv --reuid nobody --regid nogroup --clear-groups '
              f'/mnt/{COMMAND.relative_to(paths.TOP)} "$@"')
    for words in (["--net", "tap"], ["--peer", "cat"]):
        result = subprocess.run(
            ["unshare", "--mount", "sh", "-c", script, "sh", "run", *CARD, *words, "--", "true"],
            capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
        assert result.returncode == 125
        assert "no permission to open /dev/net/tun" in result.stderr
        assert "chmod 666 /dev/net/tun" in result.stderr and "--net user" not in result.stderr
        assert result.stderr.count("\n") == 1
