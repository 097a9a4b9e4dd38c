"""Numbers as text that does not change with the last bits of the arithmetic."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal

__all__ = ["significant"]

# Two runs of the same float64 computation on different CPUs agree to about 13 digits. Rounding to
# nine digits first, and halves always away from zero, sends both runs to the same text.
_TRUSTED_DIGITS = 9


def significant(value: float, digits: int = 2) -> str:
    r"""Write ``value`` rounded to ``digits`` significant digits.

    The rounding is made in two steps, to nine digits and then to :math:`d` = ``digits`` digits with
    halves away from zero, so that noise of :math:`10^{-13}` relative does not flip a digit where a
    value lies on a half (0.125) by construction. Trailing zeros that are significant are kept.

    Args:
        value: any real number; infinities and NaN are written ``inf``, ``-inf`` and ``nan``.
        digits: number of significant digits, 1 to 9.

    Returns:
        Plain decimal notation between 0.001 and a million, otherwise ``1.2e-5``.

    Raises:
        ValueError: ``digits`` is out of range.

    Example:
        >>> significant(0.125), significant(0.125 - 1e-14), significant(-1, 3)
        ('0.13', '0.13', '-1.00')
        >>> significant(12345.0), significant(3.21e-7), significant(-0.0)
        ('12000', '3.2e-7', '0')
    """
    if not 1 <= digits <= _TRUSTED_DIGITS:
        raise ValueError(f"digits must be from 1 to {_TRUSTED_DIGITS}, got {digits!r}")
    value = float(value)
    if not math.isfinite(value):
        return str(value)
    trusted = Decimal(f"{value:.{_TRUSTED_DIGITS - 1}e}")
    if trusted == 0:
        return "0"
    last_place = Decimal(1).scaleb(trusted.adjusted() - digits + 1)
    rounded = trusted.quantize(last_place, rounding=ROUND_HALF_UP)
    exponent = rounded.adjusted()
    if -3 <= exponent < 6:
        decimals = max(digits - 1 - exponent, 0)
        return f"{rounded:.{decimals}f}"
    return f"{rounded.scaleb(-exponent):.{digits - 1}f}e{exponent}"
