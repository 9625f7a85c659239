"""Would a release install everywhere? ``make release-check`` asks before anyone else does.

1. An sdist and a wheel are built, the wheel from the sdist, so that the sdist is whole.
2. The wheel is installed in a fresh environment, with the locked dependencies, and run.
3. For every platform and Python that we promise, every locked runtime dependency is
   downloaded as a wheel and its hash compared: nobody needs a compiler.
"""

import itertools
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "runtime.txt"
PYTHONS = ("3.11", "3.12", "3.13")
GLIBC_MINOR_MIN = 17
"""manylinux2014, the oldest that anybody still builds for."""

IN_SDIST = ("LICENSE", "README.md", "pyproject.toml", "src/meshdl/py.typed")
IN_WHEEL = ("meshdl/py.typed", "meshdl/cli/main.py")


class ReleaseFault(Exception):
    """A release made now would be broken; the message says how."""


@dataclass(frozen=True, slots=True)
class Platform:
    """A kind of machine that meshdl promises to install on.

    Attributes:
        name: for people.
        tags: wheel tags that its pip takes, best first.
        markers: what environment markers (PEP 508) see there.
    """

    name: str
    tags: tuple[str, ...]
    markers: dict[str, str]


def _linux(name: str, machine: str, glibc_minor: int) -> Platform:
    minors = range(glibc_minor, GLIBC_MINOR_MIN - 1, -1)
    return Platform(
        name,
        (*(f"manylinux_2_{minor}_{machine}" for minor in minors), f"manylinux2014_{machine}"),
        {
            "sys_platform": "linux",
            "platform_system": "Linux",
            "os_name": "posix",
            "platform_machine": machine,
        },
    )


PLATFORMS = (
    _linux("Linux x86_64, glibc 2.36", "x86_64", 36),
    _linux("Linux aarch64, glibc 2.36 (Raspberry Pi OS 64 bit)", "aarch64", 36),
    Platform(
        "macOS 14 arm64",
        ("macosx_14_0_arm64",),
        {
            "sys_platform": "darwin",
            "platform_system": "Darwin",
            "os_name": "posix",
            "platform_machine": "arm64",
        },
    ),
    Platform(
        "Windows amd64",
        ("win_amd64",),
        {
            "sys_platform": "win32",
            "platform_system": "Windows",
            "os_name": "nt",
            "platform_machine": "AMD64",
        },
    ),
)


@dataclass(frozen=True, slots=True)
class Locked:
    """One line of a lock file."""

    requirement: Requirement
    hashes: tuple[str, ...]

    def applies_to(self, platform: Platform, python: str) -> bool:
        """Whether that platform installs it at all."""
        if self.requirement.marker is None:
            return True
        environment = {
            **platform.markers,
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
            "python_full_version": f"{python}.0",
            "python_version": python,
        }
        return self.requirement.marker.evaluate(environment)

    def line(self) -> str:
        """As pip reads it, without the marker, which pip would ask of this machine."""
        pin = f"{self.requirement.name}{self.requirement.specifier}"
        return " ".join((pin, *(f"--hash={one}" for one in self.hashes)))


def read_lock(text: str) -> list[Locked]:
    """Parse what ``make lock`` writes."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        requirement, *hashes = line.split("--hash=")
        if requirement.strip():
            found.append(Locked(Requirement(requirement), tuple(one.strip() for one in hashes)))
    return found


def missing_wheel(platform: Platform, python: str, locked: Sequence[Locked], room: Path) -> str:
    """Download wheels for a platform; what pip says when one is missing, else nothing."""
    wanted = room / "wanted.txt"
    wanted.write_text(
        "\n".join(one.line() for one in locked if one.applies_to(platform, python)) + "\n"
    )
    tags = [f"--platform={tag}" for tag in platform.tags]
    done = subprocess.run(
        [
            sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet",
            "--no-deps", "--require-hashes", "--only-binary=:all:", "--implementation=cp",
            f"--python-version={python}", *tags, f"--requirement={wanted}",
            f"--dest={room / 'wheels'}",
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")]
    return lines[-1] if lines else done.stderr


def build(out: Path) -> Path:
    """Build sdist and wheel, look inside; return the wheel."""
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT))
    [sdist], [wheel] = out.glob("*.tar.gz"), out.glob("*.whl")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    _demand(sdist, names, IN_SDIST)
    with zipfile.ZipFile(wheel) as archive_of_wheel:
        names = set(archive_of_wheel.namelist())
    _demand(wheel, names, IN_WHEEL)
    strangers = sorted({name.partition("/")[0] for name in names if not name.startswith("meshdl")})
    if strangers:
        raise ReleaseFault(f"{wheel.name} would install {', '.join(strangers)} too")
    return wheel


def try_wheel(wheel: Path, room: Path) -> str:
    """Install the wheel with its locked dependencies in a fresh environment; its version.

    A radio is set up there, too: rules are data, and what the radio needs comes late.
    """
    venv.create(room, with_pip=True)
    bin_directory = room / ("Scripts" if sys.platform == "win32" else "bin")
    python = str(bin_directory / "python")
    pip = (python, "-m", "pip", "--disable-pip-version-check")
    _run(*pip, "install", "--quiet", "--require-hashes", "--requirement", str(LOCK))
    _run(*pip, "install", "--quiet", "--no-deps", str(wheel))
    _run(*pip, "check")
    said = _run(str(bin_directory / "meshdl"), "--version").strip()
    if (version := wheel.name.split("-")[1]) not in said:
        raise ReleaseFault(f"{wheel.name} says {said!r} instead of {version}")
    verdict = _run(
        python, "-m", "meshdl", "--home", str(room / "home"), "radio", "setup",
        "--callsign", "N0CALL", "--modem", "kiss-tcp:127.0.0.1:8001", "--mode", "afsk-1200",
        "--rules", "us-part97", "--class", "technician", "--control", "local",
        "--dial", "145.05", "--sideband", "fm", "--listen", "0",
    )  # fmt: skip
    if "Verdict  LEGAL" not in verdict:
        raise ReleaseFault(f"{wheel.name} cannot set up a radio: {verdict}")
    return said


def _demand(archive: Path, names: set[str], wanted: Sequence[str]) -> None:
    if lacking := [name for name in wanted if name not in names]:
        raise ReleaseFault(f"{archive.name} lacks {', '.join(lacking)}")


def _run(*command: str) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tempfile.gettempdir()
    )
    if done.returncode:
        raise ReleaseFault(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> int:
    """Check everything; report each step in a line."""
    faults = 0
    locked = read_lock(LOCK.read_text())
    with tempfile.TemporaryDirectory(prefix="meshdl-release-") as name:
        room = Path(name)
        try:
            wheel = build(room / "dist")
            print(f"ok    built {wheel.name} from its sdist")
            print(f"ok    installed in a fresh environment: {try_wheel(wheel, room / 'venv')}")
        except ReleaseFault as fault:
            faults += 1
            print(f"FAULT {fault}")
        for platform, python in itertools.product(PLATFORMS, PYTHONS):
            said = missing_wheel(platform, python, locked, room)
            faults += bool(said)
            verdict = f"FAULT {said}" if said else "ok    wheels for"
            print(f"{verdict} {platform.name}, Python {python}", flush=True)
    print(f"{faults} faults" if faults else "a release would install everywhere")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
