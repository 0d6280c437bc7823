"""Past work like a text, with what it brought and as of a moment: `find`. By meaning where a model is installed and its
vectors are made, which happens in the background (`Encoding`); else by full text, which is said.
"""

from core.similarity.encoding import Encoding
from core.similarity.search import Found, Hit, find
from core.similarity.sources import KINDS, Ask, Kind
from core.similarity.vectors import Status, encode_all, register, status
from core.similarity.weights import EncoderModel, install, is_installed, missing, model, remove

__all__ = [
    "KINDS",
    "Ask",
    "EncoderModel",
    "Encoding",
    "Found",
    "Hit",
    "Kind",
    "Status",
    "encode_all",
    "find",
    "install",
    "is_installed",
    "missing",
    "model",
    "register",
    "remove",
    "status",
]
