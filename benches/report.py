"""What a run of the benchmark tells: what the cache of tokens did, the spread of a figure, the table."""
import re
import statistics
import urllib.request

import credentials
import idle
from rows import CPU


def token_cache(proxy):
    """Hits and misses of Yett's token cache, from its metrics; None for the others."""
    if proxy.kind != "yett":
        return None
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        text = opener.open(f"http://127.0.0.1:{proxy.admin}/metrics", timeout=5).read().decode()
    except OSError:
        return None
    found = {"hit": 0.0, "miss": 0.0}
    for line in text.splitlines():
        match = re.fullmatch(r"(yett_\w*token_cache\w*(?:\{[^}]*\})?) ([0-9.eE+]+)", line)
        if match:
            for word in found:
                found[word] += float(match[2]) if word in match[1] else 0.0
    return found


def cache_share(before, after):
    """What the token cache did between two looks at it."""
    if not before or not after:
        return None
    hits, misses = after["hit"] - before["hit"], after["miss"] - before["miss"]
    share = round(hits / (hits + misses), 4) if hits + misses else None
    return {"hits": hits, "misses": misses, "hit_rate": share}


def cache_total(rounds):
    """The token cache over all rounds, as text: the row without a hit has to say so."""
    found = [one for one in rounds if one]
    hits, misses = (sum(one[what] for one in found) for what in ("hits", "misses"))
    return f", token cache {hits:.0f} hits of {hits + misses:.0f} ({hits / (hits + misses):.1%})" if hits + misses else ""


def spread(values):
    return {"median": round(statistics.median(values), 3), "min": round(min(values), 3), "max": round(max(values), 3)}


def table(result):
    lines = ["", f"CPU time per call or handshake, median of {result['rounds']} rounds (least – greatest), microseconds;",
             "where a row says p99, that"]
    for row in result["rows"]:
        lines.append(f"\n{row['title']}")
        for name, figures in row["proxies"].items():
            busy = statistics.median(each["core_busy"] for each in figures["rounds"])
            rate = statistics.median(each["calls_per_second"] for each in figures["rounds"])
            cache = cache_total(each["token_cache"] for each in figures["rounds"])
            lines.append(
                f"  {name:16} {figures['median']:8.2f}  ({figures['min']:.2f} – {figures['max']:.2f})"
                f"   {rate:>7.0f}/s at {busy:.0%} of a core" + cache
            )
        for ratio in row["ratios"]:
            verdict = "" if ratio["met"] is None else f"   at most {ratio['at_most']:.2f}: {'met' if ratio['met'] else 'MISSED'}"
            lines.append(
                f"  {ratio['of']} / {ratio['to']}: {ratio['median']:.3f}  ({ratio['min']:.3f} – {ratio['max']:.3f}){verdict}"
            )
    lines += idle.table(result["idle"]) + credentials.table(result["credentials"])
    lines += ["", *(f"{name} {version}" for name, version in result["versions"].items() if version)]
    lines.append(f"commit {result['commit']}{'' if result['clean'] else ' with changes'}")
    return "\n".join(lines)
