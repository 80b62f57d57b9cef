"""What it costs to know who calls, in bare ES256 verifications: runs `crates/compile/examples/credentials.rs`, which measures it."""
import json
import subprocess

TITLES = {
    "token": "ES256 token that nobody has seen",
    "proof": "fresh DPoP proof beside a remembered token",
    "remembered": "remembered token, Zipf",
    "key": "API key",
}


def run(program, core, say):
    """The program's figures, each with what is promised and whether it is met; ends the run when it cannot measure."""
    say("credentials")
    done = subprocess.run(["taskset", "-c", core, program], capture_output=True, text=True, check=False)
    if not done.stdout:
        raise RuntimeError(f"credentials: {done.stderr.strip()[-1500:]}")
    shown = json.loads(done.stdout)
    for name in TITLES:
        shown[name]["met"] = shown[name]["ratio"] <= shown[name]["promised"]
    return shown


def promises(shown):
    return [shown[name] for name in TITLES] if shown else []


def table(shown):
    if not shown:
        return []
    lines = [f"\nwho calls, in bare ES256 verifications of {shown['bare_es256_us']:.2f} µs, median of {shown['rounds']} rounds"]
    for name, title in TITLES.items():
        figures = shown[name]
        hits = f", {shown['hit_rate']:.1%} of {shown['distinct_tokens']} still remembered" if name == "remembered" else ""
        low, high = figures["spread"]
        verdict = f"at most {figures['promised']:g}: {'met' if figures['met'] else 'MISSED'}"
        lines.append(f"  {title:42} {figures['ratio']:.3f}  ({low:.3f} – {high:.3f})   {verdict}{hits}")
    return lines
