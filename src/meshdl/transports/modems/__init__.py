"""Modems: shells that put bursts on the air and report what they hear.

Begin reading at :mod:`.modem`: what each of them is from above.
"""
