"""A station's radio: its modem, log, symbols and contents, around the cores of meshdl.radio."""
