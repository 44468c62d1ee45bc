"""Names of months, days, eras and halves of days: English from a table, other languages from babel."""

from functools import lru_cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from babel import Locale

Width = Literal["wide", "abbreviated", "narrow"]

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ENGLISH: dict[tuple[str, str], tuple[str, ...]] = {
    ("months", "wide"): _MONTHS,
    ("months", "abbreviated"): tuple(name[:3] for name in _MONTHS),
    ("months", "narrow"): tuple(name[0] for name in _MONTHS),
    ("days", "wide"): _DAYS,
    ("days", "abbreviated"): tuple(name[:3] for name in _DAYS),
    ("days", "narrow"): tuple(name[0] for name in _DAYS),
    ("quarters", "wide"): ("1st quarter", "2nd quarter", "3rd quarter", "4th quarter"),
    ("quarters", "abbreviated"): ("Q1", "Q2", "Q3", "Q4"),
    ("quarters", "narrow"): ("1", "2", "3", "4"),
    ("halves", "wide"): ("AM", "PM"),
    ("eras", "wide"): ("Before Christ", "Anno Domini"),
    ("eras", "abbreviated"): ("BC", "AD"),
    ("eras", "narrow"): ("B", "A"),
}


def names(kind: str, width: Width, locale: str) -> tuple[str, ...]:
    """List the names of a kind (months, days from Monday, quarters, halves, eras) in a width (wide, abbreviated, narrow)."""
    if locale.lower().replace("-", "_") in ("en", "en_us"):
        return _ENGLISH[kind, "wide" if kind == "halves" else width]
    return _foreign(kind, width, locale)


@lru_cache(maxsize=256)
def _foreign(kind: str, width: Width, locale: str) -> tuple[str, ...]:
    from babel import dates  # noqa: PLC0415 - loaded where it is used: importing the language must be quick

    found = babel_locale(locale)
    match kind:
        case "months":
            return tuple(dates.get_month_names(width, "format", found)[month] for month in range(1, 13))
        case "days":
            return tuple(dates.get_day_names(width, "format", found)[day] for day in range(7))
        case "quarters":
            return tuple(dates.get_quarter_names(width, "format", found)[quarter] for quarter in range(1, 5))
        case "halves":
            periods = dates.get_period_names("abbreviated", "format", found)
            half = periods.get  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # babel says nothing of the names
            return (f"{half('am', 'AM')}", f"{half('pm', 'PM')}")
        case _:
            eras = dates.get_era_names(width, found)
            return (eras[0], eras[1])


@lru_cache(maxsize=256)
def babel_locale(locale: str) -> "Locale":
    """Find a locale by its name (`fr`, `fr_CA`, `fr-CA`); ValueError when there is none."""
    from babel import Locale, UnknownLocaleError  # noqa: PLC0415 - as above

    try:
        return Locale.parse(locale.replace("-", "_"))
    except (UnknownLocaleError, ValueError, TypeError):
        raise ValueError(f"Invalid locale format: {locale[:100]}") from None
