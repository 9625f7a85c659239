"""Where a station lives, and that it lives there alone."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from meshdl.errors import ConfigError, FileUnreadable, HomeInUse
from meshdl.station.home import Home, locate


def test_the_option_goes_before_the_variable_and_that_before_the_platform(tmp_path: Path) -> None:
    environ = {"MESHDL_HOME": str(tmp_path / "variable"), "XDG_DATA_HOME": str(tmp_path / "xdg")}
    assert locate(tmp_path / "option", environ).directory == tmp_path / "option"
    assert locate(None, environ).directory == tmp_path / "variable"


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="XDG is for the others")
def test_xdg_says_where_data_is(tmp_path: Path) -> None:
    assert locate(None, {"XDG_DATA_HOME": str(tmp_path)}).directory == tmp_path / "meshdl"
    default = Path.home() / ".local" / "share" / "meshdl"
    assert locate(None, {}).directory == default
    assert locate(None, {"XDG_DATA_HOME": "relative"}).directory == default


def test_a_home_is_absolute_and_knows_the_tilde() -> None:
    assert locate("here", {}).directory == Path.cwd() / "here"
    assert locate("~/there", {}).directory == Path.home() / "there"


def test_a_tilde_of_nobody_is_a_setting_to_change() -> None:
    with pytest.raises(ConfigError, match="give the whole path with --home"):
        locate("~nobody-here/station", {})


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_nobody_else_may_look_inside(tmp_path: Path) -> None:
    home = Home(tmp_path / "deep" / "home")
    home.create()
    home.create()
    assert stat.S_IMODE(home.directory.stat().st_mode) == 0o700


def test_a_home_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match="--home"):
        Home(tmp_path / "file" / "home").create()


def test_what_is_private_is_told_from_what_may_be_shared(tmp_path: Path) -> None:
    home = Home(tmp_path / "me" / "home")
    home.create()
    for name in ("overheard", "downloads", "rooms"):
        (home.directory / name).mkdir()
    home.key_file.write_text("secret")
    private = [home.directory, tmp_path / "me", tmp_path, home.key_file, home.directory / "gone"]
    private += [home.rooms_directory, home.rooms_directory / "x", home.contents_directory / "x"]
    assert all(map(home.private, private))
    shareable = [tmp_path / "me" / "files", tmp_path / "me" / "homeward", tmp_path / "other"]
    shareable += [home.overheard_directory / "map", home.directory / "downloads"]
    assert not any(map(home.private, shareable))


def test_a_second_station_is_told_who_is_there(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.lock(), pytest.raises(HomeInUse, match=f"process {os.getpid()}"):
        home.lock()


def test_the_home_is_free_again_afterwards(tmp_path: Path) -> None:
    home = Home(tmp_path)
    lock = home.lock()
    lock.close()
    lock.close()
    home.lock().close()


def test_a_process_that_died_leaves_the_home_free(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from meshdl.station.home import Home;"
        "lock = Home(Path(sys.argv[1])).lock(); os._exit(9)"
    )
    died = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert died.returncode == 9
    Home(tmp_path).lock().close()


def test_a_home_that_is_not_there_cannot_be_locked(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match="meshdl init"):
        Home(tmp_path / "nowhere").lock()
