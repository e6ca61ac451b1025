# SPDX-License-Identifier: GPL-2.0-or-later
"""What is measured: devices, kinds of run, and each metric with how it follows from a sample.

A metric belongs to a probe: one kind of VM (timed, or counted with the plugin), one wire, one order
for the load program. Whoever wants some metrics runs only the probes that they need.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import WrongUse

BASE = "virtio-net-pci"
MB = 1e6
TIMED, COUNTED = "timed", "counted"
TAP, NO_TSO = "tap", "no-tso"
SEND, RECV, RR = "send", "recv", "rr"
RR_BYTES = 64


@dataclass(frozen=True)
class Device:
    """A row of the table: a card, and whether its connections are handed over to it."""

    name: str
    model: str
    offload: bool = False


DEVICES = {device.name: device for device in (
    Device("chimney", "chimney", offload=True), Device("chimney-nic", "chimney"),
    Device(BASE, BASE), Device("igb", "igb"), Device("e1000e", "e1000e"),
    Device("vmxnet3", "vmxnet3"))}


@dataclass(frozen=True)
class Probe:
    """What is run: metrics of the same probe come from the same run."""

    mode: str
    wire: str
    order: str


@dataclass
class Sample:
    """What one run of a probe with one device gave; None is what this device does not tell."""

    amount: float
    seconds: float
    irqs: float
    vcpu_ns: float
    device_ns: float
    peer_ns: float
    p50_us: float | None = None
    p99_us: float | None = None
    doorbells: float | None = None
    insns: float | None = None
    accesses: float | None = None
    share: float | None = None


@dataclass(frozen=True)
class Metric:
    """One figure: amount below is megabytes of a bulk transfer, or requests."""

    name: str
    unit: str
    probe: Probe
    pick: Callable[[Sample], float | None]
    more_is_better: bool = False


def _per(field: str, scale: float = 1.0) -> Callable[[Sample], float | None]:
    def pick(sample: Sample) -> float | None:
        value = getattr(sample, field)
        return None if value is None else value * scale / sample.amount
    return pick


def _field(field: str) -> Callable[[Sample], float | None]:
    return lambda sample: getattr(sample, field)  # type: ignore[no-any-return]


def _costs(stem: str, per: str, wire: str, order: str) -> list[Metric]:
    """What a transfer costs guest, card and peer, by megabyte or by request."""
    timed, counted = Probe(TIMED, wire, order), Probe(COUNTED, wire, order)
    return [
        Metric(f"{stem}-insns", f"1/{per}", counted, _per("insns")),
        Metric(f"{stem}-accesses", f"1/{per}", counted, _per("accesses")),
        Metric(f"{stem}-irqs", f"1/{per}", timed, _per("irqs")),
        Metric(f"{stem}-doorbells", f"1/{per}", timed, _per("doorbells")),
        Metric(f"{stem}-vcpu", f"us/{per}", timed, _per("vcpu_ns", 1e-3)),
        Metric(f"{stem}-device", f"us/{per}", timed, _per("device_ns", 1e-3)),
        Metric(f"{stem}-peer", f"us/{per}", timed, _per("peer_ns", 1e-3)),
    ]


def _gigabits(sample: Sample) -> float:
    return sample.amount * MB * 8 / 1e9 / sample.seconds


def _all_metrics() -> list[Metric]:
    metrics = []
    for wire in (TAP, NO_TSO):
        for order in (SEND, RECV):
            stem = f"{order}-{wire}"
            metrics.append(Metric(stem, "Gbit/s", Probe(TIMED, wire, order), _gigabits, True))
            metrics += _costs(stem, "MB", wire, order)
    probe = Probe(TIMED, TAP, RR)
    metrics += [Metric("rr-p50", "us", probe, _field("p50_us")),
                Metric("rr-p99", "us", probe, _field("p99_us"))]
    return metrics + _costs("rr", "request", TAP, RR)


METRICS = {metric.name: metric for metric in _all_metrics()}
MAIN = [name for name, metric in METRICS.items()
        if metric.more_is_better or metric.unit == "us"]


def pick_devices(text: str | None) -> list[Device]:
    """The devices of a comma-separated list; the base of all ratios is always among them."""
    if text is None:
        return list(DEVICES.values())
    names = [name for name in text.split(",") if name]
    for name in names:
        if name not in DEVICES:
            raise WrongUse(f"--devices: {name} is unknown; there are {', '.join(DEVICES)}.")
    if not names:
        raise WrongUse("--devices names no device.")
    return [device for device in DEVICES.values() if device.name in {*names, BASE}]


def pick_metrics(text: str | None) -> list[Metric]:
    """The metrics of a comma-separated list; a name that ends in * means all that begin so."""
    if text is None:
        return list(METRICS.values())
    chosen: set[str] = set()
    for word in filter(None, text.split(",")):
        found = {name for name in METRICS
                 if name == word or (word.endswith("*") and name.startswith(word[:-1]))}
        if not found:
            raise WrongUse(f"--metrics: {word} is unknown; there are {', '.join(METRICS)}.")
        chosen |= found
    if not chosen:
        raise WrongUse("--metrics names no metric.")
    return [metric for metric in METRICS.values() if metric.name in chosen]


def probes_of(metrics: Sequence[Metric]) -> list[Probe]:
    """The probes that the metrics need, in a fixed order, those of the same VMs together."""
    wanted = {metric.probe for metric in metrics}
    return [Probe(mode, wire, order) for mode in (TIMED, COUNTED) for wire in (TAP, NO_TSO)
            for order in (SEND, RECV, RR) if Probe(mode, wire, order) in wanted]
