"""The questions of ``meshdl radio setup``.

A question about equipment has what was found as its default. What the law asks the operator
to state has none, but for what he has stated already, or what his rig shows and he confirms;
an empty answer leaves it open, and the station receives only.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation

import click

from meshdl.cli.console import printable
from meshdl.errors import ConfigError
from meshdl.ids import callsign
from meshdl.radio import profiles
from meshdl.radio.declaration import Control, Sideband
from meshdl.station.home import Home
from meshdl.station.modem_address import (
    BIT_RATE_DEFAULT,
    KISS_MODES,
    MODE_DEFAULTS,
    DireWolf,
    KissSerial,
    KissTcp,
    ModemAddress,
    SoundCard,
    modes_to_set,
    parse_modem,
    parse_ptt,
)
from meshdl.station.radio.equipment import Equipment
from meshdl.station.radio_config import DIAL_HZ_MAX, RadioConfig
from meshdl.station.settings_edit import Value

Answers = dict[str, Value]

SIDEBAND_OF_MODE = {
    "USB": Sideband.USB, "PKTUSB": Sideband.USB, "LSB": Sideband.LSB, "PKTLSB": Sideband.LSB,
    "FM": Sideband.FM, "PKTFM": Sideband.FM, "FMN": Sideband.FM,
}  # fmt: skip
"""What a rig's mode, in Hamlib's words, is on the air."""

KISS_MODE_OF_RATE = {"1200": "afsk-1200", "9600": "g3ruh-9600"}
"""What an operator means by the rate alone."""


def mode_named(text: str) -> str:
    """The mode that an operator means."""
    return KISS_MODE_OF_RATE.get(text, text)


def ask(found: Equipment, given: Answers, stated: Mapping[str, Value], home: Home) -> Answers:
    """Ask for what is not given; every answer is checked at once.

    Args:
        found: what there is.
        given: by options.
        stated: what the file says already.
        home: of the station.
    """
    for line in found_lines(found):
        _say(line)
    questions = _Questions(given, stated)
    if "callsign" not in stated:
        questions.ask("callsign", "Callsign, as on your licence", check=callsign, means=str.upper)
    _ask_modem(questions, found)
    modem = parse_modem(str(questions.known("modem"))) if questions.known("modem") else None
    if modem is not None:
        _ask_mode(questions, modem)
    if isinstance(modem, SoundCard):
        _ask_sound(questions, found)
    if isinstance(modem, DireWolf):
        _ask_alsa(questions)
    _ask_rig(questions, found)
    if isinstance(modem, SoundCard | DireWolf):
        questions.ask("ptt", "What keys the radio: vox, rigctld, rts:DEVICE, dtr:DEVICE",
                      default=_ptt_default(questions), check=parse_ptt)  # fmt: skip
    _say("What the law asks you to state. Leave it empty, and the station only receives.")
    _ask_law(questions, home)
    _ask_tuning(questions, found)
    return questions.answers


def check_stated(answers: Mapping[str, Value], stated: Mapping[str, Value]) -> None:
    """A dial means nothing without its sideband: that is stated, not taken for granted.

    Raises:
        click.UsageError: it is not.
    """
    if "dial_hz" in answers and "sideband" not in {*answers, *stated}:
        raise click.UsageError(
            "--dial needs --sideband usb, lsb or fm: what is occupied depends on it"
        )


def found_lines(found: Equipment) -> Iterator[str]:
    """What was found, for people."""
    yield "Found:"
    for tnc in found.tncs:
        name = tnc.name or "something answers at the usual port of a TNC"
        yield f"  TNC          {tnc.modem}  ({name})"
    for rig in found.rigs:
        yield f"  rigctld      {rig.rigctld}  ({rig.dial_hz / 1e6:.6f} MHz, {rig.mode})"
    for port in found.serial_ports:
        yield f"  serial port  {port.device}  {f'({port.name})' if port.name else ''}".rstrip()
    for sound in found.sound_devices:
        both = {(True, True): "in and out", (True, False): "in", (False, True): "out"}
        yield f"  sound        {sound.name}  ({both.get((sound.hears, sound.plays), 'unused')})"
    if not (found.tncs or found.rigs or found.serial_ports or found.sound_devices):
        yield "  nothing"
    for problem in found.unseen:
        yield f"  not looked at: {problem}"


def hertz(text: str) -> int:
    """A dial in MHz, in Hz.

    Raises:
        click.UsageError: it is no frequency.
    """
    try:
        exact = Decimal(text) * 1_000_000
    except InvalidOperation:
        raise click.UsageError(f"--dial {text!r} is no number of MHz, like 14.103") from None
    if not exact.is_finite() or exact != exact.to_integral_value() or not 0 < exact <= DIAL_HZ_MAX:
        raise click.UsageError(f"--dial {text!r} MHz is no frequency in whole Hz")
    return int(exact)


class _Questions:
    """Asks on stderr, so that stdout has results only."""

    def __init__(self, given: Answers, stated: Mapping[str, Value]) -> None:
        self.answers = dict(given)
        self._stated = stated

    def known(self, name: str) -> Value | None:
        """By now: answered, or stated before."""
        return self.answers.get(name, self._stated.get(name))

    def ask(
        self,
        name: str,
        text: str,
        *,
        choices: Sequence[str] = (),
        default: str | None = None,
        may_be_empty: bool = False,
        check: Callable[[str], object] | None = None,
        means: Callable[[str], str] = str,
    ) -> None:
        """Ask until the answer is right, unless it is given.

        Args:
            name: of the setting.
            text: of the question.
            choices: the only right answers, in lower case; none: any that ``check`` takes.
            default: what an empty answer stands for, unless something was stated before.
            may_be_empty: leave it open.
            check: raises when an answer is wrong.
            means: what an answer stands for.
        """
        if name in self.answers:
            return
        stated = self._stated.get(name)
        offered = str(stated) if stated not in {None, ""} else default
        if offered is None and may_be_empty:
            offered = ""
        answer = click.prompt(
            f"{text} ({', '.join(choices)})" if choices else text,
            default=offered,
            show_default=bool(offered),
            err=True,
            value_proc=_checked(choices, check, means, may_be_empty=may_be_empty),
        )
        if answer != "" or stated is not None:
            self.answers[name] = answer


def _checked(
    choices: Sequence[str],
    check: Callable[[str], object] | None,
    means: Callable[[str], str],
    *,
    may_be_empty: bool,
) -> Callable[[str], str]:
    def proc(text: str) -> str:
        text = means(text.strip())
        if not text:
            if may_be_empty:
                return ""
            raise click.UsageError("an answer is needed")
        if choices:
            text = text.lower()
        if choices and text not in choices:
            raise click.UsageError(f"{text!r} is none of {', '.join(choices)}")
        if check is not None:
            try:
                check(text)
            except (ConfigError, ValueError) as error:
                raise click.UsageError(str(error)) from error
        return text

    return proc


def _ask_modem(questions: _Questions, found: Equipment) -> None:
    if "modem" in questions.answers:
        return
    choices = list(_modems(found))
    for number, modem in enumerate(choices, start=1):
        _say(f"  {number}  {modem}")

    def modem_of(text: str) -> str:
        if not text.isdecimal():
            return text
        if not 1 <= int(text) <= len(choices):
            raise click.UsageError(f"there is no number {text} in the list")
        return choices[int(text) - 1]

    questions.ask(
        "modem",
        "Modem: a number, or kiss-tcp:HOST:PORT, kiss-serial:DEVICE@RATE, direwolf, freedv, "
        "wav:DIRECTORY",
        default="1" if choices else None,
        check=parse_modem,
        means=modem_of,
    )


def _modems(found: Equipment) -> Iterator[str]:
    yield from (tnc.modem for tnc in found.tncs)
    if any(sound.hears for sound in found.sound_devices):
        yield "freedv"
    yield from (f"kiss-serial:{port.device}@{BIT_RATE_DEFAULT}" for port in found.serial_ports)


def _ask_mode(questions: _Questions, modem: ModemAddress) -> None:
    if isinstance(modem, KissTcp | KissSerial):
        questions.ask("mode", "How does the TNC modulate", choices=KISS_MODES, means=mode_named)
    elif isinstance(modem, DireWolf):
        questions.ask("mode", "How shall Dire Wolf modulate", choices=KISS_MODES,
                      default=MODE_DEFAULTS[DireWolf], means=mode_named)  # fmt: skip
    else:
        questions.ask("mode", "FreeDV mode to send in", choices=modes_to_set(modem),
                      default=MODE_DEFAULTS[type(modem)])  # fmt: skip


def _ask_sound(questions: _Questions, found: Equipment) -> None:
    for name, direction, plays in (
        ("audio_input", "hears", False),
        ("audio_output", "sends", True),
    ):
        devices = [one.name for one in found.sound_devices if (one.plays if plays else one.hears)]
        for device in devices:
            _say(f"  {device}")
        questions.ask(
            name,
            f"Sound device that {direction} the radio, part of its name (empty: the default one)",
            may_be_empty=True,
        )


def _ask_alsa(questions: _Questions) -> None:
    for name, direction, command in (
        ("audio_input", "hears", "arecord -l"),
        ("audio_output", "sends", "aplay -l"),
    ):
        questions.ask(
            name,
            f"Sound device that {direction} the radio, like plughw:1,0 as in {command} (empty: the "
            "default one)",
            may_be_empty=True,
            check=lambda text: text and RadioConfig(modem="direwolf", audio_input=text),
        )


def _ask_rig(questions: _Questions, found: Equipment) -> None:
    if found.rigs and questions.known("rigctld") is None:
        [rig, *_] = found.rigs
        if click.confirm(f"Use rigctld at {rig.rigctld}", default=True, err=True):
            questions.answers["rigctld"] = rig.rigctld


def _ptt_default(questions: _Questions) -> str:
    return "rigctld" if questions.known("rigctld") else "vox"


def _ask_law(questions: _Questions, home: Home) -> None:
    def rules(text: str) -> object:
        return RadioConfig(rules=text).declaration(callsign("N0CALL"), home.directory)

    questions.ask(
        "rules",
        f"Rules that you transmit under ({', '.join(profiles.names())}, or a .toml file)",
        may_be_empty=True,
        check=rules,
    )
    named = str(questions.known("rules") or "")
    if not named:
        _say("No rules: the station only receives, and what they ask for is not asked.")
        return
    profile = RadioConfig(rules=named).declaration(callsign("N0CALL"), home.directory).profile
    assert profile is not None  # it was checked
    questions.ask("licence_class", "Licence class of the control operator",
                  choices=profile.classes, may_be_empty=True)  # fmt: skip
    questions.ask("control", "Control: at the rig, by a link, or unattended",
                  choices=[one.value for one in Control], may_be_empty=True)  # fmt: skip
    questions.ask("control_operator", "Control operator, if it is not the licensee",
                  may_be_empty=True, check=callsign, means=str.upper)  # fmt: skip


def _ask_tuning(questions: _Questions, found: Equipment) -> None:
    rig = found.rigs[0] if found.rigs else None
    stated = questions.known("dial_hz")
    if "dial_hz" not in questions.answers:
        shown = rig.dial_hz if rig is not None else stated
        text = f", the rig shows {rig.dial_hz / 1e6:.6f}" if rig is not None else ""
        answer = click.prompt(
            f"Dial in MHz{text}",
            default=f"{int(shown) / 1e6:.6f}" if shown is not None else "",
            show_default=shown is not None,
            err=True,
            value_proc=lambda answer: hertz(answer.strip()) if answer.strip() else None,
        )
        if answer is not None:
            questions.answers["dial_hz"] = answer
    if questions.known("dial_hz") is not None:
        sideband = SIDEBAND_OF_MODE.get(rig.mode) if rig is not None else None
        questions.ask(
            "sideband",
            "Sideband",
            choices=[one.value for one in Sideband],
            default=sideband.value if sideband is not None else None,
        )


def _say(line: str) -> None:
    click.echo(printable(line), err=True)
