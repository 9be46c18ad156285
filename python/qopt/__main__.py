"""The command line: python -m qopt tokenize|detokenize."""

import argparse
import os
import sys

from .errors import BadInput, Failure


def write_report(arguments, **report):
    if not arguments.json:
        return
    import json

    from . import tokens

    data = json.dumps(report, indent=2) + "\n"
    if arguments.json == "-":
        sys.stdout.write(data)
    else:
        tokens.write_whole(arguments.json, lambda file: file.write(data.encode("utf-8")))


def run_tokenize(arguments):
    from . import tokens

    ids = tokens.tokenize(tokens.load_tokenizer(arguments.tokenizer), tokens.read_text(arguments.text), arguments.special_tokens)
    if not ids.size:
        raise BadInput(f"{arguments.text}: no tokens in it")
    if arguments.output == "-":
        print(",".join(map(str, ids.tolist())))
    else:
        import numpy as np

        tokens.write_whole(arguments.output, lambda file: np.save(file, ids))
        if not arguments.quiet:
            print(f"{ids.size} tokens in {arguments.output}", file=sys.stderr)
    write_report(arguments, output=arguments.output, tokens=int(ids.size))


def run_detokenize(arguments):
    from . import tokens

    tokenizer = tokens.load_tokenizer(arguments.tokenizer)
    sequences = tokens.read_ids(arguments.ids)
    texts = [tokens.detokenize(tokenizer, ids, arguments.special_tokens) for ids in sequences]
    data = ("\n".join(texts) + "\n").encode("utf-8")
    if arguments.output == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        tokens.write_whole(arguments.output, lambda file: file.write(data))
    write_report(arguments, output=arguments.output, tokens=sum(map(len, sequences)))


def make_parser():
    parser = argparse.ArgumentParser(
        prog="python -m qopt",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Text to the token numbers that qopt-run and qopt-eval take, and back.",
        epilog="""examples:
  python -m qopt tokenize --tokenizer tokenizer.json book.txt -o tokens.npy
  echo -n 'Once upon a time' | python -m qopt tokenize --tokenizer tokenizer.json -
  python -m qopt detokenize --tokenizer tokenizer.json 5,9,2

exit codes: 0 done, 1 failed, 2 wrong usage, 3 bad input""",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="tokenize|detokenize")

    command = commands.add_parser("tokenize", help="a text file to token numbers (int32 .npy, or a line of ids)")
    command.add_argument("text", help="a UTF-8 file; - is standard input")
    command.add_argument("-o", "--output", default="-", help="a .npy file; - (the default) prints the ids, comma separated")
    command.set_defaults(run=run_tokenize)
    both = [command]

    command = commands.add_parser("detokenize", help="token numbers to text")
    command.add_argument("ids", help="5,9,2, a file of such lines, a .npy file; - is standard input")
    command.add_argument("-o", "--output", default="-", help="a text file; - (the default) is standard output")
    command.set_defaults(run=run_detokenize)
    both.append(command)

    for command in both:
        command.add_argument("--tokenizer", required=True, metavar="FILE", help="the model's tokenizer.json")
        command.add_argument("--special-tokens", action="store_true", help="add, or show, the tokenizer's special tokens")
        command.add_argument("--threads", type=int, default=0, metavar="N", help="threads (all)")
        command.add_argument("--json", metavar="FILE", help="write a report; - is standard output, where the result then may not go")
        command.add_argument("-q", "--quiet", action="store_true", help="say nothing but the result and errors")
    return parser


def main(argv=None):
    parser = make_parser()
    arguments = parser.parse_args(argv)
    if arguments.threads < 0:
        parser.error("--threads takes a positive number")
    if arguments.json == "-" and arguments.output == "-":
        parser.error("--json - needs -o: result and report cannot both go to standard output")
    if arguments.threads:  # what the tokenizers package reads, when it is loaded
        os.environ["RAYON_NUM_THREADS"] = str(arguments.threads)
    try:
        arguments.run(arguments)
    except Failure as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
