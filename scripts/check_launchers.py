"""Check every name that `solon export --to` writes against OpenRLHF's and verl's own sources.

Fetches both wheels (or takes them from a folder), reads argparse calls and Hydra files without importing anything,
records the names in names.json, and fails where an exported name is not among them.

    python scripts/check_launchers.py [FOLDER_OF_WHEELS]
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from solon.pipeline.export.launchers import openrlhf, verl
from solon.pipeline.export.launchers.stage import Plan, Stage
from solon.pipeline.recipe import load_recipe

NAMES = Path(__file__).parent.parent / "src/solon/pipeline/export/launchers/names.json"
MODULES = ("train_sft", "train_rm", "train_dpo", "train_ppo_ray", "lora_combiner")
TOOLS = {"openrlhf": openrlhf, "verl": verl}


def main() -> int:
    with tempfile.TemporaryDirectory() as temporary:
        wheels = Path(sys.argv[1]) if len(sys.argv) > 1 else fetch(Path(temporary))
        found = {tool: read_wheel(tool, wheels, Path(temporary)) for tool in TOOLS}
    NAMES.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    wrong = [line for tool in TOOLS for stage in every_stage(tool) for line in misnamed(stage, found[tool])]
    for tool, names in found.items():
        counts = ", ".join(f"{module} {len(listed)}" for module, listed in names["modules"].items())
        print(f"{tool} {names['version']}: {counts}")
    print("\n".join(wrong) or "every exported name is theirs")
    return bool(wrong)


def every_stage(tool: str) -> Iterator[Stage]:
    """All that is written for a tool, with every option on."""
    for method in TOOLS[tool].METHODS:
        overrides = (
            f"rl_cai.method={method}",
            "rl_cai.ppo.kl=adaptive",
            "rl_cai.dpo.loss=ipo",
            "sl_cai.sft.packing=true",
        )
        yield from TOOLS[tool].stages(Plan(load_recipe("quickstart", overrides), "base", spread=0.5))


def misnamed(stage: Stage, names: dict[str, Any]) -> list[str]:
    """What the stage writes that its modules do not know: names, and values that are not among the choices."""
    out = []
    for module, written in [(stage.module, {**stage.arguments, **stage.settings}), *stage.after]:
        known = names["modules"][module]
        out += [f"{module}: no argument {name}" for name in written if name not in known]
        for name, value in written.items():
            if known.get(name) and value not in known[name]:
                out.append(f"{module}: {name} is {value}, not one of {', '.join(map(str, known[name]))}")
    return out


def fetch(folder: Path) -> Path:
    """Both wheels, without what they depend on."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":none:", "-q", "-d", str(folder)]
    subprocess.run([*command, *TOOLS], check=True)
    return folder


def read_wheel(tool: str, wheels: Path, temporary: Path) -> dict[str, Any]:
    wheel = next(iter(sorted(wheels.glob(f"{tool}-*.whl"), reverse=True)), None)
    if wheel is None:
        raise SystemExit(f"no {tool} wheel in {wheels}")
    folder = temporary / tool
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    package = next(path for path in folder.rglob(tool) if path.is_dir() and (path / "__init__.py").exists())
    read = openrlhf_names if tool == "openrlhf" else verl_names
    return {"version": wheel.name.split("-")[1], "modules": read(package)}


# --- argparse ------------------------------------------------------------------------------------


def openrlhf_names(package: Path) -> dict[str, dict[str, Any]]:
    """Option → choices (null: any) of each command line."""
    return {f"openrlhf.cli.{name}": options(package / "cli" / f"{name}.py") for name in MODULES}


def options(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for call, prefixes in add_argument_calls(ast.parse(path.read_text())):
        choices = next((ast.literal_eval(k.value) for k in call.keywords if k.arg == "choices"), None)
        for prefix in prefixes:
            found[text_of(call.args[0], prefix).removeprefix("--")] = choices
    return found


def add_argument_calls(tree: ast.AST, prefixes: tuple[str, ...] = ("",)) -> Iterator[tuple[ast.Call, tuple[str, ...]]]:
    """Every add_argument call, with the values of the loop variable around it."""
    for node in ast.iter_child_nodes(tree):
        inner = prefixes
        if isinstance(node, ast.For) and isinstance(node.iter, ast.Tuple | ast.List):
            inner = tuple(str(ast.literal_eval(e)) for e in node.iter.elts if isinstance(e, ast.Constant)) or prefixes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add_argument":
            yield node, inner
        yield from add_argument_calls(node, inner)


def text_of(node: ast.expr, prefix: str) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(ast.literal_eval(p)) if isinstance(p, ast.Constant) else prefix for p in node.values)
    return str(ast.literal_eval(node))


# --- Hydra ---------------------------------------------------------------------------------------


def verl_names(package: Path) -> dict[str, dict[str, Any]]:
    """Key → null of each configuration, composed from its defaults."""
    folder = package / "trainer/config"
    return {
        verl.PPO: dict.fromkeys(keys(yaml.safe_load((folder / "_generated_ppo_trainer.yaml").read_text()))),
        verl.SFT: dict.fromkeys(keys(composed(folder, "sft_trainer_engine"))),
    }


def composed(folder: Path, name: str) -> dict[str, Any]:
    """A configuration with its defaults (`group@place: file`) put in their places."""
    loaded: dict[str, Any] = yaml.safe_load((folder / f"{name}.yaml").read_text())
    for default in loaded.pop("defaults", []):
        if isinstance(default, dict):
            [(group, file)] = default.items()
            group, _, place = str(group).partition("@")
            if place and "${" not in f"{group}{file}":
                inner = composed(folder / group, str(file))
                loaded[place] = {**inner, **loaded.get(place, {})}
    return loaded


def keys(value: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, inner in value.items():
        if name in ("profiler", "global_profiler", "_target_"):
            continue
        if isinstance(inner, dict) and inner:
            yield from keys(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


if __name__ == "__main__":
    sys.exit(main())
