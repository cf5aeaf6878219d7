"""Writes what the settings say of a recipe into docs/recipe.md, below its mark, and into docs/recipe.schema.json.

python scripts/recipe.py            rewrite both
python scripts/recipe.py --check    change nothing; exit 1 where one is not current
"""

from __future__ import annotations

import sys
from pathlib import Path

from solon.pipeline.reference import reference, to_json

DOCS = Path(__file__).resolve().parent.parent / "docs"
MARK = "<!-- from the settings: python scripts/recipe.py -->"


def current() -> dict[Path, str]:
    """Both files as they should be."""
    page = DOCS / "recipe.md"
    written, mark, _ = page.read_text(encoding="utf-8").partition(MARK)
    if not mark:
        raise SystemExit(f"recipe: {page} lacks the line {MARK}")
    return {page: f"{written}{MARK}\n\n{reference()}", DOCS / "recipe.schema.json": to_json()}


def main() -> None:
    stale = [path for path, text in current().items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        print(f"{path} is not current")
        if "--check" not in sys.argv:
            path.write_text(current()[path], encoding="utf-8")
    sys.exit(bool(stale) and "--check" in sys.argv)


if __name__ == "__main__":
    main()
