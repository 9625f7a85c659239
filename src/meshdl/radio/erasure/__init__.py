"""The on-air erasure code: any K of a leaf's symbols, or one or two more, give it back."""
