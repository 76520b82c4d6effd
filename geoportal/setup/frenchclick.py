"""Click in French: its texts go through gettext, for which it ships no catalogue.

``install`` gives its modules the table below instead; a test reads click's source and checks that no text is missing.
"""

import sys
from gettext import gettext, ngettext

import click

TEXTS: dict[str, str] = {
    "d": "j",
    "{editor}: Editing failed": "{editor} : la modification a échoué",
    "{editor}: Editing failed: {e}": "{editor} : la modification a échoué : {e}",
    "Aborted!": "Interrompu.",
    "deprecated": "ancien",
    "Missing command.": "Il manque un verbe.",
    # These three are titles, to which click adds a colon.
    "Options": "Options\N{NO-BREAK SPACE}",
    "Positional arguments": "Arguments\N{NO-BREAK SPACE}",
    "Commands": "Verbes\N{NO-BREAK SPACE}",
    "required": "obligatoire",
    "DeprecationWarning: The command {name!r} is deprecated.{extra_message}": "La commande {name!r} est ancienne.{extra_message}",
    "DeprecationWarning: The {param_type} {name!r} is deprecated.{extra_message}": (
        "Le paramètre {name!r} est ancien.{extra_message}"
    ),
    "Got unexpected extra argument ({args})": "Argument en trop : {args}",
    "Got unexpected extra arguments ({args})": "Arguments en trop : {args}",
    "Value must be an iterable.": "La valeur doit être une liste.",
    "Could not determine name for option with declarations {decls!r}": "Option sans nom : {decls!r}",
    "No options defined but a name was passed ({name}). Did you mean to declare an argument instead? "
    "Did you mean to pass '--{name}'?": "Option sans tirets : {name}",
    "env var: {var}": "variable : {var}",
    "default: {default}": "par défaut : {default}",
    "Arguments take exactly one parameter declaration, got {length}: {decls}.": "Argument mal déclaré : {decls}.",
    "(dynamic)": "(calculé)",
    "Name '{name}' defined twice": "Le nom « {name} » est défini deux fois",
    "Takes {nargs} values but 1 was given.": "Il faut {nargs} valeurs, une seule est donnée.",
    "Takes {nargs} values but {len} were given.": "Il faut {nargs} valeurs, {len} sont données.",
    "Boolean option {decl!r} cannot use the same flag for true/false.": "L'option {decl!r} a le même nom pour oui et pour non.",
    "Do you want to continue?": "Continuer ?",
    "Confirm the action without prompting.": "Confirmer sans poser de question.",
    "%(prog)s, version %(version)s": "%(prog)s, version %(version)s",
    "Show the version and exit.": "Affiche la version.",
    "Show this message and exit.": "Affiche cette aide.",
    "Did you mean {possibility}?": "Vouliez-vous dire {possibility} ?",
    "(Did you mean one of: {possibilities}?)": "Vouliez-vous dire : {possibilities} ?",
    "Missing argument": "Il manque l'argument",
    "Missing option": "Il manque l'option",
    "Missing parameter": "Il manque le paramètre",
    "Missing parameter: {param_name}": "Il manque le paramètre : {param_name}",
    "Missing {param_type}": "Il manque : {param_type}",
    "unknown error": "erreur inconnue",
    "Invalid value for {param_hint}: {message}": "Valeur refusée pour {param_hint} : {message}",
    "Invalid value: {message}": "Valeur refusée : {message}",
    "Could not open file {filename!r}: {message}": "Le fichier {filename!r} ne s'ouvre pas : {message}",
    "Error: {message}": "Erreur : {message}",
    "Try '{command} {option}' for help.": "Aide : {command} {option}",
    "No such option {name!r}.": "L'option {name!r} n'existe pas.",
    "No such command {name!r}.": "Le verbe {name!r} n'existe pas.",
    "Usage:": "Usage :",
    "Invalid start character for option ({option})": "Début d'option refusé ({option})",
    "Option {name!r} does not take a value.": "L'option {name!r} ne prend pas de valeur.",
    "Option {name!r} requires an argument.": "L'option {name!r} demande une valeur.",
    "Option {name!r} requires {nargs} arguments.": "L'option {name!r} demande {nargs} valeurs.",
    "Argument {name!r} takes {nargs} values.": "L'argument {name!r} prend {nargs} valeurs.",
    "Couldn't detect Bash version, shell completion is not supported.": "Version de Bash inconnue : pas de complétion.",
    "Shell completion is not supported for Bash versions older than 4.4.": "La complétion demande Bash 4.4 ou plus récent.",
    "Press any key to continue...": "Appuyez sur une touche pour continuer…",
    "Repeat for confirmation": "Répétez pour confirmer",
    "Error: The two entered values do not match.": "Erreur : les deux saisies diffèrent.",
    "Unknown color {colour!r}": "Couleur inconnue : {colour!r}",
    "Error: invalid input": "Erreur : saisie refusée",
    "file": "fichier",
    "directory": "dossier",
    "path": "chemin",
    "Choose from:\n\t{choices}": "Choisissez parmi :\n\t{choices}",
    "Choice({choices})": "Choix ({choices})",
    "{value!r} is not {choice}.": "{value!r} n'est pas {choice}.",
    "{value!r} is not one of {choices}.": "{value!r} n'est pas parmi {choices}.",
    "{value!r} does not match the format {format}.": "{value!r} ne suit pas le format {format}.",
    "{value!r} does not match the formats {formats}.": "{value!r} ne suit aucun des formats {formats}.",
    "{value} is not in the range {range}.": "{value} est hors de l'intervalle {range}.",
    "{value!r} is not a valid boolean. Recognized values: {states}": "{value!r} n'est ni oui ni non : {states}",
    "{len_type} values are required, but {len_value} was given.": "Il faut {len_type} valeurs, {len_value} est donnée.",
    "{len_type} values are required, but {len_value} were given.": "Il faut {len_type} valeurs, {len_value} sont données.",
    "{value!r} is not a valid {number_type}.": "{value!r} n'est pas un {number_type} valable.",
    "{value!r} is not a valid UUID.": "{value!r} n'est pas un UUID.",
    "{name} {filename!r} is a file.": "Le {name} {filename!r} est un fichier.",
    "{name} {filename!r} is a directory.": "Le {name} {filename!r} est un dossier.",
    "{name} {filename!r} is not readable.": "Le {name} {filename!r} n'est pas lisible.",
    "{name} {filename!r} is not writable.": "Le {name} {filename!r} n'est pas accessible en écriture.",
    "{name} {filename!r} is not executable.": "Le {name} {filename!r} n'est pas exécutable.",
    "{name} {filename!r} does not exist.": "Le {name} {filename!r} n'existe pas.",
    "Unknown standard stream '{name}'": "Flux inconnu : « {name} »",
}

_TYPE_NAMES = {
    click.types.StringParamType: "texte",
    click.types.IntParamType: "entier",
    click.types.IntRange: "entier",
    click.types.FloatParamType: "nombre",
    click.types.FloatRange: "nombre",
    click.types.BoolParamType: "oui ou non",
}


def translate(text: str) -> str:
    return TEXTS.get(text, text)


def translate_plural(one: str, many: str, count: int) -> str:
    """The French plural begins at two."""
    return translate(one if count < 2 else many)


def install() -> None:
    """Make click speak French in this process. Call it before declaring commands: some texts are read then."""
    for name, module in list(sys.modules.items()):
        if name == "click" or name.startswith("click."):
            for attribute, original, french in (("_", gettext, translate), ("ngettext", ngettext, translate_plural)):
                if getattr(module, attribute, None) is original:
                    setattr(module, attribute, french)
    for kind, french_name in _TYPE_NAMES.items():
        kind.name = french_name
