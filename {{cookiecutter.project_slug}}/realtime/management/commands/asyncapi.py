"""Writes what clients may send and will hear: `manage.py asyncapi`."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from realtime.contract.asyncapi import document
from realtime.contract.typescript import declarations


class Command(BaseCommand):
    help = "Write docs/asyncapi.json and docs/realtime.d.ts from the types of the consumers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="write nothing, and fail where a file is stale"
        )

    def handle(self, *, check: bool, **options: Any) -> None:  # Any: Django's signature
        contract = document()
        files = {
            "asyncapi.json": json.dumps(contract, ensure_ascii=False, indent=2) + "\n",
            "realtime.d.ts": declarations(contract),
        }
        for name, text in files.items():
            file = Path(settings.BASE_DIR, "docs", name)
            if file.is_file() and file.read_text(encoding="utf-8") == text:
                continue
            if check:
                raise CommandError(
                    f"docs/{name} is not what the consumers say: run manage.py asyncapi, look at "
                    "what changed for clients, and commit it."
                )
            file.write_text(text, encoding="utf-8", newline="\n")
            self.stdout.write(f"docs/{name} is written.")
