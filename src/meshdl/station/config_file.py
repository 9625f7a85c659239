"""The file of the settings, ``config.toml``: read, and written for a new station."""

import tomllib
from pathlib import Path

from meshdl.errors import ConfigError, FileUnreadable
from meshdl.ids import Callsign
from meshdl.station.config import StationConfig, grid_locator

CONFIG_MAX_OCTETS = 65_536


def load(path: Path) -> StationConfig:
    """Read ``config.toml``.

    Raises:
        ConfigError: there is none, or it is no TOML, or a setting is wrong.
        FileUnreadable: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            octets = file.read(CONFIG_MAX_OCTETS + 1)
    except FileNotFoundError:
        raise ConfigError(
            "config.toml",
            f"there is none in {path.parent}; make one with: meshdl init --callsign YOURCALL",
        ) from None
    except OSError as error:
        raise FileUnreadable(f"cannot read {path} ({error.strerror})") from error
    if len(octets) > CONFIG_MAX_OCTETS:
        raise ConfigError("config.toml", f"{path} is longer than {CONFIG_MAX_OCTETS} octets")
    try:
        document = tomllib.loads(octets.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError("config.toml", f"{path} is no TOML: {error}") from error
    try:
        return StationConfig.from_mapping(document)
    except ConfigError as error:
        reason = str(error).removeprefix(f"{error.setting}: ")
        raise ConfigError(error.setting, f"{reason} (in {path})") from error


def template(*, call: Callsign, grid: str | None) -> str:
    """The commented ``config.toml`` that ``meshdl init`` writes.

    Raises:
        ConfigError: ``grid`` is no locator.
    """
    locator = f'grid = "{grid_locator(grid)}"' if grid is not None else '# grid = "FN42"'
    return _TEMPLATE.format(callsign=call, locator=locator)


_TEMPLATE = """\
# Settings of this meshdl station. A key that stands behind "#" shows its default.
# An unknown key is an error. After a change, restart the station; for [radio] alone
# `meshdl radio reload` is enough.

[station]
# As on your licence; an SSID may follow, as in KA1ABC-7.
callsign = "{callsign}"
# Maidenhead locator, told to other stations.
{locator}
# download_directory = "~/Meshdl"

[lan]
# Stations on the local network find each other by mDNS, with no server.
# enabled = true
# TCP port; without this line 7373, or any free one if that is taken.
# port = 7373
# Addresses or interface names to use; an empty list means all.
# interfaces = []
# max_links = 64
# Use 127.0.0.1 too: several stations on one machine that has no network.
# allow_loopback = false

[internet]
# Stations far away are found through signalling servers, as "wss://signal.example.org";
# without one only by way of peers.
# servers = []
# Rooms to be in. The passphrase of a closed one stands in rooms/NAME.passphrase here.
# rooms = ["cq"]
# max_links = 64
# PEM file of the authorities that wss: servers must be certified by, or of the server's own
# certificate; without one those that this system trusts.
# ca_file = ""
# Hear of peers who else has what is wanted, and meet them by way of these peers.
# peer_exchange = true

# [radio]
# Without this table there is no radio. Nothing is transmitted until the next four are set,
# as your licence says; see docs/reference/radio-rules.md.
#   rules = "us-part97"
#   licence_class = "general"
# "local" or "remote" when you attend the station, "automatic" when nobody does.
#   control = "local"
#   dial_hz = 14103000
# sideband = "usb"
# Who is in charge, if it is not the licensee.
#   control_operator = "KA1ABC"
# Longest burst, airtime in any hour, share of any ten minutes.
# burst_max_s = 30
# airtime_s_per_hour = 900
# duty_cycle_max = 0.5
# Silence of routine and welfare traffic after emergency traffic, seconds.
# hold_off_s = 60
# Contents up to this size, and of this precedence at least, are sent when somebody asks.
# share_max_octets = 262144
# share_precedence = "routine"
# Room for what others sent and nobody here asked for.
# overheard_octets_max = 67108864
# Peak deviation in FM; transmitter power, for the log.
# deviation_hz = 5000
# power_w = 0
# Tell a logger of every contact: a UDP port of this machine, or HOST:PORT.
#   adif_udp = "2237"
# The modem: "kiss-tcp:HOST:PORT", "kiss-serial:DEVICE@RATE", "direwolf" (the sound card, by a
# Dire Wolf that the station runs), "freedv" (the sound card), or "wav:DIRECTORY"; `meshdl radio
# setup` finds what is there. How a TNC modulates must be said.
#   modem = "kiss-tcp:127.0.0.1:8001"
#   mode = "afsk-1200"
# What keys the radio of a sound card: "vox", "rigctld", "rts:DEVICE", "dtr:DEVICE". With a
# rigctld, dial and sideband are the rig's.
# ptt = "vox"
#   rigctld = "127.0.0.1:4532"
# Part of the sound devices' names, with "direwolf" their names in ALSA; empty for the
# system's default.
# audio_input = ""
# audio_output = ""
# Of a TNC: its port, the longest payload of a frame, slots and persistence of its access.
# kiss_port = 0
# frame_octets = 256
# slot_time_ms = 50
# persistence = 0.5
# From keying to the first flag or sound, and from the last one to unkeying.
# txdelay_ms = 300
# txtail_ms = 50

[limits]
# Octets a second, 0 for no limit. The local network is exempt.
# upload_octets_per_s = 0
# download_octets_per_s = 0
# Peers served at the same time.
# upload_slots = 8

[control]
# Port of the control API on 127.0.0.1; 0 for any free one.
# port = 0
"""
