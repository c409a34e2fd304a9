#!/usr/bin/env python3
"""Turns the lines of scripts/bench into docs/results.md.

usage: scripts/bench | bench/results.py > docs/results.md
"""
import datetime
import json
import os
import platform
import sys


def processor():
    with open("/proc/cpuinfo") as file:
        fields = dict(line.split(":", 1) for line in file if ":" in line)
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    flags = [name for name in ("avx2", "avx512_vnni", "avx512_bf16", "amx_bf16")
             if name in fields.get("flags", "").split()]
    return f"{fields.get('model name', platform.processor())}, {os.cpu_count()} cores ({', '.join(flags)})"


def main():
    print("# Results\n")
    print(f"Measured by `scripts/bench` on {datetime.date.today()}: {processor()}, "
          f"Linux {platform.release().split('-')[0]}.\n"
          "Each value is the median of n runs that alternate with the peer's; a ratio above 1 is better for\n"
          "Tandem, whatever the unit, and is the median of the ratios pair by pair.\n")
    print("| figure | unit | Tandem | peer | ratio | target | n | peer's name |")
    print("|---|---|---|---|---|---|---|---|")
    for line in sys.stdin:
        row = json.loads(line)
        target = "" if row["target"] is None else row["target"]
        print(f"| {row['figure']} | {row['unit']} | {row['tandem']:.4g} | {row['peer']:.4g} | "
              f"{row['ratio']:.2f} | {target} | {row['n']} | {row['peer_name']} |")


if __name__ == "__main__":
    main()
