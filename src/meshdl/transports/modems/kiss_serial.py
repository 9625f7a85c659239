"""The line to a TNC at a serial port, real or of USB or Bluetooth."""

import asyncio

from meshdl.transports.modems.kiss_modem import Line

BIT_RATES = (1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200)
"""What TNCs have."""


def serial_line(device: str, *, bit_rate: int = 9600) -> Line:
    """A line to ``device``: ``/dev/ttyUSB0``, ``COM3``.

    Raises:
        ValueError: no TNC has that rate.
    """
    if bit_rate not in BIT_RATES:
        raise ValueError(f"{bit_rate} bit/s is no rate of a serial TNC: {BIT_RATES}")
    # Here, because stations without a serial TNC shall not need what it needs.
    import serialx

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await serialx.open_serial_connection(device, baudrate=bit_rate)

    return Line(device, connect, (OSError, serialx.SerialException))
