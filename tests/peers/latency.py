#!/usr/bin/env python3
"""Ask for URL on one kept connection until FILE exists; print the count and the 99th percentile in milliseconds.

latency.py HOST:PORT HOST-FIELD FILE"""
import http.client
import os
import sys
import time

address, host, until = sys.argv[1:]
c = http.client.HTTPConnection(address, timeout=30)
took = []
while not os.path.exists(until):
    start = time.monotonic()
    c.request("GET", "/", headers={"Host": host})
    r = c.getresponse()
    r.read()
    assert r.status == 200, r.status
    took.append((time.monotonic() - start) * 1000)
    if len(took) == 1:
        print("ready", flush=True)
took.sort()
print(f"done {len(took)} {took[int(len(took) * 0.99)]:.1f} {took[-1]:.1f}")
