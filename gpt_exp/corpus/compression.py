"""What gzip and xz make of the same text: the yardstick for a model's bits per byte."""

from __future__ import annotations

import lzma
import zlib

MAX_BYTES = 4 * 2**20  # xz takes ten times that in memory, and a second or two.


class Compression:
    """Collects the beginning of a part's text, and compresses it once it is all there."""

    def __init__(self) -> None:
        self._text = bytearray()

    def append(self, data: bytes) -> None:
        self._text += data[: MAX_BYTES - len(self._text)]

    def sizes(self) -> dict[str, int]:
        """Bytes under `gzip -9` and `xz -6`, and of the text that they were given."""
        gzip = zlib.compressobj(9, wbits=31)  # 31: with gzip's own header.
        return {
            "compressed_bytes": len(self._text),
            "gzip_bytes": len(gzip.compress(self._text)) + len(gzip.flush()),
            "xz_bytes": len(lzma.compress(self._text, preset=6)),
        }
