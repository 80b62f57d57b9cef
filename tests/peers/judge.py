#!/usr/bin/env python3
"""An independent judge: do recorded calls keep the contract?

    judge.py CONTRACT calls.jsonl [--base-path /v1] [--read-only refuse|allow] [--undeclared-query refuse|allow]

Shares no code with Yett: Python's `jsonschema` over the contract, its own decoding of parameters. Reads the lines of
recorder.py; prints {"calls", "violations", "faults", "kinds": {...}, "first": [...]} and ends with 1 when there is any.
What it knows: OpenAPI 3.0 and 3.1, path, query, header and cookie parameters in every style, JSON, form and text
bodies. What it cannot judge it counts under "unjudged", so that silence is not taken for a pass.
"""
import argparse
import base64
import collections
import copy
import json
import re
import sys
import urllib.parse

import jsonschema
import referencing
import referencing.jsonschema
import yaml

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
IGNORED_HEADERS = {"accept", "content-type", "authorization"}
JSON_TYPE = re.compile(r"application/(?:[\w.+-]+\+)?json")


class Loader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):
    """YAML without dates: a contract's `2026-01-01` is a string."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in Loader.yaml_implicit_resolvers.items()
}


class Violation(Exception):
    def __init__(self, kind, detail):
        super().__init__(f"{kind}: {detail}")
        self.kind = kind


def ecma(pattern):
    """ECMA-262's `$` is the end of the text; Python's is also the place before a last line feed."""
    return re.sub(r"(?<!\\)\$(?=$|[|)])", r"\\Z", pattern)


def as_json_schemas(node, hidden, nullable):
    """The contract's schemas as plain JSON Schema 2020-12, as they hold in one direction: properties marked `hidden`
    (readOnly in requests, writeOnly in answers, or None) may not be there. Changes `node` in place."""
    if isinstance(node, list):
        for item in node:
            as_json_schemas(item, hidden, nullable)
    elif isinstance(node, dict):
        properties = node.get("properties")
        if isinstance(properties, dict):
            for name, schema in properties.items():
                if isinstance(schema, dict) and hidden and schema.get(hidden) is True:
                    properties[name] = False
                    if isinstance(node.get("required"), list):
                        node["required"] = [other for other in node["required"] if other != name]
        if isinstance(node.get("pattern"), str):
            node["pattern"] = ecma(node["pattern"])
        if nullable:
            three_zero(node)
        for key, value in node.items():
            if key not in ("example", "examples", "enum", "const", "default"):
                as_json_schemas(value, hidden, nullable)


def three_zero(node):
    if node.get("nullable") is True and isinstance(node.get("type"), str):
        node["type"] = [node["type"], "null"]
        if isinstance(node.get("enum"), list) and None not in node["enum"]:
            node["enum"].append(None)
    elif node.get("nullable") is True and "type" not in node and len(node) > 1:
        # By the letter (3.0.3) `nullable` needs `type` beside it; whoever writes it without means null all the same.
        rest = {key: node.pop(key) for key in [*node] if key != "nullable"}
        node["anyOf"] = [{"type": "null"}, rest]
    for word, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if node.get(exclusive) is True:
            node[exclusive] = node.pop(word)
        elif node.get(exclusive) is False:
            del node[exclusive]


def no_duplicates(pairs):
    found = {}
    for key, value in pairs:
        if key in found:
            raise Violation("body_duplicate_key", key)
        found[key] = value
    return found


def no_constants(word):
    raise ValueError(f"{word} is not JSON")


class Judge:
    def __init__(self, document, base_path="", hidden="readOnly", undeclared_query="refuse"):
        document = copy.deepcopy(document)
        as_json_schemas(document, hidden, str(document.get("openapi", "")).startswith("3.0"))
        self.document, self.base_path, self.undeclared_query = document, base_path, undeclared_query
        resource = referencing.Resource(document, referencing.jsonschema.DRAFT202012)
        self.registry = referencing.Registry().with_resource("urn:contract", resource)
        self.formats = jsonschema.Draft202012Validator.FORMAT_CHECKER
        self.validators = {}
        self.routes = sorted(self.operations(), key=lambda route: route[0])
        self.unjudged = collections.Counter()

    def operations(self):
        for template, item in self.document.get("paths", {}).items():
            item = self.resolve(item)
            # A template with fewer parameters, and with them later, wins.
            rank = tuple("{" in segment for segment in template.split("/"))
            names = re.findall(r"\{([^}]+)\}", template)
            shape = "".join(
                "([^/]+)" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{[^}]+\})", template)
            )
            for method in METHODS:
                if method in item:
                    yield (rank, template, re.compile(shape), names, method.upper(), item[method], item)

    def resolve(self, node):
        while isinstance(node, dict) and isinstance(node.get("$ref"), str):
            target = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                part = urllib.parse.unquote(part).replace("~1", "/").replace("~0", "~")
                target = target[int(part)] if isinstance(target, list) else target[part]
            node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
        return node

    def check(self, schema, value, kind):
        key = id(schema)
        if key not in self.validators:
            # Local references of the contract point into the contract.
            absolute = json.loads(json.dumps(schema).replace('"$ref": "#/', '"$ref": "urn:contract#/'))
            validator = jsonschema.Draft202012Validator(
                absolute, registry=self.registry, format_checker=self.formats
            )
            self.validators[key] = (schema, validator)
        error = next(self.validators[key][1].iter_errors(value), None)
        if error is not None:
            where = "/".join(str(part) for part in error.absolute_path)
            raise Violation(kind, f"/{where}: {error.message[:200]}")

    def judge(self, call):
        """Raises Violation when the call breaks the contract; returns the operation's name."""
        if "fault" in call:
            raise Violation("fault", call["fault"])
        path, _, query = call["target"].partition("?")
        name, operation, item, values = self.find(call["method"], path)
        self.parameters(call, operation, item, values, query)
        self.body(call, operation)
        return name

    def find(self, method, path):
        """The operation behind a method and a path: its name, itself, its path item and the path's values."""
        if not path.startswith(self.base_path):
            raise Violation("path", path)
        inner, found = path[len(self.base_path):], []
        for _, template, shape, names, candidate, operation, item in self.routes:
            if match := shape.fullmatch(inner):
                found.append(candidate)
                if candidate == method:
                    return f"{method} {template}", operation, item, dict(zip(names, match.groups()))
        # HEAD is answered wherever GET is (RFC 9110 §9.3.2).
        if method == "HEAD" and "GET" in found:
            return self.find("GET", path)
        raise Violation("method" if found else "path", f"{method} {path}")

    def answer(self, method, target, status, headers, body):
        """Raises Violation when an answer is not one that the contract describes; for a judge made with writeOnly."""
        _, operation, _, _ = self.find(method, target.partition("?")[0])
        declared = operation.get("responses", {})
        response = declared.get(str(status)) or declared.get(f"{str(status)[0]}XX") or declared.get("default")
        if response is None:
            raise Violation("status_undeclared", str(status))
        response = self.resolve(response)
        sent = {name.lower(): value for name, value in headers}
        for name, header in response.get("headers", {}).items():
            header = self.resolve(header)
            if name.lower() in sent:
                self.check(header.get("schema", True), sent[name.lower()], "answer_header_invalid")
            elif header.get("required"):
                raise Violation("answer_header_missing", name)
        content = response.get("content", {})
        if method == "HEAD" or not content:
            if body:
                raise Violation("answer_body_undeclared", f"{len(body)} bytes")
            return
        kind = sent.get("content-type", "").split(";")[0].strip().lower()
        if kind not in content:
            raise Violation("answer_media_type", kind)
        if JSON_TYPE.fullmatch(kind):
            try:
                value = json.loads(body.decode("utf-8"), object_pairs_hook=no_duplicates, parse_constant=no_constants)
            except ValueError as error:
                raise Violation("answer_not_json", str(error)[:200]) from error
            self.check(content[kind].get("schema", True), value, "answer_invalid")

    def parameters(self, call, operation, item, path_values, query):
        declared = {}
        for parameter in [*item.get("parameters", []), *operation.get("parameters", [])]:
            parameter = self.resolve(parameter)
            declared[parameter["in"], parameter["name"]] = parameter
        headers = collections.defaultdict(list)
        for name, value in call["headers"]:
            headers[name.lower()].append(value)
        pairs = [part.partition("=")[::2] for part in query.split("&") if part]
        cookies = [part.strip().partition("=")[::2] for line in headers["cookie"] for part in line.split(";") if part.strip()]
        used = {"query": set(), "cookie": set()}
        for (place, name), parameter in declared.items():
            if place == "header" and name.lower() in IGNORED_HEADERS:
                continue
            if place == "header":
                raw = [(name, value) for value in headers.get(name.lower(), [])]
            elif place == "path":
                raw = [(name, path_values[name])] if name in path_values else []
            else:
                raw = pairs if place == "query" else cookies
            value = self.value(parameter, raw, used.get(place, set()))
            if value is None:
                if parameter.get("required"):
                    raise Violation(f"{place}_missing", name)
                continue
            if "schema" in parameter:
                self.check(parameter["schema"], value[0], f"{place}_invalid")
        for place, sent in (("query", pairs), ("cookie", cookies)):
            extra = {decode(key, place) for key, _ in sent} - used[place]
            if extra and (place == "cookie" or self.undeclared_query == "refuse"):
                raise Violation(f"{place}_undeclared", ", ".join(sorted(extra)))

    def value(self, parameter, raw, used):
        """The parameter's value in a tuple, or None when it was not sent."""
        name, place = parameter["name"], parameter["in"]
        mine = [(key, value) for key, value in raw if decode(key, place) == name]
        if "content" in parameter:
            media = next(iter(parameter["content"].values()))
            if not mine:
                return None
            used.add(name)
            self.check(media.get("schema", True), json.loads(decode(mine[0][1], place)), f"{place}_invalid")
            return ("",) if "schema" in parameter else None
        schema = self.resolve(parameter.get("schema", {}))
        style = parameter.get("style", "form" if place in ("query", "cookie") else "simple")
        explode = parameter.get("explode", style == "form")
        kinds = self.types(schema)
        if "object" in kinds:
            return self.object(name, place, style, explode, schema, raw, mine, used)
        if not mine:
            return None
        used.add(name)
        if "array" in kinds:
            items = self.resolve(schema.get("items", {}))
            return ([self.typed(items, decode(text, place)) for text in split(mine, style, explode, place)],)
        if len(mine) > 1:
            raise Violation(f"{place}_twice", name)
        text = mine[0][1]
        if style == "label":
            text = text.removeprefix(".")
        elif style == "matrix":
            text = text.removeprefix(f";{name}").removeprefix("=")
        return (self.typed(schema, decode(text, place)),)

    def object(self, name, place, style, explode, schema, raw, mine, used):
        properties = schema.get("properties", {})
        found = {}
        if style == "deepObject":
            for key, text in raw:
                key = decode(key, place)
                if inner := re.fullmatch(re.escape(name) + r"\[([^\]]*)\]", key):
                    used.add(key)
                    found[inner[1]] = self.typed(self.resolve(properties.get(inner[1], {})), decode(text, place))
        elif style == "form" and explode:
            for key, text in raw:
                key = decode(key, place)
                if key in properties:
                    used.add(key)
                    found[key] = self.typed(self.resolve(properties[key]), decode(text, place))
        elif mine:
            used.add(name)
            parts = split(mine, style, False, place)
            flat = [part.partition("=")[::2] for part in parts] if explode else zip(parts[::2], parts[1::2])
            for key, text in flat:
                found[key] = self.typed(self.resolve(properties.get(key, {})), decode(text, place))
        return (found,) if found else None

    def types(self, schema):
        kind = schema.get("type")
        kinds = {kind} if isinstance(kind, str) else set(kind or ())
        for word in ("allOf", "oneOf", "anyOf"):
            for inner in schema.get(word, []):
                kinds |= self.types(self.resolve(inner))
        return kinds

    def typed(self, schema, text):
        kinds = self.types(schema)
        if "string" in kinds and not kinds & {"integer", "number", "boolean"}:
            return text
        if kinds & {"integer", "number"} and re.fullmatch(r"-?(?:0|[1-9][0-9]*)", text):
            return int(text)
        if "number" in kinds and re.fullmatch(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", text):
            return float(text)
        if "boolean" in kinds and text in ("true", "false"):
            return text == "true"
        if "null" in kinds and text in ("", "null"):
            return None
        return text

    def body(self, call, operation):
        declared = self.resolve(operation.get("requestBody", {}))
        body = base64.b64decode(call["body"])
        if not declared:
            if body:
                raise Violation("body_undeclared", f"{len(body)} bytes")
            return
        sent = [value for name, value in call["headers"] if name.lower() == "content-type"]
        if not body and not sent:
            if declared.get("required"):
                raise Violation("body_missing", "")
            return
        if len(sent) != 1:
            raise Violation("media_type", f"{len(sent)} content-type headers")
        kind = sent[0].split(";")[0].strip().lower()
        content = {key.lower(): value for key, value in declared.get("content", {}).items()}
        media = content.get(kind) or content.get(f"{kind.split('/')[0]}/*") or content.get("*/*")
        if media is None:
            raise Violation("media_type", kind)
        schema = media.get("schema", True)
        if JSON_TYPE.fullmatch(kind):
            try:
                value = json.loads(body.decode("utf-8"), object_pairs_hook=no_duplicates, parse_constant=no_constants)
            except (ValueError, RecursionError) as error:
                raise Violation("body_not_json", str(error)[:200]) from error
            self.check(schema, value, "body_invalid")
        elif kind == "application/x-www-form-urlencoded":
            inner = {"name": "body", "in": "query", "schema": schema, "style": "form", "explode": True}
            raw = [part.partition("=")[::2] for part in body.decode("latin-1").split("&") if part]
            value = self.value(inner, raw, set())
            self.check(schema, value[0] if value else {}, "body_invalid")
        elif kind.startswith("text/"):
            self.check(schema, body.decode("utf-8"), "body_invalid")
        else:
            self.unjudged[kind] += 1


def decode(text, place):
    if place == "query":
        return urllib.parse.unquote_plus(text)
    # Headers and cookies are taken as they are: no escapes are defined for them.
    return urllib.parse.unquote(text) if place == "path" else text


def split(mine, style, explode, place):
    if explode and style in ("form", "spaceDelimited", "pipeDelimited"):
        return [text for _, text in mine]
    text = mine[0][1] if place == "query" else ",".join(value for _, value in mine)
    if style == "label":
        return text.removeprefix(".").split("." if explode else ",")
    if style == "matrix":
        parts = text.removeprefix(";").split(";") if explode else [text.removeprefix(";")]
        values = [part.partition("=")[2] for part in parts]
        return values if explode else values[0].split(",")
    between = {"spaceDelimited": r"%20|\+| ", "pipeDelimited": r"\||%7[Cc]"}.get(style, ",")
    parts = re.split(between, text)
    return [part.strip(" \t") for part in parts] if place == "header" else parts


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file) if path.endswith(".json") else yaml.load(file, Loader)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("contract")
    parser.add_argument("calls")
    parser.add_argument("--base-path", default="")
    parser.add_argument("--read-only", choices=["refuse", "allow"], default="refuse")
    parser.add_argument("--undeclared-query", choices=["refuse", "allow"], default="refuse")
    flags = parser.parse_args()
    hidden = "readOnly" if flags.read_only == "refuse" else None
    judge = Judge(load(flags.contract), flags.base_path, hidden, flags.undeclared_query)
    kinds, operations, first, calls = collections.Counter(), collections.Counter(), [], 0
    with open(flags.calls, encoding="utf-8") as file:
        for line in file:
            call = json.loads(line)
            calls += 1
            try:
                operations[judge.judge(call)] += 1
            except Violation as violation:
                kinds[violation.kind] += 1
                if len(first) < 20:
                    first.append({"n": call["n"], "target": call.get("target"), "why": str(violation)})
    result = {
        "calls": calls, "violations": sum(kinds.values()), "faults": kinds["fault"], "kinds": dict(kinds),
        "first": first, "operations": dict(sorted(operations.items())), "unjudged": dict(judge.unjudged),
    }
    print(json.dumps(result, indent=1))
    return 1 if result["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
