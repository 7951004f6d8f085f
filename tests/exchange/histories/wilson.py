"""Wilson's interval of a share, written out once more for comparisons."""


def wilson_by_hand(share: float, count: int) -> tuple[float, float]:
    """Return the ends of the interval of 95 %."""
    z = 1.959963984540054
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * (share * (1 - share) / count + z * z / (4 * count * count)) ** 0.5
    return middle - half, middle + half
