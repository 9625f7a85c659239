"""The rules profiles that come with meshdl."""

from importlib.resources import files

from meshdl.errors import ConfigError
from meshdl.radio.profile import Profile, parse


def names() -> list[str]:
    """Of the profiles here."""
    listed = files(__name__).iterdir()
    return sorted(one.name.removesuffix(".toml") for one in listed if one.name.endswith(".toml"))


def load(name: str) -> Profile:
    """Read one of them.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in names():
        raise ConfigError(
            "radio.rules",
            f"there are no rules named {name!r}; there are {', '.join(names())}, and a profile of "
            'your own is named by its file: rules = "my-country.toml"',
        )
    return parse(files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))
