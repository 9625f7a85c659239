"""Which libcodec2 is taken, and what is said when none will do."""

import pytest

from meshdl.errors import ModemUnavailable
from meshdl.transports.modems import codec2
from meshdl.transports.modems.codec2 import Codec2, Waveform, load


def test_the_library_of_the_wheel_comes_first() -> None:
    assert "pycodec2" in load().path
    assert load().api_version >= 15
    assert "libcodec2" in str(load())


def test_an_old_library_is_refused_by_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    path = load().path
    monkeypatch.setattr(codec2, "API_VERSION_MIN", 1_000)
    with pytest.raises(ModemUnavailable, match=r"has version 1.* and 1000 is needed"):
        Codec2(path)


@pytest.mark.parametrize("path", ["/nonexistent/libcodec2.so", "libm.so.6"])
def test_what_is_no_libcodec2_is_said_to_be_none(path: str) -> None:
    with pytest.raises(ModemUnavailable, match="cannot be used as libcodec2"):
        Codec2(path)


def test_without_a_library_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec2, "_candidates", lambda: iter(["/nonexistent/libcodec2.so"]))
    with pytest.raises(ModemUnavailable, match=r"pip install 'meshdl\[freedv\]'"):
        load.__wrapped__()


def test_a_mode_that_the_library_lacks_is_named() -> None:
    with pytest.raises(ModemUnavailable, match="no FreeDV mode 4242"):
        Waveform(load(), 4242)


def test_closing_twice_is_harmless() -> None:
    waveform = Waveform(load(), 14)
    waveform.close()
    waveform.close()
