"""The table of settings in ``docs/exploitation.md``, drawn from the settings themselves."""

from typing import Any

from pydantic.fields import FieldInfo

from config.settings import ROOT, Settings

BEGIN = "<!-- réglages : début -->"
END = "<!-- réglages : fin -->"


def settings_table() -> str:
    """One row by setting, in Markdown: variable, meaning, default, bounds."""
    rows = [
        f"| `GEOPORTAL_{name.upper()}` | {field.description} | {_default(field.default)} | {_bounds(field)} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| Variable | Rôle | Par défaut | Bornes |", "|---|---|---|---|", *rows])


def with_settings_table(text: str) -> str:
    """The same document with its table of settings made anew. Raises ValueError when its marks are missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{BEGIN} … {END}")
    return f"{before}{BEGIN}\n{settings_table()}\n{END}{after}"


def _default(value: Any) -> str:
    if value is None or value == "":
        return "(vide)"
    return f"`{str(value).removeprefix(f'{ROOT}/')}`"


def _bounds(field: FieldInfo) -> str:
    low = next((str(limit.ge) for limit in field.metadata if hasattr(limit, "ge")), "")
    high = next((str(limit.le) for limit in field.metadata if hasattr(limit, "le")), "")
    if low and high:
        return f"{low} à {high}"
    return f"au moins {low}" if low else ""
