#!/usr/bin/env python3
"""Counts a contract a second time, by a reading of its own: how many operations, and what of each Yett does not enforce.

    counted.py CONTRACT        (OpenAPI 3.0 or 3.1 in one file, JSON or YAML)

It shares no code with Yett. It was written from the standards (OpenAPI 3.0.3 and 3.1, JSON Schema 2020-12) and from what
docs/controls says is read: JSON, forms, multipart/form-data, text; linear patterns; known formats; tokens as credentials.
docs/contracts-counted.md has what it found beside what a person counted, and `contracts.py` holds both against
`yett check`. Prints JSON: `operations`, `enforced`, `not_enforced` (pointer -> reason and operations), `closed` (operations
that ask for credentials which are not verified, so that they refuse every call).
"""
import json
import pathlib
import re
import sys
import urllib.parse

import yaml

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
# Keywords that assert something or hold what asserts; JSON Schema 2020-12 and what OpenAPI 3.0 has beside it.
SCHEMA, SCHEMAS, LISTS = (
    {"items", "additionalProperties", "unevaluatedProperties", "unevaluatedItems", "propertyNames", "contains", "not", "if",
     "then", "else"},
    {"properties", "patternProperties", "dependentSchemas"},
    {"oneOf", "anyOf", "allOf", "prefixItems"},
)
PLAIN = {
    "type", "enum", "const", "required", "dependentRequired", "pattern", "format", "nullable", "discriminator", "multipleOf",
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "minItems", "maxItems",
    "uniqueItems", "minContains", "maxContains", "minProperties", "maxProperties", "readOnly", "writeOnly", "$ref",
}
SAY_NOTHING = {
    "title", "description", "default", "example", "examples", "deprecated", "externalDocs", "xml", "$comment", "contentEncoding",
    "contentMediaType",
}
FORMATS = {
    # JSON Schema 2020-12, section 7.3
    "date-time", "date", "time", "duration", "email", "idn-email", "hostname", "idn-hostname", "ipv4", "ipv6", "uri",
    "uri-reference", "iri", "iri-reference", "uuid", "uri-template", "json-pointer", "relative-json-pointer", "regex",
    # OpenAPI 3.0.3, section 4.4; the last two ask for nothing
    "int32", "int64", "float", "double", "byte", "binary", "password",
}
STYLES = {
    "path": {"simple", "label", "matrix"}, "query": {"form", "spaceDelimited", "pipeDelimited", "deepObject"},
    "header": {"simple"}, "cookie": {"form"},
}
# Such patterns need backtracking, which takes more than linear time.
BACKTRACKS = re.compile(r"\(\?[=!]|\(\?<[=!]|\\[1-9]|\\k<")


class Reading:
    def __init__(self, path):
        text = pathlib.Path(path).read_text(encoding="utf-8")
        self.document = json.loads(text) if text.lstrip().startswith("{") else yaml.load(text, yaml.CSafeLoader)
        if not str(self.document.get("openapi", "")).startswith(("3.0", "3.1")):
            raise SystemExit(f"`{path}` is not OpenAPI 3.0 or 3.1")
        self.found, self.seen, self.operation = {}, set(), None

    def resolve(self, value, pointer):
        """What a reference stands for, and where that is."""
        while isinstance(value, dict) and isinstance(value.get("$ref"), str):
            target = value["$ref"]
            if not target.startswith("#/"):
                raise SystemExit(f"a reference to another file: {target}")
            # RFC 6901 section 6: a fragment is percent-encoded.
            value, pointer = self.document, urllib.parse.unquote(target[1:])
            for part in pointer[1:].split("/"):
                part = part.replace("~1", "/").replace("~0", "~")
                value = value[int(part) if isinstance(value, list) else part]
        return value, pointer

    def lacks(self, pointer, reason):
        self.found.setdefault(pointer, {"reason": reason, "operations": []})["operations"].append(self.operation)

    def schema(self, value, pointer):
        if (self.operation, pointer) in self.seen or isinstance(value, bool):
            return
        self.seen.add((self.operation, pointer))
        if isinstance(value.get("$ref"), str):
            self.schema(*self.resolve({"$ref": value["$ref"]}, pointer))
        for key, part in value.items():
            at = f"{pointer}/{escape(key)}"
            if key in SCHEMA:
                self.schema(part, at)
            elif key in SCHEMAS:
                for name, one in part.items():
                    self.schema(one, f"{at}/{escape(name)}")
            elif key in LISTS:
                for number, one in enumerate(part):
                    self.schema(one, f"{at}/{number}")
            elif key == "pattern" and (not isinstance(part, str) or BACKTRACKS.search(part)):
                self.lacks(at, "no pattern, or one that needs backtracking")
            elif key == "format" and part not in FORMATS:
                self.lacks(at, "a format that no standard names")
            elif key not in PLAIN | SAY_NOTHING and not key.startswith("x-"):
                self.lacks(at, "no keyword of JSON Schema or OpenAPI")

    def content(self, value, pointer):
        for media_type, media in value.items():
            at = f"{pointer}/{escape(media_type)}"
            media, at = self.resolve(media, at)
            if "schema" not in media:
                continue
            schema, at = media["schema"], f"{at}/schema"
            if readable(media_type):
                self.schema(schema, at)
            elif not says_bytes(self.resolve(schema, at)[0]):
                self.lacks(at, "a schema of a body that is not read")

    def parameter(self, value, pointer):
        value, pointer = self.resolve(value, pointer)
        if value.get("style", "simple" if value["in"] in ("path", "header") else "form") not in STYLES[value["in"]]:
            self.lacks(f"{pointer}/style", "a style that this place does not have")
        if "schema" in value:
            self.schema(value["schema"], f"{pointer}/schema")
        for media_type in value.get("content", {}):
            if not is_json(media_type):
                self.lacks(f"{pointer}/content/{escape(media_type)}", "a parameter of a media type that is not read")
        if all(map(is_json, value.get("content", {}))):
            self.content(value.get("content", {}), f"{pointer}/content")

    def response(self, value, pointer):
        value, pointer = self.resolve(value, pointer)
        self.content(value.get("content", {}), f"{pointer}/content")
        for name, header in value.get("headers", {}).items():
            header, at = self.resolve(header, f"{pointer}/headers/{escape(name)}")
            if "schema" in header:
                self.schema(header["schema"], f"{at}/schema")

    def opens(self, operation):
        """Whether there is a credential that Yett verifies and that opens it; what says nothing is asked any valid token."""
        alternatives = operation.get("security", self.document.get("security"))
        schemes = self.document.get("components", {}).get("securitySchemes", {})

        def verified(name):
            scheme, _ = self.resolve(schemes[name], "")
            return scheme["type"] in ("oauth2", "openIdConnect") or scheme.get("scheme", "").lower() == "bearer"
        return not alternatives or any(all(map(verified, alternative)) for alternative in alternatives)

    def read(self):
        operations, closed = [], []
        for path, item in self.document["paths"].items():
            item, at = self.resolve(item, f"/paths/{escape(path)}")
            for method in (method for method in METHODS if method in item):
                operation, here = item[method], f"{at}/{method}"
                self.operation = f"{method.upper()} {path}"
                operations.append(self.operation)
                for holder, pointer in ((item, at), (operation, here)):
                    for number, parameter in enumerate(holder.get("parameters", [])):
                        self.parameter(parameter, f"{pointer}/parameters/{number}")
                body, pointer = self.resolve(operation.get("requestBody", {}), f"{here}/requestBody")
                self.content(body.get("content", {}), f"{pointer}/content")
                for status, response in operation.get("responses", {}).items():
                    self.response(response, f"{here}/responses/{escape(str(status))}")
                if not self.opens(operation):
                    closed.append(self.operation)
        short = {operation for lack in self.found.values() for operation in lack["operations"]}
        return {"operations": len(operations), "enforced": len(operations) - len(short), "not_enforced": self.found,
                "closed": closed}


def escape(name):
    return name.replace("~", "~0").replace("/", "~1")


def is_json(media_type):
    essence = media_type.split(";")[0].strip().lower()
    return essence == "application/json" or essence.endswith("+json")


def says_bytes(schema):
    """Whether a schema says no more than that there is something, which unread bodies satisfy."""
    return not set(schema) - {"type", "format", "nullable"} - SAY_NOTHING and schema.get("type", "string") == "string"


def readable(media_type):
    essence = media_type.split(";")[0].strip().lower()
    others = ("application/x-www-form-urlencoded", "multipart/form-data")
    text = essence.startswith("text/") and essence not in ("text/xml", "text/yaml")
    return is_json(media_type) or essence in others or text or "*" in essence


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    print(json.dumps(Reading(sys.argv[1]).read(), indent=1))
