#!/usr/bin/env python3
"""Does what README.md prints: `make run` with its six calls, then the five-minute tour, command by command; then docs/tutorial.md.

    tour.py [--bin DIR]

A block ```console after `<!-- tour -->` is run: lines with `$ ` are commands (bash, in one folder that is kept between
them), what follows is what they print, and where nothing follows they print nothing. `…` stands for any text within a line, a line with
only `…` for any lines. A command that ends with anything but 0 fails: where that is meant, it ends with `; echo "ends with $?"`.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "long"))
import common  # noqa: E402
from common import ROOT, Workspace, finish, say  # noqa: E402


def make_run(flags, misses, workspace):
    """`make run`, with the calls made as printed."""
    environment = dict(os.environ, YETT_RUN_ONCE="1", YETT_DATA=str(workspace.path / "data"))
    done = subprocess.run(["make", "--no-print-directory", "run"], cwd=ROOT, env=environment, capture_output=True,
                          text=True, timeout=900)
    say(done.stdout[-3000:])
    good = len(re.findall(r"^as printed:", done.stdout, re.M))
    if done.returncode or good != 6:
        misses.append(f"make run: exit {done.returncode}, {good} of 6 calls as printed: {done.stderr[-2000:]}")


def blocks(page):
    """(command, expected lines) of the tour of a page, in order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    tour = text.split("<!-- tour -->", 1)[1].split("<!-- end of tour -->", 1)[0]
    for block in re.findall(r"^```console\n(.*?)^```", tour, re.M | re.S):
        command, expected = None, []
        for line in block.splitlines():
            if line.startswith("$ "):
                if command:
                    yield command, expected
                command, expected = line[2:], []
            elif command and command.endswith("\\"):
                command = command[:-1] + line.strip()
            else:
                expected.append(line)
        if command:
            yield command, expected


def pattern(lines):
    out = []
    for line in lines:
        if line.strip() == "…":
            out.append(r"(?:.*\n)*?")
        else:
            out.append(".*?".join(re.escape(part.rstrip() if last else part) for last, part in parts(line)) + r"[ \t]*\n")
    return "".join(out)


def parts(line):
    pieces = line.split("…")
    return [(index == len(pieces) - 1, piece) for index, piece in enumerate(pieces)]


def tour(page, bins, misses, workspace):
    folder = workspace.path / pathlib.Path(page).stem
    folder.mkdir()
    for name in ["openapi.yaml"]:
        (folder / name).write_bytes((ROOT / "examples/orders" / name).read_bytes())
    environment = dict(os.environ, PATH=f"{bins}:{os.environ['PATH']}", NO_COLOR="1", TERM="dumb")
    shell = subprocess.Popen(["bash", "--norc"], cwd=folder, env=environment, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    count = 0
    try:
        for command, expected in blocks(page):
            count += 1
            shell.stdin.write(f"{command}\necho \"=== $?\"\n")
            shell.stdin.flush()
            printed, status = "", None
            for line in shell.stdout:
                if line.startswith("=== "):
                    status = int(line[4:])
                    break
                printed += line
            say(f"$ {command}\n{printed}")
            if status != 0:
                misses.append(f"{page}: `{command}` ended with {status}: {printed}")
                break
            if not re.fullmatch(pattern(expected), printed):
                misses.append(f"{page}: `{command}` printed\n{printed}\nnot\n" + "\n".join(expected))
                break
    finally:
        os.killpg(shell.pid, 15)
        shell.wait(30)
    if count < 8:
        misses.append(f"{page}: only {count} commands")


def main(flags):
    bins, misses = common.binaries(flags).resolve(), []
    with Workspace(flags.keep) as workspace:
        make_run(flags, misses, workspace)
        for page in ["README.md", "docs/tutorial.md"]:
            tour(page, bins, misses, workspace)
    return finish("tour", flags, {}, misses)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.common_flags(parser)
    sys.exit(main(parser.parse_args()))
