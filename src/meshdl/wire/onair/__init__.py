"""What stations say to each other on the air: one frame, some PDUs, as few octets as possible.

``docs/protocol/radio.md`` is the specification. Begin reading at :mod:`.frames`.
"""
