#!/usr/bin/env python3
"""Reads what a gateway tells with the libraries of others: CloudEvents' own SDK, and OpenTelemetry's list of names.

    readers.py <JSON

The JSON is {"events": [{"headers": {...}, "body": "..."}], "names": [...]}: events as a receiver got them, and names of attributes and
metrics as a collector did. Prints {"events": [...], "unknown": [...]}: what the SDK makes of each event (an error ends it), and names
outside of `yett.` that no semantic convention has.
"""
import importlib
import json
import pkgutil
import sys

import opentelemetry.semconv
from cloudevents.core.bindings.http import HTTPMessage, from_structured_event


def conventions():
    """All names that OpenTelemetry's semantic conventions have, stable or not yet."""
    names = set()
    # What is not stable yet stands below a folder of its own, which is no package.
    for folder in [f"{above}{kind}" for above in ("", "_incubating/") for kind in ("attributes", "metrics")]:
        paths = [f"{path}/{folder}" for path in opentelemetry.semconv.__path__]
        for module in pkgutil.iter_modules(paths, f"opentelemetry.semconv.{folder.replace('/', '.')}."):
            known = vars(importlib.import_module(module.name))
            names |= {value for key, value in known.items() if key.isupper() and isinstance(value, str)}
    return names


def read(event):
    read = from_structured_event(HTTPMessage(headers=event["headers"], body=event["body"].encode()))
    return {
        "id": read.get_id(), "source": read.get_source(), "type": read.get_type(), "specversion": read.get_specversion(),
        "subject": read.get_subject(), "time": read.get_time().isoformat(), "data": read.get_data(),
        "extensions": {name: read.get_extension(name) for name in ("severity", "partitionkey")},
    }


def main():
    given = json.load(sys.stdin)
    known = conventions()
    unknown = sorted(name for name in given["names"] if name not in known and not name.startswith("yett."))
    json.dump({"events": [read(event) for event in given["events"]], "unknown": unknown}, sys.stdout)


if __name__ == "__main__":
    main()
