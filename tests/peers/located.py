#!/usr/bin/env python3
"""Writes a database of countries in MaxMind's format (mmdb_writer).

    located.py FILE NETWORK=COUNTRY...

It is put in place of what was there whole, as those who fetch such databases do.
"""
import os
import sys

from mmdb_writer import MMDBWriter
from netaddr import IPSet


def main():
    file, *known = sys.argv[1:]
    writer = MMDBWriter(ip_version=6, database_type="GeoLite2-Country", ipv4_compatible=True)
    for network, country in (one.rsplit("=", 1) for one in known):
        writer.insert_network(IPSet([network]), {"country": {"iso_code": country}, "continent": {"code": "EU"}})
    writer.to_db_file(f"{file}.new")
    os.replace(f"{file}.new", file)


if __name__ == "__main__":
    main()
