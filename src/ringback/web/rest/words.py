"""What handlers say about a request, in the names that the contract has for its fields."""

import re
from typing import Final

from ringback.web.rest.contract import NAMES
from ringback.web.rest.strict_json import SENT

# Names of one word are words of plain English, too: "target", "priority".
_IN_TEXT: Final = re.compile(rf"\b(?:{'|'.join(name for name in NAMES if '_' in name)})\b")
_INDEX: Final = re.compile(r"\[\d+\]$")


def contract_name(path: str) -> str:
    """Return the contract's name of the field at this path of a message, such as `callback_request.due_date`."""
    if path.startswith(SENT):
        return path.removeprefix(SENT)
    last = path.rpartition(".")[2]
    return NAMES.get(_INDEX.sub("", last), path)


def in_contract_words(text: str) -> str:
    """Return a sentence with the contract's names for ours."""
    return _IN_TEXT.sub(lambda found: NAMES[found[0]], text)
