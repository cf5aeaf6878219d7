"""Shell scripts and YAML of a stage."""

from __future__ import annotations

import io
import shlex
from typing import Any

from ruamel.yaml import YAML

from solon.pipeline.export.launchers.stage import Stage

_HEAD = """#!/usr/bin/env bash
# {title}
{remarks}set -euo pipefail
HERE="$(cd "$(dirname "${{BASH_SOURCE[0]}}")" && pwd)"
: "${{NUM_NODES:=1}}" "${{NUM_GPUS_PER_NODE:=8}}" "${{MICRO_BATCH:=1}}"
: "${{SL_CAI:=$HERE/models/sl_cai}}" "${{REWARD_MODEL:=$HERE/models/reward_model}}"
[ -n "${{BASE:-}}" ] || BASE={base}

# The least multiple of the rows of one pass that is no less than $1.
global_batch() {{
  local rows=$((NUM_NODES * NUM_GPUS_PER_NODE * MICRO_BATCH))
  echo $((($1 + rows - 1) / rows * rows))
}}

"""
TORCHRUN = (
    'torchrun --nnodes "$NUM_NODES" --nproc_per_node "$NUM_GPUS_PER_NODE" '
    '--node_rank "${NODE_RANK:-0}" --master_addr "${MASTER_ADDR:-127.0.0.1}" --master_port "${MASTER_PORT:-29500}"'
)
PYTHON, DEEPSPEED = "python3", 'deepspeed --num_nodes "$NUM_NODES" --num_gpus "$NUM_GPUS_PER_NODE"'

PATHS = ("$HERE", "$BASE", "$SL_CAI", "$REWARD_MODEL")


def head(stage: Stage, tool: str, base: str) -> str:
    """What every script begins with: remarks, the machine and the models, each to be set from outside."""
    remarks = "".join(f"# {remark}\n" for remark in stage.remarks)
    return _HEAD.format(title=f"{stage.name} with {tool}", remarks=remarks, base=shlex.quote(base))


def command(launcher: str, module: str, arguments: dict[str, Any], *, dashes: bool) -> str:
    """One command over several lines. `dashes`: `--name value`; else Hydra's `name=value`."""
    lines = [f"{launcher} -m {module}"]
    for name, value in arguments.items():
        if value is True and dashes:
            lines.append(f"--{name}")
        else:
            lines.append(f"--{name} {_value(value)}" if dashes else _override(name, value))
    return " \\\n  ".join(lines) + "\n"


def settings_file(stage: Stage, config: str) -> str:
    """A Hydra configuration on top of the tool's own."""
    nested: dict[str, Any] = {"defaults": [config, "_self_"]}
    for name, value in stage.settings.items():
        *parents, last = name.split(".")
        node = nested
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = value
    buffer = io.StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.dump(nested, buffer)
    return buffer.getvalue()


def _override(name: str, value: Any) -> str:
    """`name=value`, a path in Hydra's quotes: its grammar gives spaces, commas and brackets a meaning."""
    if str(value).startswith(PATHS):
        return f"\"{name}='{value}'\""
    return f"{name}={_value(value)}"


def _value(value: Any) -> str:
    """In double quotes where it uses a variable of the script, else quoted for the shell."""
    text = str(value)
    return f'"{text}"' if text.startswith("$") else shlex.quote(text)
