"""What `docker build` would copy into the image: a folder with the files that .dockerignore lets through."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_NEXT_MIGRATION = '''"""A change that the former release neither knows nor minds, as every migration is to be."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("accounts", "{last}")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE accounts_team ADD COLUMN drill_note text NULL",
            "ALTER TABLE accounts_team DROP COLUMN drill_note",
        )
    ]
'''


def copy(target: Path, version: str) -> None:
    """Copy the image's files into ``target``, as of this version."""
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if not line.startswith("!"):
            continue
        source, copied = ROOT / line[1:], target / line[1:]
        copied.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copied, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            shutil.copy2(source, copied)
    settings = target / "optimizer_project" / "settings.py"
    lines = [f'VERSION = "{version}"' if line.startswith("VERSION = ") else line for line in _lines(settings)]
    settings.write_text("\n".join(lines) + "\n")


def add_migration(target: Path) -> str:
    """Add a migration to the copy, as a next release would; returns its name."""
    folder = target / "accounts" / "migrations"
    last = max(path.stem for path in folder.glob("[0-9]*.py"))
    name = f"{int(last[:4]) + 1:04d}_drill_note"
    (folder / f"{name}.py").write_text(_NEXT_MIGRATION.format(last=last))
    return name


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()
