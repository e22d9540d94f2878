"""The index of the words of messages, which the database keeps by itself, whoever writes.

PostgreSQL has an index of an expression, SQLite a table of FTS5 that triggers fill. Both belong to
the transaction that changes a message: what is committed is found, what is deleted has no words.
Words are found whatever their case and accents; punctuation only parts them.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, Func
from django.db.models.sql.compiler import SQLCompiler

INDEX = "chat_message_words"
ADD = f"INSERT INTO {INDEX} (rowid, body) VALUES (new.id, new.body);"  # noqa: S608
REMOVE = f"INSERT INTO {INDEX} ({INDEX}, rowid, body) VALUES ('delete', old.id, old.body);"  # noqa: S608
TRIGGERS = {
    f"{INDEX}_insert": f"AFTER INSERT ON chat_message BEGIN {ADD} END",
    f"{INDEX}_update": f"AFTER UPDATE OF body ON chat_message BEGIN {REMOVE} {ADD} END",
    f"{INDEX}_delete": f"AFTER DELETE ON chat_message BEGIN {REMOVE} END",
}

SQL = tuple[str, tuple[str, ...]]


class Term(NamedTuple):
    """A word, or words that follow one another."""

    text: str
    is_beginning: bool = False
    """Whether the last word may go on."""


class Says(Func):
    """Whether a message has all of these terms in its body."""

    output_field = BooleanField()

    def __init__(self, terms: Sequence[Term]) -> None:
        super().__init__("pk")
        self.terms = terms

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> SQL:  # Any: Django's
        pk, _ = compiler.compile(self.get_source_expressions()[0])
        quoted = ('"{}"{}'.format(text.replace('"', '""'), "*" * goes) for text, goes in self.terms)
        found = f"SELECT rowid FROM {INDEX} WHERE {INDEX} MATCH %s"  # noqa: S608
        return f"{pk} IN ({found})", (" ".join(quoted),)

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> SQL:  # Any: as above
        pk, _ = compiler.compile(self.get_source_expressions()[0])
        phrase = "phraseto_tsquery('simple', chat_folded(%s))"
        beginning = f"coalesce((nullif({phrase}::text, '') || ':*')::tsquery, '')"
        asked = " && ".join(beginning if goes else phrase for _, goes in self.terms)
        words = "to_tsvector('simple', chat_folded(body))"
        # The offset keeps this apart: asked together with the rooms, PostgreSQL may read a room,
        # word for word, instead of the index.
        found = f"SELECT id FROM chat_message WHERE {words} @@ ({asked}) OFFSET 0"  # noqa: S608
        return f"{pk} IN ({found})", tuple(term.text for term in self.terms)


def keep_triggers(using: str, **kwargs: object) -> None:  # a signal's arguments
    """After migrations: make SQLite's triggers where they are missing, and the index anew.

    To change a field of a table, Django makes another table on SQLite, without these triggers.
    """
    connection = connections[using]
    if connection.vendor != "sqlite":
        return
    with transaction.atomic(using), connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE name LIKE %s", [f"{INDEX}%"])
        names = {name for (name,) in cursor.fetchall()}
        if INDEX not in names or TRIGGERS.keys() <= names:
            return
        for name, does in TRIGGERS.items():
            cursor.execute(f"CREATE TRIGGER IF NOT EXISTS {name} {does}")
        cursor.execute(f"INSERT INTO {INDEX} ({INDEX}) VALUES ('rebuild')")  # noqa: S608
