#!/usr/bin/env python3
"""Personal data in answers: how much is found, and how much else, in documents that others' generators make.

    personal.py [--program FILE] [--documents 20000] [--seed 2] [--markdown]

Values come from Faker (PyPI), by its own formats for each country, and know nothing of our detectors. Each stands in a document in one of
three ways: in a member of JSON whose name says what it is, in one whose name says nothing, and in a sentence. As many documents have none: ids,
codes of goods, hashes, times, prices, addresses of houses, plates of cars, prose. A value counts as found when what is found covers it and is of its
class; whatever is found in a document without any is a false find. Detectors were tuned with `--seed 1`, and are reported with another.
"""
import argparse
import collections
import json
import math
import random
import subprocess
import sys

from common import ROOT

CARDS = ["visa16", "mastercard", "amex", "discover", "jcb16", "diners"]
COUNTRIES = ["en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pl_PL", "pt_BR", "sv_SE", "de_CH", "en_IN"]
# How a member is named whose name says what it is.
NAMES = {
    "cards": ["card", "card_number", "pan"],
    "accounts": ["iban", "account"],
    "mails": ["email", "contact"],
    "phones": ["phone", "mobile", "phone_number", "fax"],
}
# What a state's number is called where it is used.
CALLED = {"en_US": "ssn", "en_GB": "nino", "fr_FR": "nir", "es_ES": "dni", "it_IT": "codice_fiscale", "nl_NL": "bsn", "pl_PL": "pesel",
          "pt_BR": "cpf", "sv_SE": "personnummer", "de_CH": "ahv", "en_IN": "aadhaar"}


class Maker:
    """Documents, one after the other, from one seed."""

    def __init__(self, seed):
        try:
            import faker
        except ImportError:
            raise SystemExit("`faker` is not there: run `tests/peers/setup python`") from None
        faker.Faker.seed(seed)
        self.version = faker.VERSION
        self.random = random.Random(seed)
        self.by_country = {country: faker.Faker(country) for country in COUNTRIES}

    def person(self, country):
        fake = self.by_country[country]
        if country == "es_ES":
            return fake.random_element([fake.nif, fake.nie])()
        if country == "pt_BR":
            return fake.cpf()
        if country == "pl_PL":
            return fake.pesel()
        if country == "en_IN":
            return fake.aadhaar_id()
        return fake.ssn()

    def value(self, kind):
        """A value with what a member is called that says what it is."""
        country = self.random.choice(COUNTRIES)
        fake = self.by_country[country]
        if kind == "cards":
            number = fake.credit_card_number(self.random.choice(CARDS))
            if len(number) == 16 and self.random.random() < 0.5:
                number = self.random.choice(" -").join(number[at:at + 4] for at in range(0, 16, 4))
            return number, self.random.choice(NAMES[kind])
        if kind == "accounts":
            number = self.by_country[self.random.choice(["de_DE", "en_GB", "fr_FR", "es_ES", "it_IT", "nl_NL", "pl_PL", "de_CH"])].iban()
            if self.random.random() < 0.5:
                number = " ".join(number[at:at + 4] for at in range(0, len(number), 4))
            return number, self.random.choice(NAMES[kind])
        if kind == "mails":
            return self.random.choice([fake.email, fake.company_email, fake.free_email])(), self.random.choice(NAMES[kind])
        if kind == "phones":
            return fake.phone_number(), self.random.choice(NAMES[kind])
        country = self.random.choice(list(CALLED))
        return self.person(country), CALLED[country]

    def beside(self):
        """What else stands in a document."""
        fake = self.by_country[self.random.choice(COUNTRIES)]
        made = [
            ("id", fake.uuid4), ("sku", fake.ean13), ("isbn", fake.isbn13), ("hash", fake.sha1), ("etag", fake.md5), ("at", fake.iso8601),
            ("ms", lambda: self.random.randrange(1_500_000_000_000, 1_900_000_000_000)), ("street", fake.street_address),
            ("city", fake.city), ("zip", fake.postcode), ("plate", fake.license_plate), ("note", fake.sentence), ("url", fake.uri),
            ("agent", fake.user_agent), ("ip", fake.ipv4), ("ip6", fake.ipv6), ("mac", fake.mac_address), ("swift", fake.swift),
            ("price", lambda: round(self.random.uniform(1, 9999), 2)), ("version", lambda: fake.numerify("#.##.###-########")),
            ("order", lambda: fake.numerify("ord_##########")), ("number", lambda: self.random.randrange(10**15, 10**16)),
            ("tracking", lambda: fake.numerify("1Z############")), ("company", fake.company), ("name", fake.name),
            ("where", lambda: f"{fake.latitude()},{fake.longitude()}"), ("text", lambda: fake.text(200)), ("date", fake.date),
            ("file", lambda: f"{fake.word()}@2x.png"), ("bytes", lambda: self.random.randrange(10**9)),
        ]
        return {name: make() for name, make in self.random.sample(made, 6)}

    def document(self, kind):
        """Text, the value in it (none where `kind` is none), and in which way it stands there."""
        members = self.beside()
        if kind is None:
            return json.dumps(members, ensure_ascii=False, default=str), None, None
        value, name = self.value(kind)
        way = self.random.choice(["named", "unnamed", "sentence"])
        if way == "sentence":
            text = f"{members.popitem()[1]} Please use {value}, or ask again."
            return text, value, way
        members[name if way == "named" else "value"] = value
        return json.dumps(members, ensure_ascii=False, default=str), value, way


def interval(found, count):
    """Wilson's, 95 %."""
    if not count:
        return 0.0, 0.0
    z, share = 1.96, found / count
    middle = share + z * z / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (middle - half) / (1 + z * z / count), (middle + half) / (1 + z * z / count)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "target/release/examples/personal"))
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--misses", action="store_true", help="show values that are not found, and what else is")
    parser.add_argument("--markdown", action="store_true", help="the page docs/personal-data.md")
    flags = parser.parse_args()
    maker = Maker(flags.seed)
    kinds = ["cards", "accounts", "mails", "phones", "persons"]
    seen, hit, false, without = collections.Counter(), collections.Counter(), collections.Counter(), 0
    texts, labels = [], []
    for number in range(flags.documents):
        kind = maker.random.choice(kinds) if number % 2 else None
        text, value, way = maker.document(kind)
        texts.append(text)
        labels.append((kind, value, way))
    done = subprocess.run([flags.program], input="\0".join(texts).encode(), capture_output=True, check=True)
    lines = done.stdout.decode().split("\n")[:len(texts)]
    for text, (kind, value, way), line in zip(texts, labels, lines, strict=True):
        found = [(one.split()[0], *map(int, one.split()[1:])) for one in line.split(",") if one]
        if kind is None:
            without += 1
            for one, start, end in found:
                false[one] += 1
                if flags.misses:
                    print("else", one, text.encode()[start:end].decode(), file=sys.stderr)
            continue
        at = text.encode().index(value.encode() if way == "sentence" else json.dumps(value, ensure_ascii=False)[1:-1].encode())
        covered = any(one == kind and start <= at and end >= at + len(value.encode()) for one, start, end in found)
        seen[kind, way] += 1
        hit[kind, way] += covered
        if flags.misses and not covered:
            print("miss", kind, way, value, found, file=sys.stderr)
    report(flags, maker, kinds, seen, hit, false, without)


def report(flags, maker, kinds, seen, hit, false, without):
    share = lambda found, count: "{:.1%} ({:.1%} – {:.1%})".format(found / max(1, count), *interval(found, count))
    if flags.markdown:
        print(PAGE.format(version=maker.version, seed=flags.seed, documents=flags.documents))
    print("| class | in a member that says so | in another member | in a sentence | false finds in documents without |")
    print("|---|---|---|---|---|")
    for kind in kinds:
        ways = [share(hit[kind, way], seen[kind, way]) + f" of {seen[kind, way]}" for way in ("named", "unnamed", "sentence")]
        low, high = interval(false[kind], without)
        print(f"| `{kind}` | {' | '.join(ways)} | {false[kind]} of {without} ({low:.2%} – {high:.2%}) |")


PAGE = """# Personal data

How much of it the control [`leaks`](controls/leaks.md#personal-data) finds, and how much else. Regenerated by
`make personal-data`; values by Faker {version}, seed {seed} (detectors were tuned with another), {documents} documents, half of them
without any; in brackets the 95 % interval (Wilson).

Each value stands in one of three ways: in a member of JSON whose name says what it is, in one whose name says nothing, and in a sentence. Documents
without any have ids, codes of goods, hashes, times, prices, addresses of houses, plates of cars, prose.

Numbers that have no check digit, or one that one of ten has, count only where a name says what they are: national telephone numbers, and numbers of the
Netherlands, Poland, Germany and India. What others write in other ways is missed. Of the values here some are none by the issuers' own rules, and count as misses all the
same: cards of JCB outside of its range, numbers of National Insurance that begin with `ZZ`, numbers of Aadhaar with a wrong check digit or that begin with 0 or 1. Telephone numbers with
an extension behind them (`x123`) are missed. A number of 16 digits by chance, which a fifth of the documents without any has, passes for a card once in some thirty.
"""


if __name__ == "__main__":
    main()
