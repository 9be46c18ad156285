"""Text to token numbers and back, through the `tokenizers` package and a model's own tokenizer.json."""

import os
import sys
import tempfile

import numpy as np

from .errors import BadInput, Failure


def load_tokenizer(path):
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise Failure("the Python package tokenizers is missing: pip install -r python/requirements.txt") from error
    try:
        with open(path, encoding="utf-8") as file:
            tokenizer = Tokenizer.from_str(file.read())
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from error
    except Exception as error:  # the package raises plain Exception for whatever is wrong with a file
        raise BadInput(f"{path}: not a tokenizer.json: {error}") from error
    # A stored maximum length would silently drop the end of a text.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def read_text(path):
    try:
        if path == "-":
            data = sys.stdin.buffer.read()
        else:
            with open(path, "rb") as file:
                data = file.read()
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from error
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not UTF-8 at byte {error.start}") from error


def tokenize(tokenizer, text, special_tokens=False):
    """The token numbers of a text, int32."""
    return np.asarray(tokenizer.encode(text, add_special_tokens=special_tokens).ids, dtype=np.int32)


def parse_ids(text, where):
    """The sequences of a text that holds one per line, comma separated."""
    sequences = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            sequences.append([int(word) for word in line.split(",")])
        except ValueError as error:
            raise BadInput(f"{where}, line {number}: ids are whole numbers separated by commas: {line.strip()[:60]!r}") from error
    return sequences


def read_ids(argument):
    """Sequences of ids from `5,9,2`, a file of such lines, a .npy file (a row per sequence), or `-`."""
    if argument == "-":
        sequences = parse_ids(read_text("-"), "standard input")
    elif argument.endswith(".npy"):
        try:
            array = np.load(argument, allow_pickle=False)
        except OSError as error:
            raise BadInput(f"{argument}: {error.strerror or 'not a .npy file'}") from error
        except (ValueError, EOFError) as error:
            raise BadInput(f"{argument}: not a .npy file") from error
        if array.dtype.kind not in "iu" or array.ndim not in (1, 2):
            raise BadInput(f"{argument}: ids are integers of rank 1 or 2, this is {array.dtype} of rank {array.ndim}")
        sequences = np.atleast_2d(array).tolist()
    elif os.path.exists(argument):
        sequences = parse_ids(read_text(argument), argument)
    else:
        sequences = parse_ids(argument, "the ids")
    if not any(sequences):
        raise BadInput(f"{argument}: no ids")
    return sequences


def detokenize(tokenizer, ids, special_tokens=False):
    """The text of one sequence of token numbers."""
    size = tokenizer.get_vocab_size(with_added_tokens=True)
    for position, token in enumerate(ids):
        if not 0 <= token < size or tokenizer.id_to_token(token) is None:
            raise BadInput(f"id {token} at position {position} is not in the vocabulary of {size} tokens")
    return tokenizer.decode(ids, skip_special_tokens=not special_tokens)


def write_whole(path, write):
    """Writes a file completely or not at all."""
    folder = os.path.dirname(os.path.abspath(path))
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=".qopt-", dir=folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                write(file)
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(temporary, 0o666 & ~umask)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from error
