# SPDX-License-Identifier: Apache-2.0
"""Counts the lines of the package and its tests: all, and those of code.

    python tests/size.py

Code is what is neither blank, nor comment, nor docstring.
"""

import ast
import io
import tokenize
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("cl_keras", "zoo", "export", "benchmarks", "tests")
MOST_LINES, MOST_OF_A_FUNCTION = 300, 60
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def code_lines(text):
    """Numbers of the lines that hold code."""
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in NO_CODE:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node) is not None:
            lines -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return lines


def functions(text, lines):
    """Each function's name and its lines of code."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            own = range(node.lineno, node.end_lineno + 1)
            yield node.name, len(lines.intersection(own))


def main():
    all_lines, all_code, long_files, long_functions = 0, 0, [], []
    for folder in FOLDERS:
        total = code = 0
        for path in sorted((ROOT / folder).rglob("*.py")):
            text, name = path.read_text(encoding="utf-8"), path.relative_to(ROOT)
            lines, count = code_lines(text), text.count("\n")
            total, code = total + count, code + len(lines)
            if count > MOST_LINES:
                long_files.append((count, str(name)))
            for function, size in functions(text, lines):
                if size > MOST_OF_A_FUNCTION:
                    long_functions.append((size, f"{name}: {function}"))
        print(f"{folder:12}{total:8,} lines {code:8,} of code")
        all_lines, all_code = all_lines + total, all_code + code
    print(f"{'together':12}{all_lines:8,} lines {all_code:8,} of code")
    for title, found in (
        (f"files of over {MOST_LINES} lines", long_files),
        (f"functions of over {MOST_OF_A_FUNCTION} lines of code", long_functions),
    ):
        print(f"\n{title}: {len(found)}")
        for size, name in sorted(found, reverse=True):
            print(f"{size:8} {name}")


if __name__ == "__main__":
    main()
