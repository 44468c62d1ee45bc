"""Write orders.csv: 4,000 orders that are the same on every machine, a few of them broken on purpose."""

import csv
import random
import sys
from datetime import date, timedelta
from pathlib import Path

REGIONS = ("north", "east", "south", "west")
PRODUCTS = (("A-100", 12.5), ("A-200", 49.0), ("B-100", 7.95), ("B-300", 219.0), ("C-050", 3.2))


def main() -> None:
    """Write to the file named on the command line."""
    draw = random.Random(20)  # noqa: S311 - the same orders on every machine
    with Path(sys.argv[1]).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("order_id", "day", "region", "product", "quantity", "unit_price"))
        for number in range(1, 4001):
            day = date(2026, 1, 1) + timedelta(days=draw.randrange(90))
            product, price = draw.choice(PRODUCTS)
            quantity = draw.randrange(1, 9)
            if number % 500 == 0:
                quantity = -1  # refused by the check of the flow
            writer.writerow((f"O-{number:05}", day, draw.choice(REGIONS), product, quantity, price))


if __name__ == "__main__":
    main()
