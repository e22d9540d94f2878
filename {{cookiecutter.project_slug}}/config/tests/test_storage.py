"""How STORAGE_URL is read; tests/test_attachments.py of the template tries a store."""

import pytest

from config import storage


def test_a_store_needs_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"^needs the extra s3: install it with pip install -e"):
        storage.storage("s3://key:secret@s3.example.com/bucket")
