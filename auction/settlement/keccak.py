"""Keccak-256, the hash of Ethereum: it is not the SHA-3 of the standard library, whose padding differs.

For the checksum of an address now and then; whoever hashes a lot takes a library.
"""

_LANE = (1 << 64) - 1
_RATE = 136  # bytes taken in between two permutations
_ROUNDS = 24


def keccak256(data: bytes) -> bytes:
    """The 32 bytes of the hash."""
    padded = bytearray(data) + b"\x01" + bytes(-(len(data) + 1) % _RATE)
    padded[-1] |= 0x80
    lanes = [0] * 25  # lane x, y of the specification stands at x + 5 y
    for start in range(0, len(padded), _RATE):
        for lane in range(_RATE // 8):
            lanes[lane] ^= int.from_bytes(padded[start + 8 * lane : start + 8 * lane + 8], "little")
        lanes = _permuted(lanes)
    return b"".join(lane.to_bytes(8, "little") for lane in lanes[:4])


def _permuted(lanes: list[int]) -> list[int]:
    """Keccak-f[1600], step by step as in FIPS 202: theta, rho and pi, chi, iota."""
    register = 1  # the shift register from which the constants of iota come
    for _ in range(_ROUNDS):
        columns = [lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20] for x in range(5)]
        mixed = [columns[x - 1] ^ _rotated(columns[(x + 1) % 5], 1) for x in range(5)]
        lanes = [lane ^ mixed[place % 5] for place, lane in enumerate(lanes)]
        x, y, moving = 1, 0, lanes[1]
        for turn in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            lanes[x + 5 * y], moving = _rotated(moving, (turn + 1) * (turn + 2) // 2), lanes[x + 5 * y]
        for row in range(0, 25, 5):
            a = lanes[row : row + 5]
            lanes[row : row + 5] = [a[x] ^ (~a[(x + 1) % 5] & a[(x + 2) % 5]) for x in range(5)]
        for bit in range(7):
            lanes[0] ^= (register & 1) << ((1 << bit) - 1)
            register = (register << 1) ^ (0x171 if register & 0x80 else 0)
    return lanes


def _rotated(lane: int, by: int) -> int:
    by %= 64
    return (lane << by | lane >> (64 - by)) & _LANE
