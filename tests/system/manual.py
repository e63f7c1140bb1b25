#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What vmctl's help, man page and completion say is the same: verbs, options and arguments, for each verb, and each
exit status that the man page names is the one that vmctl ends with. Needs no machine."""
import re, subprocess, tempfile, pathlib
from harness import BUILD, TOP, expect, passed

VMCTL, MAN, COMPLETION = BUILD / "vmctl", BUILD / "man/vmctl.8", BUILD / "completion/vmctl"


def vmctl(*words):
    done = subprocess.run([VMCTL, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def plain(roff):
    return re.sub(r"\\f[BIR]", "", roff).replace(r"\-", "-").replace(r"\e", "\\").replace(r"\&", "")


def manual_entries(text):
    """The entries of the section of verbs, by verb."""
    section = text.partition(".SH VERBS\n")[2].partition("\n.SH ")[0]
    entries = [plain(entry) for entry in section.split(".TP\n")[1:]]
    return {entry.split()[0]: entry for entry in entries}


def complete(*words):
    script = (f"compopt() {{ :; }}; source {COMPLETION}; COMP_WORDS=({' '.join(f'{w!r}' for w in words)}); "
              f"COMP_CWORD={len(words) - 1}; _vmctl; echo \"${{COMPREPLY[*]}}\"")
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=TOP)
    expect(done.returncode == 0 and not done.stderr, f"completion of {words}: {done.stderr}")
    return set(done.stdout.split())


def check_verbs():
    help_text = vmctl("--help")[1]
    verbs = re.findall(r"^  ([a-z-]+) ", help_text.partition("Subcommands:")[2], re.M)
    entries = manual_entries(MAN.read_text())
    expect(len(verbs) >= 25, f"only {len(verbs)} verbs in the help: {help_text}")
    expect(list(entries) == verbs, f"the help has {verbs}, the man page {list(entries)}")
    offered = complete("vmctl", "")
    expect(offered == {*verbs, "--json", "--help"}, f"the completion offers {offered ^ set(verbs)}")
    options = 0
    for verb in verbs:
        text = vmctl(verb, "--help")[1]
        shown = re.findall(r"^  (-\S+)", text.partition("Options:")[2], re.M)
        flags = {name for names in shown for name in names.split(",")} - {"-h"}
        named = {f for f in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", "\n".join(
            line.partition(":")[0] for line in entries[verb].split(".br\n")[1:]))}
        expect(flags - {"--help"} == named, f"{verb}: the help has {flags}, the man page {named}")
        offered = complete("vmctl", verb, "-")
        expect(offered == named | {"--help", "--json"}, f"{verb}: the completion offers {offered}, not {named}")
        arguments = re.findall(r"^  ([A-Z]+) ", text.partition("Positionals:")[2].partition("Options:")[0], re.M)
        for argument in arguments:
            there = re.search(rf"\b{argument}\b", entries[verb].split("\n")[0])
            expect(there, f"{verb}: no {argument} in the man page")
        options += len(named) + len(arguments)
    return len(verbs), options


def check_completion(tmp):
    (tmp / "a.cfg").write_text("")
    expect(complete("vmctl", "create", f"{tmp}/a") == {f"{tmp}/a.cfg"}, "create completes no files")
    expect({"memory=", "on_watchdog="} <= complete("vmctl", "create", "f", ""), "create completes no settings")
    expect("on_crash=" in complete("vmctl", "check", "f", "a=b", "on_c"), "check completes no second setting")
    expect(complete("vmctl", "--json", "autostart", str(tmp)[:-2]) == {str(tmp)}, "autostart completes no directories")
    expect(complete("vmctl", "sh") == {"shutdown"}, "no completion of verbs")


def check_statuses(tmp):
    statuses = plain(MAN.read_text().partition(".SH EXIT STATUS\n")[2].partition("\n.SH ")[0])
    named = [int(n) for n in re.findall(r"^\.B (\d+)$", statuses, re.M)]
    expect(named == [0, 1, 2, 3, 4, 5], f"the man page names {named}")
    (tmp / "bad.cfg").write_text("name='g'\nmemroy=1\n")
    (tmp / "notes").write_text("text")
    cases = [(0, ["--help"], ""), (0, ["reboot", "--help"], ""), (2, [], ""), (2, ["frobnicate"], "there is no verb"),
             (2, ["--frob", "list"], "there is no option"), (2, ["create"], "FILE is required"),
             (2, ["rename", "a"], "NAME is required"), (2, ["reboot", "a", "--timeout", "soon"], "soon"),
             (2, ["autostart", "/tmp", "--jobs", "65"], "65"), (3, ["check", tmp / "bad.cfg"], "bad.cfg:2:1: "),
             (3, ["rename", "a", "two words"], "may have letters"), (3, ["mem-set", "a", "12x"], "the unit 'x'"),
             (3, ["mem-max", "a", "0"], "some memory"), (4, ["check", tmp / "none.cfg"], "No such file")]
    for status, words, text in cases:
        got, out, err = vmctl(*words)
        expect(got == status, f"vmctl {words} ends with {got}, not {status}: {out}{err}")
        expect(text in err, f"vmctl {words} does not say {text!r}: {err}")
        expect(status == 0 or err.count("\n") == 1, f"vmctl {words} says more than a line: {err}")
    return len(cases)


with tempfile.TemporaryDirectory(prefix="parapet-manual-") as name:
    verbs, options = check_verbs()
    check_completion(pathlib.Path(name))
    cases = check_statuses(pathlib.Path(name))
warnings = subprocess.run(["bash", "-n", COMPLETION], capture_output=True, text=True)
expect(warnings.returncode == 0, f"the completion is no shell: {warnings.stderr}")
passed(f"{verbs} verbs and {options} options and arguments agree; {cases} exit statuses")
