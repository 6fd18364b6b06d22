#!/usr/bin/python3
"""rulesets.py SEED COUNT DIR: write COUNT random configurations into DIR, some of which are to be refused."""

import json
import os
import random
import sys

HOSTS = ["a.test", "b.test", "*.test", "*.a.test", "c.a.test", "", "*", "Bücher.test", "*.Bücher.test", "X_y.test", "a.test.", "☃.test"]
PATHS = ["", "^/a", "^/a/", "/a", "/b$", "^/(a|b)", "^/[ab]+$", r"\.\.", "^/b?", "a|b", "(?i)^/ADMIN", "b^", "^/a\n", "^/x", "/", "^/$",
         "(?P<n>a)(?P<n>b)", r"\bws\b", "^/(?:ab){2,3}$", r"\pL\PL", "[^/]$", "(?s)^/.*é", "(?!a)", "*", "a{1001}", r"\x{d800}"]
SERVICES = ["http://h:1", "https://h", "http_status:403", "unix:/s", "hello_world", "tcp://h:1", "h:1", "http://h/p"]


def rule(last):
    out = {"service": random.choice(SERVICES if random.random() < 0.05 else SERVICES[:6])}
    if not last or random.random() < 0.05:
        out["hostname"] = random.choice(HOSTS)
        path = random.choice(PATHS if random.random() < 0.05 else PATHS[:22])
        if path or out["hostname"] in ("", "*"):
            out["path"] = path or "^/q"
    return out


def main():
    random.seed(int(sys.argv[1]))
    for i in range(int(sys.argv[2])):
        count = random.randrange(1, 7)
        rules = [rule(k + 1 == count) for k in range(count)]
        with open(os.path.join(sys.argv[3], f"{i}.yml"), "w", encoding="utf-8") as f:
            json.dump({"ingress": rules}, f, ensure_ascii=False, indent=1)


if __name__ == "__main__":
    main()
