"""What the server tells of itself: Prometheus' text format, and a verdict for a balancer."""

from meshdl.signalling.server import SignallingServer

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(core: SignallingServer) -> str:
    """All metrics; their names are listed in ``docs/reference/signalling-server.md``."""
    lines: list[str] = []
    gauges = (
        ("sockets", "WebSockets that are open.", core.sockets),
        ("stations", "Stations that have proved who they are.", core.stations),
        ("rooms", "Rooms with somebody in them.", core.rooms),
        ("pins", "Callsigns whose key is remembered.", len(core.pins)),
        ("siblings", "Other processes of this server that are heard.", core.siblings),
        ("remote_stations", "Stations that are connected to them.", core.remote_stations),
    )
    for name, help_text, value in gauges:
        lines += _head(name, "gauge", help_text)
        lines.append(f"meshdl_signal_{name} {value}")
    for name, help_text in (
        ("messages", "Messages that stations sent."),
        ("relayed", "Signals handed to a station here."),
        ("carried", "Signals handed to another process of this server."),
        ("bus_unreadable", "Messages from Redis that no process of this server sends."),
    ):
        lines += _head(f"{name}_total", "counter", help_text)
        lines.append(f"meshdl_signal_{name}_total {core.counts[name]}")
    lines += _head("refused_total", "counter", "What was refused, by code.")
    for name, count in sorted(core.counts.items()):
        kind, _, code = name.partition(" ")
        if kind == "refused":
            lines.append(f'meshdl_signal_refused_total{{code="{code}"}} {count}')
    return "\n".join(lines) + "\n"


def _head(name: str, kind: str, help_text: str) -> list[str]:
    return [f"# HELP meshdl_signal_{name} {help_text}", f"# TYPE meshdl_signal_{name} {kind}"]
