#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What no compiler checks: layers, sizes, SPDX lines, banned words, the security map, mutants, the files that docs/
name, README's length.

tests/security-map.tsv has one line for each `core` row of tests/security-cases.tsv, tab-separated:
  advisory   test file (from the top of the tree, several with spaces) or `-`   note (the reason, when `-`)
"""
import pathlib, re, subprocess, sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import layers  # noqa: E402

CODE = {".cpp", ".hpp", ".h", ".c", ".S", ".py", ".sh", ".lds", ".mk"}
BANNED = [(r"/wor[k]/(main|shared)|/tm[p]/hq|/roo[t]/\.|/hom[e]/[a-z]", "path of one machine"),
          (r"https?://[^ )]*(artifactor[y]|registr[y]|snapsho[t]\.)|nodesourc[e]", "registry or mirror host"),
          (r"\b(TOD[O]|FIXM[E]|XX[X])\b(?!.*#\d)", "to-do without an issue number")]


def tree(root):
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=root, capture_output=True, text=True)
    return [root / p for p in out.stdout.splitlines() if (root / p).is_file()]


def check_text(f):
    kit = f.suffix in (".c", ".S") and "tests/bench/" in f.as_posix()  # the counting kit: dense on purpose
    try:
        text = f.read_text()
    except UnicodeDecodeError:
        return
    if f.suffix in CODE and f.name != "__init__.py" and "SPDX-License-Identifier:" not in text[:300]:
        yield f"{f}: no SPDX line"
    for n, line in enumerate(text.splitlines(), 1):
        for pattern, what in BANNED:
            if re.search(pattern, line):
                yield f"{f}:{n}: {what}"
        if f.suffix in CODE - {".mk"} and not kit and len(line) > 120:
            yield f"{f}:{n}: {len(line)} columns (at most 120)"


def check_size(f):
    if f.suffix not in (".cpp", ".hpp", ".h", ".S"):
        return
    lines = f.read_text().splitlines()
    if len(lines) > 500:
        yield f"{f}: {len(lines)} lines (at most 500)"
    open_at = {}
    for n, line in enumerate(lines, 1):  # the style puts a function's braces on lines of their own
        if m := re.fullmatch(r"(\s*)\{", line):
            open_at[m[1]] = n
        elif (m := re.fullmatch(r"(\s*)\}", line)) and m[1] in open_at:
            if (size := n - open_at.pop(m[1]) + 2) > 60:
                yield f"{f}:{n}: function of {size} lines (at most 60)"


def check_security(root):
    cases, table = root / "tests/security-cases.tsv", root / "tests/security-map.tsv"
    rows = [line.split("\t") for line in cases.read_text().splitlines()[1:]]
    core = {r[0] for r in rows if "core" in r[2].split("+")}
    if not table.exists():
        yield f"{table}: missing"
        return
    seen = set()
    for n, line in enumerate(table.read_text().splitlines(), 1):
        if line.startswith("#") or not line:
            continue
        key, tests, note = (line.split("\t") + ["", ""])[:3]
        if key not in core:
            yield f"{table}:{n}: {key!r} is no core row of security-cases.tsv"
        if key in seen:
            yield f"{table}:{n}: {key} appears twice"
        if re.search(r"\bissue \d", note):
            yield f"{table}:{n}: {key} waits for an issue: name the test, or the reason why there is none"
        seen.add(key)
        if tests.strip() in ("", "-"):
            if len(note.strip()) < 10:
                yield f"{table}:{n}: {key} has neither a test nor a reason"
        else:
            yield from (f"{table}:{n}: no file {t}" for t in tests.split() if not (root / t.split(":")[0]).exists())
    yield from (f"{table}: no line for core row {key}" for key in sorted(core - seen))


def check_documents(root):
    """A back-ticked name like a source file's is a file's in the tree, or the end of its path; one that starts with a
    folder that the tree has nowhere is someone else's."""
    files = ["/" + f.relative_to(root).as_posix() for f in tree(root)]
    folders = {part for f in files for part in f.split("/")[:-1]}
    for doc in sorted((root / "docs").rglob("*.md")):
        for n, line in enumerate(doc.read_text().splitlines(), 1):
            for name in re.findall(r"`([\w./-]+\.(?:cpp|hpp|h|c|S|py|sh|mk|tsv|md|lds))`", line):
                ours = "/" not in name or name.split("/")[0] in folders
                if ours and not any(f.endswith("/" + name) for f in files):
                    yield f"{doc}:{n}: no file {name}"


def check_mutants(root):
    table = root / "tests/guest/mutants.tsv"
    for n, line in enumerate(table.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        _, _, file, text, _ = (line.split("\t") + [""] * 5)[:5]
        found = (root / file).read_text().count(text) if (root / file).is_file() else 0
        if found != 1:
            yield f"{table}:{n}: the text occurs {found} times in {file}, not once"


def check_top(root):
    allowed = {"Makefile", "hypervisor", "pv-abi", "dom0-tools", "frontends", "backends", "patches", "tests", "docs",
               "tools", "README.md", "LICENSE"}
    for f in tree(root):
        top = f.relative_to(root).parts[0]
        if top not in allowed and not top.startswith("."):
            yield f"{f}: {top} does not belong at the top of the tree"
    readme = root / "README.md"
    if readme.exists() and (words := len(readme.read_text().split())) > 400:
        yield f"{readme}: {words} words (at most 400)"


def main():
    root = pathlib.Path(".")
    found = [*layers.check(root), *check_top(root)]
    for f in tree(root):
        found += [*check_text(f), *check_size(f)]
    found += [*check_security(root), *check_mutants(root), *check_documents(root)]
    print("\n".join(found) if found else "lint: ok")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
