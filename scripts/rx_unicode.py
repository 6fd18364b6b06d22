#!/usr/bin/env python3
"""Writes src/common/conf/rx_unicode.c on standard output: the general categories, the scripts and the orbits of simple
case folding, out of the Unicode character database as Debian's package unicode-data installs it.

    scripts/rx_unicode.py [/usr/share/unicode] >src/common/conf/rx_unicode.c

Path expressions follow Go 1.23, whose tables are of Unicode 15.0.0; the version found goes into the header."""
import re
import sys

LIMIT = 0x110000
WIDTH = 110


def categories(top):
    """Two-letter category -> list of code points. Unassigned ones are in none, as in Go."""
    found, first = {}, None
    for line in open(f"{top}/UnicodeData.txt", encoding="ascii"):
        code, name, category = line.split(";")[:3]
        code = int(code, 16)
        if name.endswith(", First>"):
            first = code
            continue
        begin = first if name.endswith(", Last>") else code
        found.setdefault(category, []).extend(range(begin, code + 1))
    return found


def scripts(top):
    found = {}
    for line in open(f"{top}/Scripts.txt", encoding="utf-8"):
        m = re.match(r"([0-9A-F]+)(?:\.\.([0-9A-F]+))?\s*;\s*(\w+)", line)
        if m:
            begin, end = int(m[1], 16), int(m[2] or m[1], 16)
            found.setdefault(m[3], []).extend(range(begin, end + 1))
    return found


def version(top):
    with open(f"{top}/Scripts.txt", encoding="utf-8") as f:
        return re.match(r"# Scripts-([0-9.]+)\.txt", f.readline())[1]


def orbit_steps(top):
    """Each code point that folds -> the next one of its orbit, in ascending order and round."""
    orbits = {}
    for line in open(f"{top}/CaseFolding.txt", encoding="utf-8"):
        m = re.match(r"([0-9A-F]+); ([CS]); ([0-9A-F]+);", line)
        if m:
            code, folded = int(m[1], 16), int(m[3], 16)
            orbits.setdefault(folded, {folded}).add(code)
    step = {}
    for orbit in map(sorted, orbits.values()):
        for i, code in enumerate(orbit):
            step[code] = orbit[(i + 1) % len(orbit)]
    return step


def ranges(codes):
    out = []
    for c in sorted(codes):
        if out and out[-1][1] + 1 == c:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def fold_runs(step):
    """Runs (lo, hi, delta): c goes to c + delta; delta 0 stands for neighbours that swap, lo with lo + 1 and so on."""
    codes, out, i = sorted(step), [], 0
    while i < len(codes):
        lo = hi = codes[i]
        if step[lo] == lo + 1 and step.get(lo + 1) == lo:
            while step.get(hi) == hi + 1 and step.get(hi + 1) == hi:
                hi += 2
            out.append((lo, hi - 1, 0))
        else:
            while hi + 1 in step and step[hi + 1] - step[lo] == hi + 1 - lo:
                hi += 1
            hi -= swaps_begin(step, lo, hi)
            out.append((lo, hi, step[lo] - lo))
        while i < len(codes) and codes[i] <= out[-1][1]:
            i += 1
    return out


def swaps_begin(step, lo, hi):
    """1 when the last of a run of several is better the first of a swapping pair."""
    return int(hi > lo and step[hi] == hi + 1 and step.get(hi + 1) == hi)


def check_runs(step, runs):
    seen = {}
    for lo, hi, delta in runs:
        for c in range(lo, hi + 1):
            seen[c] = c + delta if delta else lo + ((c - lo) ^ 1)
    assert seen == step


def table(items):
    line = "\t"
    for item in items:
        if len(line) + len(item) + 8 > WIDTH:
            yield line.rstrip()
            line = "\t"
        line += item + ", "
    yield line.rstrip()


def main():
    top = sys.argv[1] if len(sys.argv) > 1 else "/usr/share/unicode"
    named = [("rx_categories", categories(top)), ("rx_scripts", scripts(top))]
    step = orbit_steps(top)
    runs = fold_runs(step)
    check_runs(step, runs)

    print(f"/* General categories, scripts and simple case folding of Unicode {version(top)}.")
    print(" * Made by scripts/rx_unicode.py out of Debian's unicode-data; not to be edited. */")
    print('#include "common/conf/rx_class.h"\n\n/* clang-format off */')
    print("static const struct rx_range ranges[] = {")
    names, count = {}, 0
    for array, sets in named:
        for name in sorted(sets):
            r = ranges(sets[name])
            print(f"\t/* {name} */")
            print("\n".join(table(f"{{0x{lo:x}, 0x{hi:x}}}" for lo, hi in r)))
            names.setdefault(array, []).append((name, count, len(r)))
            count += len(r)
    print("};")
    for array, rows in names.items():
        print(f"\nconst struct rx_named {array}[] = {{")
        for name, at, n in rows:
            print(f'\t{{"{name}", {{ranges + {at}, {n}}}}},')
        print("\t{NULL, {NULL, 0}},\n};")
    print("\nconst struct rx_fold rx_folds[] = {")
    print("\n".join(table(f"{{0x{lo:x}, 0x{hi:x}, {delta}}}" for lo, hi, delta in runs)))
    print(f"}};\nconst size_t rx_fold_count = {len(runs)};")


main()
