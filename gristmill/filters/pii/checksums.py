"""Check digits, each in the words of its standard."""


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B: doubled every second digit from the right, the sum ends in 0."""
    ordered = [int(c) for c in reversed(digits)]
    doubled = sum(sum(divmod(2 * n, 10)) for n in ordered[1::2])
    return (sum(ordered[0::2]) + doubled) % 10 == 0


def mod_97(characters: str) -> int:
    """ISO 7064 MOD 97-10 of digits and capital letters (A = 10 … Z = 35)."""
    return int("".join(str(int(c, 36)) for c in characters)) % 97


def mod_11_10(digits: str) -> bool:
    """ISO 7064 MOD 11,10, check digit last."""
    product = 10
    for digit in digits[:-1]:
        product = 2 * ((product + int(digit)) % 10 or 10) % 11
    return (product + int(digits[-1])) % 10 == 1


def weighted(digits: str, weights: tuple[int, ...]) -> int:
    """Sum of digit times weight."""
    return sum(int(d) * w for d, w in zip(digits, weights, strict=False))
