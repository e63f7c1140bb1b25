# SPDX-License-Identifier: MIT
"""Prints the table and writes it as a page that needs nothing but itself."""
import html

HEAD = f"{'operation':46}{'Parapet':>12}{'Xen 4.17':>12}{'ratio':>7}{'goal':>12}   {'CR3 P/X':>9}   " \
       "all levels P / X / native"


def number(x):
    if x is None:
        return "-"
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e5, "k")):
        if abs(x) >= limit:
            return f"{x / (limit if unit != 'k' else 1e3):,.{2 if unit == 'G' else 1}f} {unit}"
    return f"{x:,.0f}"


def cells(c):
    cr3 = "-" if c["cr3_parapet"] is None or c["cr3_xen"] is None else f"{c['cr3_parapet']:.0f}/{c['cr3_xen']:.0f}"
    every = " / ".join(number(c[f"all_{w}"]) for w in ("parapet", "xen", "native"))
    ratio = "-" if c["ratio"] is None else f"{c['ratio']:.2f}"
    goal = number(c["goal"]) + {None: "", True: " +", False: " -"}[c["met"]]
    every = "" if c["all_parapet"] is None else every
    return [c["operation"], number(c["parapet"]), number(c["xen"]), ratio, goal, cr3, every]


def text(rows, title):
    lines = [title, HEAD]
    for c in rows:
        name, p, x, ratio, goal, cr3, every = cells(c)
        lines.append(f"{name:46}{p:>12}{x:>12}{ratio:>7}{goal:>14} {cr3:>9}   {every}".rstrip())
    return "\n".join(lines) + "\n"


STYLE = """body{font:14px/1.5 system-ui,sans-serif;max-width:72em;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;width:100%}td,th{padding:.25em .6em;border-bottom:1px solid #ddd;text-align:right}
td:first-child,th:first-child,td:last-child{text-align:left}tr.yes td.g{color:#17733a}tr.no td.g{color:#a33}
svg{display:block}"""
BAR = 260


def bars(c):
    """Xen is the full bar; Parapet's length is its share of it; the line is the goal."""
    if c["parapet"] is None or not c["xen"]:
        return ""
    most = max(c["parapet"], c["xen"])
    p, x, g = (round(BAR * v / most, 1) for v in (c["parapet"], c["xen"], c["goal"] or 0))
    goal = f'<path d="M{g} 0V20" stroke="#222" stroke-dasharray="2 2"/>' if 0 < g <= BAR else ""
    return (f'<svg width="{BAR}" height="20" role="img" aria-label="{c["ratio"]:.2f} of Xen">'
            f'<rect width="{p}" height="9" fill="#2a6fbb"/>'
            f'<rect y="11" width="{x}" height="9" fill="#c9c9c9"/>{goal}</svg>')


def page(rows, title, note):
    body = []
    for c in rows:
        name, p, x, ratio, goal, cr3, every = (html.escape(t.strip()) for t in cells(c))
        state = {True: "yes", False: "no", None: ""}[c["met"]]
        body.append(f'<tr class="{state}"><td>{name}<td>{p}<td>{x}<td>{ratio}<td class="g">{goal}<td>{cr3}'
                    f"<td>{every or '-'}<td>{bars(c)}")
    title, note = html.escape(title), html.escape(note)
    return (f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
            f"<h1>{title}</h1><p>{note}<table><tr><th>operation<th>Parapet<th>Xen 4.17<th>ratio"
            "<th>goal<th>CR3 P/X<th>all levels P / X / native<th>Parapet (blue), Xen (grey), goal (line)"
            + "\n".join(body) + "</table></html>\n")
