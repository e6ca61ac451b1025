# SPDX-License-Identifier: GPL-2.0-or-later
"""make tomorrow: what it makes of a compiler's words, its table, and that what it fetches is apart
from what other builds choose from.

Without an archive, but for the last test: compilers are fed with small files that they refuse, and
a program is in private-apt's place.
"""

from __future__ import annotations

import os
import re
import subprocess
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chimney import paths
from chimney.tomorrow import qemu
from chimney.tomorrow.diagnostics import Finding, Origin, located, read
from chimney.tomorrow.table import PLACES, SYMBOLS, WIDTH, Row, render

Call = Callable[..., subprocess.CompletedProcess[str]]
SETUP = paths.TOP / "harness" / "setup"
TOMORROW = "harness/setup/tomorrow"
SECONDS = 60

# A kernel's header, a header of ours, and two files of ours that use them as it was yesterday.
FILES = {
    "kernel/api.h": """\
#define check(condition) _Static_assert(condition, #condition)
#define peek(sock) ((sock)->gone_too)
struct sock { int field; };
struct ops { int (*open)(struct sock *); };
int lookup(int, int);
static inline int broken(struct sock *sk) { return sk->lost; }
""",
    "card/compat.h": """\
#include <kernel/api.h>
static inline int look(int a) { return lookup(a); }
check(sizeof(struct sock) == 8);
""",
    "card/one.c": """\
#include "compat.h"
static int opened(int *sk) { return *sk; }
static const struct ops ops = { .open = opened };
int one(struct sock *sk)
{
    sk->field = reset_timer(sk);
    sk->gone = TCP_GONE;
    return peek(sk) + ops.open(sk);
}
""",
    "card/two.c": """\
#include "compat.h"
#include <kernel/nowhere.h>
""",
}
# The symbol and the lines of ours.
BROKEN = [
    ("struct sock.lost", ["card/compat.h:1"]),
    ("lookup", ["card/compat.h:2"]),
    ('static assertion failed: "sizeof(struct sock) == 8"', ["card/compat.h:3"]),
    ("ops.open", ["card/one.c:3"]),
    ("reset_timer", ["card/one.c:6"]),
    ("struct sock.gone", ["card/one.c:7"]),
    ("TCP_GONE", ["card/one.c:7"]),
    ("struct sock.gone_too", ["card/one.c:8"]),
    ("kernel/nowhere.h", ["card/two.c:2"]),
]

# What gcc 16 says of such a file, where it differs, and what modpost says.
RECORDED = """\
In file included from card/compat.h:1,
                 from card/one.c:1:
./kernel/api.h: In function 'broken':
./kernel/api.h:6:54: error: 'struct sock' has no member named 'lost'; did you mean 'last'?
card/compat.h:2:40: error: too few arguments to function 'lookup'; expected 2, have 1
./kernel/api.h:5:5: note: declared here
card/one.c:6:21: warning: implicit declaration of function 'f' [-Wimplicit-function-declaration]
card/one.c:4:13: error: \u2018mad\u2019 undeclared (first use in this function)
kernel/other.h:4:13: warning: unused variable 'unused' [-Wunused-variable]
kernel/other.h:7:1: error: expected ';' before 'int'
card/one.c:9:1: error: 'const struct <anonymous>' has no member named 'timeout'
make[3]: *** [/k/scripts/Makefile.build:290: card/one.o] Error 1
ERROR: modpost: "tcp_gone" [/out/chimney.ko] undefined!
ERROR: modpost: module chimney uses symbol hidden from namespace CORE, but does not import it.
"""


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return tmp_path


def origin(folder: Path) -> Origin:
    return Origin(folder, ((folder / "card", "card"),))


def test_what_a_compiler_says_of_our_lines(sources: Path) -> None:
    """An error in a header is one of the line that includes it or uses its macro; what is said
    again for the next file is the same.
    """
    lines: list[str] = []
    for name in ("card/one.c", "card/two.c"):
        lines += subprocess.run(
            ["gcc", "-I.", "-Wall", "-fsyntax-only", "-Werror", name], cwd=sources,
            capture_output=True, text=True, timeout=SECONDS, env={**os.environ, "LC_ALL": "C"},
        ).stderr.splitlines()
    places: dict[str, list[str]] = {}
    for finding in read(lines, origin(sources)):
        assert finding.error
        places.setdefault(finding.symbol, []).append(finding.place)
    assert sorted(places.items()) == sorted(BROKEN)


def test_what_other_programs_say(sources: Path) -> None:
    """In the words of gcc 16, in another locale, and of modpost."""
    found = read(RECORDED.splitlines(), origin(sources))
    assert [(f.symbol, f.place, f.error) for f in found] == [
        ("struct sock.lost", "card/compat.h:1", True),
        ("lookup", "card/compat.h:2", True),
        ("mad", "card/one.c:4", True),
        (";", "", True),
        ("struct <anonymous>.timeout", "card/one.c:9", True),
        ("tcp_gone", "", True),
        ("hidden", "", True),
        ("f", "card/one.c:6", False)]
    assert found[0].text == "'struct sock' has no member named 'lost'"
    assert found[3].text == "expected ';' before 'int' (kernel/other.h:7)"
    assert found[-1].text == "implicit declaration of function 'f'"


def test_a_function_that_is_not_exported_is_looked_for(sources: Path) -> None:
    (sources / "card/z.c").write_text("/* tcp_gone() is\n * tcp_gone */\nvoid f(void)\n"
                                      "{\n\ttcp_gone();\n}\n")
    found = located(read(RECORDED.splitlines(), origin(sources)), sources / "card", "card")
    assert [f.place for f in found if f.symbol in ("tcp_gone", "hidden")] == ["card/z.c:5", ""]


def test_table_shows_what_became_of_each_package() -> None:
    findings = (Finding("reset_timer", "too few arguments to function 'reset_timer'", "a/b.c:7"),
                Finding("TCP_GONE", "'TCP_GONE' undeclared", "a/c.c:8"),
                Finding("reset_timer", "too many arguments to function 'reset_timer'", "a/d.c:9"),
                Finding("old", "'old' is deprecated", "a/d.c:10", error=False))
    assert render([
        Row("testing", "linux-headers-7.9", "7.9.1-1", findings, log="build/log"),
        Row("testing", "qemu", "1:12.0+ds-1", why="not configured: glib is too old", log="b/c"),
        Row("unstable", "linux-headers-7.9", "7.9.2-1", log="build/log"),
        Row("unstable", "qemu", "1:12.0+ds-1", same_as="testing"),
    ]) == """\
suite     package            version      result
testing   linux-headers-7.9  7.9.1-1      3 errors, 1 warning
    reset_timer
        a/b.c:7: too few arguments to function 'reset_timer'
        a/d.c:9: too many arguments to function 'reset_timer'
    TCP_GONE
        a/c.c:8: 'TCP_GONE' undeclared
    old
        a/d.c:10: warning: 'old' is deprecated
    all of it: build/log
testing   qemu               1:12.0+ds-1  not configured: glib is too old
    all of it: b/c
unstable  linux-headers-7.9  7.9.2-1      builds
unstable  qemu               1:12.0+ds-1  the same version as in testing
"""


def test_table_is_bounded() -> None:
    findings = tuple(Finding(f"symbol{number % 100}", "x" * 1000, f"a.c:{number}")
                     for number in range(10000))
    lines = render([Row("testing", "qemu", "1", findings)]).splitlines()
    assert lines[1].endswith("10000 errors")
    assert len(lines) == 2 + SYMBOLS * (1 + PLACES + 1) + 1
    assert lines[7] == f"        and {100 - PLACES} more places"
    assert lines[-1] == f"    and {100 - SYMBOLS} more symbols"
    assert max(map(len, lines)) < WIDTH + 30


@pytest.mark.parametrize(("version", "patch"), [
    ("1:10.0.13+ds-1", "10.0"), ("1:10.2.1+ds-1", "10.0"), ("1:11.1.3+ds-1", "11.1"),
    ("1:12.0.0~rc1+ds-1", "11.1"), ("1:9.2.0+ds-1", "10.0"),
])
def test_newest_patch_that_is_not_newer(version: str, patch: str) -> None:
    assert qemu.overlay_patch(version).name == f"{patch}.patch"


def test_options_are_those_of_the_ordinary_build() -> None:
    assert "--target-list=x86_64-softmmu" in qemu.options()
    assert all(option.startswith("--") for option in qemu.options())


def test_hunk_that_does_not_fit(tmp_path: Path) -> None:
    """Its line in our patch is told."""
    patch = qemu.OVERLAY / "11.1.patch"
    lines = patch.read_text().splitlines()
    (tmp_path / "hw/net").mkdir(parents=True)
    (tmp_path / "hw/net/meson.build").write_text("nothing that it knows\n" * 100)
    said = subprocess.run(["patch", "-p1", "-f", "--no-backup-if-mismatch", "-r", "-", "-d",
                           str(tmp_path), "-i", str(patch)], capture_output=True, text=True,
                          timeout=SECONDS).stdout
    found = {finding.symbol: finding.place for finding in qemu.hunks(said, patch)}
    file, _, number = found["hw/net/meson.build"].rpartition(":")
    assert file == "qemu-device/overlay/11.1.patch"
    assert lines[int(number) - 1].startswith("@@ ")
    assert lines[int(number) - 2] == "+++ b/hw/net/meson.build"


# In private-apt's place: the same versions in both suites, of headers whose Makefile says what a
# compiler would, and of a QEMU that is not content with this host; a newer one is only listed.
ARCHIVE = """#!/bin/sh
set -e
echo "$CHIMNEY_APT_SUITE $*" >>"$(dirname "$0")/asked"
case $* in
update) ;;
list*) echo "linux-image-7.9-cloud-amd64 7.9.1-1 $CHIMNEY_APT_SUITE" ;;
depends*) echo "linux-headers-7.9-common linux-kbuild-7.9" ;;
versions*) printf '1:12.1.0+ds-1\\n1:12.0.0+ds-1\\n' ;;
*meson) mkdir -p "$2" ;;
source*12.1*)
    echo "E: Failed to fetch http://archive/q/qemu_12.1.dsc  404  Not Found [IP: 192.0.2.1 80]"
    echo "private-apt: apt could not fetch: $2"
    exit 1
    ;;
source*)
    mkdir -p "$3/configs/devices/x86_64-softmmu"
    echo '#!/bin/sh' >"$3/configure"
    echo 'echo "../meson.build:9:1: ERROR: glib is too old"; exit 1' >>"$3/configure"
    chmod +x "$3/configure"
    ;;
unpack*)
    headers=$2/usr/src/linux-headers-7.9-cloud-amd64
    mkdir -p "$headers/include/config" "$2/usr/lib/modules/7.9-cloud-amd64"
    echo 'include /usr/src/linux-headers-7.9-cloud-amd64/rest.mk' >"$headers/Makefile"
    printf 'modules:\\n\\t@echo "main.c:7:2: error: implicit declaration of function '"'f'"'"\\n' \\
        >"$headers/rest.mk"
    printf '\\t@echo "MAKEFLAGS: $(MAKEFLAGS)"; exit 1\\n' >>"$headers/rest.mk"
    touch "$headers/include/config/auto.conf"
    for name in build source; do
        ln -s /usr/src/linux-headers-7.9-cloud-amd64 "$2/usr/lib/modules/7.9-cloud-amd64/$name"
    done
    ;;
esac
"""


@pytest.fixture
def archive(copy: Path) -> Iterator[Callable[[str], Path]]:
    """Put a program in private-apt's place; returns where it notes what it is asked."""
    setup = copy / "harness" / "setup"
    before = (setup / "private-apt").read_text()

    def replace(text: str) -> Path:
        (setup / "private-apt").write_text(text)
        return setup / "asked"
    yield replace
    (setup / "private-apt").write_text(before)
    (setup / "asked").unlink(missing_ok=True)


def test_what_breaks_is_printed_and_fails_nothing(call: Call, copy: Path,
                                                  archive: Callable[[str], Path]) -> None:
    """A version that both suites have is tried once, and one that is there is not fetched again."""
    asked = archive(ARCHIVE)
    for fetched in (True, False):
        asked.unlink(missing_ok=True)
        done = call(TOMORROW)
        assert done.returncode == 0, done
        assert re.sub(r"(patch):[0-9]+:", r"\1:N:", done.stdout) == """\
suite     package                        version        result
testing   linux-headers-7.9-cloud-amd64  7.9.1-1        1 error
    f
        guest-driver/main.c:7: implicit declaration of function 'f'
    all of it: build/tomorrow/testing/driver/build.log
testing   qemu                           1:12.0.0+ds-1  not configured: glib is too old
    in place of 1:12.1.0+ds-1, not fetched: qemu_12.1.dsc: 404 Not Found
    hw/net/Kconfig
        qemu-device/overlay/11.1.patch:N: there is no such file
    hw/net/meson.build
        qemu-device/overlay/11.1.patch:N: there is no such file
    meson.build
        qemu-device/overlay/11.1.patch:N: there is no such file
    pythondeps.toml
        qemu-device/overlay/11.1.patch:N: there is no such file
    all of it: build/tomorrow/testing/qemu/configure.log
unstable  linux-headers-7.9-cloud-amd64  7.9.1-1        the same version as in testing
unstable  qemu                           1:12.1.0+ds-1  the same version as in testing
"""
        assert (copy / "build/tomorrow/table").read_text() == done.stdout
        lines = asked.read_text().splitlines()
        assert {line.split()[0] for line in lines} == {"testing", "unstable"}
        assert any(" unpack " in line for line in lines) is fetched
    log = (copy / "build/tomorrow/testing/driver/build.log").read_text()
    assert "k" in log.split("MAKEFLAGS: ")[1].split()[0]  # goes on behind an error


def test_without_an_archive_it_is_one_sentence(call: Call, archive: Callable[[str], Path]) -> None:
    archive("#!/bin/sh\necho 'Err:1 no route'\necho 'private-apt: no lists' >&2\nexit 1\n")
    done = call(TOMORROW)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == "tomorrow: nothing could be tried: private-apt: no lists"


# In apt's place: a program that knows where Debian is, and three versions of a source package.
APT = """#!/bin/sh
case $* in
*indextargets*) echo "Debian|bookworm|http://archive/"; echo "Debian|trixie|http://archive/" ;;
*showsrc*) printf 'Package: x\\nVersion: %s\\n' 1:9.2-1 1:12.0~rc1-1 1:12.0-1 ;;
esac
"""


@pytest.fixture
def private_apt(tmp_path: Path) -> Callable[..., str]:
    """Run private-apt in a repository of its own, for a suite."""
    setup = tmp_path / "harness" / "setup"
    setup.mkdir(parents=True)
    for name in ("private-apt", "lib.sh"):
        (setup / name).write_text((SETUP / name).read_text())
    (tmp_path / "bin").mkdir()
    for name in ("apt-get", "apt-cache"):
        (tmp_path / "bin" / name).write_text(APT)
        (tmp_path / "bin" / name).chmod(0o755)
    path = f"{tmp_path}/bin:{os.environ['PATH']}"

    def run(suite: str, *words: str) -> str:
        return subprocess.run(["sh", setup / "private-apt", *words], check=True, text=True,
                              env={**os.environ, "PATH": path, "CHIMNEY_APT_SUITE": suite},
                              timeout=SECONDS, stdout=subprocess.PIPE).stdout
    return run


@pytest.mark.parametrize("suite", ["testing", "unstable", ""])
def test_suites_are_apart(suite: str, private_apt: Callable[..., str], tmp_path: Path) -> None:
    """Neither do other builds' lists have testing or unstable, nor theirs anything else."""
    private_apt(suite, "update")
    found = list(tmp_path.rglob("*.sources"))
    assert [file.parents[1].relative_to(tmp_path / "build") for file in found] == [
        Path("tomorrow/apt", suite) if suite else Path("apt")]
    suites = {word for line in found[0].read_text().splitlines() if line.startswith("Suites: ")
              for word in line.split()[1:]}
    if suite:
        assert suites == {suite}
    else:
        assert "trixie" in suites and not suites & {"testing", "unstable", "sid"}


def test_versions_begin_with_the_highest(private_apt: Callable[..., str]) -> None:
    assert private_apt("testing", "versions", "x").split() == [
        "1:12.0-1", "1:12.0~rc1-1", "1:9.2-1"]


def test_no_other_suite_is_tomorrow() -> None:
    done = subprocess.run([SETUP / "private-apt", "update"], capture_output=True, text=True,
                          timeout=SECONDS, env={**os.environ, "CHIMNEY_APT_SUITE": "trixie"})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == ("private-apt: CHIMNEY_APT_SUITE is 'trixie'; it may be testing or "
                           "unstable\n")


def test_make_does_not_pass_it_on() -> None:
    """A variable that was left in a shell gives no other build packages of unstable."""
    done = subprocess.run(["make", "-f", "-", "-f", "Makefile", "told"], cwd=paths.TOP, text=True,
                          input='told:\n\t@echo "<$$CHIMNEY_APT_SUITE>"\n', capture_output=True,
                          timeout=SECONDS, env={**os.environ, "CHIMNEY_APT_SUITE": "unstable"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "<>\n", "")


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_what_testing_and_unstable_break() -> None:
    """The real archive: a row for each suite and package. What breaks is a warning in pytest's
    summary, because it is no fault of the commit that is tested.
    """
    done = subprocess.run(["nice", paths.TOP / TOMORROW], capture_output=True, text=True,
                          timeout=7100, stdin=subprocess.DEVNULL)
    if done.returncode == 1 and "nothing could be tried" in done.stderr:
        pytest.skip(done.stderr.splitlines()[-1])
    assert done.returncode == 0, done.stderr
    rows = [line.split(maxsplit=3) for line in done.stdout.splitlines()
            if not line.startswith(" ")]
    assert rows[0] == ["suite", "package", "version", "result"]
    assert [(suite, package.partition("-")[0]) for suite, package, *_ in rows[1:]] == [
        ("testing", "linux"), ("testing", "qemu"), ("unstable", "linux"), ("unstable", "qemu")]
    if not all(row[3] == "builds" or "same version" in row[3] for row in rows[1:]):
        warnings.warn(f"make tomorrow:\n{done.stdout}", stacklevel=1)
