"""Train the dictionary for the air, and write ``src/meshdl/radio/air_dictionary.py``.

The dictionary is part of the protocol: a new one is a new codec in ``radio/forms.py``, and
the old one stays. So this ran once; what it makes is compared with what is shipped in
``tests/unit/tools/test_air_dictionary.py``.
"""

import base64
import hashlib
import sys
from pathlib import Path

import zstandard

from tools.air_texts import KINDS, TRAINING, texts

DICTIONARY_OCTETS = 8192
"""With 4 KiB a bulletin takes three symbols more; 16 KiB save nothing more."""

DICTIONARY_ID = 47_001
"""In zstd's private range (32,768 to 2^31 - 1); frames on the air leave it out."""

TARGET = Path(__file__).parents[1] / "src" / "meshdl" / "radio" / "air_dictionary.py"

_PAGE = '''"""The dictionary that short texts are compressed with on the air (codec 2).

8192 octets in base 85, made once by ``tools/train_air_dictionary.py`` from the texts of
``tools/air_texts.py``, with libzstd 1.5.7. It never changes: another one is another codec.
``docs/protocol/erasure.md`` describes it.
"""

import base64

SHA256 = "{digest}"
"""Its name: whoever has octets with this hash has the dictionary."""

OCTETS = base64.b85decode(
{lines}
)
'''


def trained() -> bytes:
    """The dictionary, the same octets every time."""
    samples: list[bytes | bytearray | memoryview] = [
        text for kind in KINDS for text in texts(kind, TRAINING, seed=1, count=60)
    ]
    made = zstandard.train_dictionary(DICTIONARY_OCTETS, samples, level=19, dict_id=DICTIONARY_ID)
    return made.as_bytes()


def page(octets: bytes) -> str:
    """The module that carries it."""
    text = base64.b85encode(octets).decode("ascii")
    lines = "\n".join(f'    b"{text[at : at + 80]}"' for at in range(0, len(text), 80))
    return _PAGE.format(digest=hashlib.sha256(octets).hexdigest(), lines=lines)


if __name__ == "__main__":
    TARGET.write_text(page(trained()), encoding="utf-8")
    sys.exit(0)
