"""Options that many commands have."""

from pathlib import Path
from typing import Annotated

import typer

CONFIG_VARIABLE = "KESTRA_CONFIGURATION_PATH"

Config = Annotated[
    Path | None,
    typer.Option(
        "-c",
        "--config",
        metavar="FILE",
        help="Settings, as YAML; variables KESTRA_* win over it.",
        envvar=CONFIG_VARIABLE,
        show_default=False,
    ),
]
Output = Annotated[str, typer.Option("-o", "--output", metavar="table|json", help="For people, or for programs.")]
