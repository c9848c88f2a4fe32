"""What the files of a database have in them."""

from pathlib import Path


def files_with(folder: Path, text: bytes) -> list[str]:
    """Return the names of the files in the folder that have the text, wherever it is."""
    return sorted(path.name for path in folder.iterdir() if path.is_file() and text in path.read_bytes())
