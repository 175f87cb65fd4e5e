"""Who races: a file here is a library, and describes itself in `LIBRARY`.  None imports its library before it must."""

OURS, LIMIT = (f"{__name__}.{name}" for name in ("ours", "limit"))
"""They always take part."""

PEERS = tuple(f"{__name__}.{name}" for name in ("reference", "pytorch", "optax", "deepspeed", "thinc", "sklearn"))
