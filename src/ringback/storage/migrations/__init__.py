"""The schemas: numbered scripts, one folder per dialect. A script that was released never changes again."""

from importlib.resources import files


def scripts(dialect: str) -> list[str]:
    """Return the text of each script, in order: the first one makes schema version 1 out of an empty database."""
    folder = files(__name__) / dialect
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    if [int(name[:4]) for name in names] != list(range(1, len(names) + 1)):
        raise RuntimeError(f"the {dialect} migrations are not numbered without gaps: {', '.join(names)}")
    return [(folder / name).read_text(encoding="utf-8") for name in names]
