"""Numbers as a report shows them, never against its own answer."""

_DECIMALS = 4


def written_numbers(probability: float, threshold: float, *, answer: bool) -> tuple[float, float]:
    """Round a probability and its threshold so that comparing what is written gives the same answer.

    Four decimals do for most. Thresholds go down to 1e-9 and close to 1; where four decimals would turn the answer
    round, both get as many significant digits as it takes.
    """
    shown = round(probability, _DECIMALS), round(threshold, _DECIMALS)
    for digits in range(_DECIMALS, 18):
        if (shown[0] >= shown[1]) == answer:
            return shown
        shown = float(f"{probability:.{digits}g}"), float(f"{threshold:.{digits}g}")
    return shown  # seventeen digits, which are exact
