"""Files of configurations, the user's and the package's own, as tables that nothing has checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segnet_tf.errors import UserError
from segnet_tf.system.json_files import read_json
from segnet_tf.system.text_files import parse_toml, read_text

# How the weights in the package were trained.
RECIPES = Path(__file__).parent / "recipes"


def read_config(name: str | Path, recipes: Path = RECIPES) -> dict[str, Any]:
    """Reads a configuration: a `.toml` or `.json` file, or a file of `recipes` by its name.

    Raises:
        UserError: no such file or name, or it is not TOML or a JSON object.
    """
    path = Path(name)
    if not path.suffix and not path.is_file():
        path = recipes / f"{name}.toml"
        if not path.is_file():
            known = ", ".join(sorted(file.stem for file in recipes.glob("*.toml")))
            raise UserError(
                f"`config` must be a .toml or .json file, or one of {known}. Received: {name}."
            )
    if path.suffix != ".toml":
        return read_json(path)
    try:
        return parse_toml(read_text(path))
    except OSError as error:
        raise UserError(f"`{path}` must be a readable TOML file. Received: {error}.") from error
    except ValueError as error:
        raise UserError(f"`{path}` must be valid TOML. Received: {error}.") from error
