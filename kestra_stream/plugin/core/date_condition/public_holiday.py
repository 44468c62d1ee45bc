"""io.kestra.plugin.core.condition.PublicHoliday: a day off in a country."""

from typing import ClassVar

from pydantic import Field, model_validator

from kestra_stream.errors import ExpressionError
from kestra_stream.models.conditions import Condition, ConditionContext
from kestra_stream.models.property import has_expression
from kestra_stream.plugin.core.date_condition.moments import TRIGGER_DATE, MomentText, moment_of


class PublicHoliday(Condition):
    """Hold on a public holiday of a country, or of a part of it."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.condition.PublicHoliday"
    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.PublicHolidayCondition",
        "io.kestra.plugin.core.condition.PublicHolidayCondition",
    )
    examples: ClassVar[tuple[str, ...]] = (
        """
        type: io.kestra.plugin.core.condition.PublicHoliday
        country: FR
        """,
    )

    country: str = Field(description="ISO 3166-1 code of the country, as FR.")
    sub_division: str | None = Field(default=None, description="ISO 3166-2 code of a part of it, as BY for Bavaria in DE.")
    date: MomentText = Field(default=TRIGGER_DATE, description="The date to look at.")

    @model_validator(mode="after")
    def _place_is_known(self) -> "PublicHoliday":
        if not has_expression(self.country) and not has_expression(self.sub_division):
            try:
                _is_holiday(self.country, self.sub_division, "2000-01-01")
            except ExpressionError as error:
                raise ValueError(str(error)) from None
        return self

    def test(self, context: ConditionContext) -> bool:
        country = context.render(self.country)
        part = context.render(self.sub_division) if self.sub_division is not None else None
        return _is_holiday(country, part, moment_of(context, self.date).date().isoformat())


def _is_holiday(country: str, part: str | None, date: str) -> bool:
    from holidays import country_holidays  # noqa: PLC0415 - slow to import, rarely needed

    code = country.strip().upper()
    subdivision = part.strip().upper().removeprefix(f"{code}-") if part else None
    try:
        return date in country_holidays(code, subdiv=subdivision)
    except NotImplementedError:
        place = f"{code}-{subdivision}" if subdivision else code
        raise ExpressionError(f"no public holidays are known for `{place}`; give ISO 3166 codes") from None
