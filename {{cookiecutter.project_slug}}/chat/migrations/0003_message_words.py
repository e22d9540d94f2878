"""An index of the words of messages, see `chat/words.py`.

PostgreSQL makes it while others go on writing. SQLite's is filled when the migrations are done,
by `chat.words.keep_triggers`. PostgreSQL knows accents and signs in databases of UTF8 only.
"""

from django.db import migrations

ACCENTS = r"[\u0300-\u036f]+"
SIGNS = (  # whatever the database's locale takes for letters
    r"[!-/:-@\[-`{-~\u00a0-\u00bf\u2000-\u2bff\u3001-\u3003\u3008-\u3020"
    r"\uff01-\uff0f\uff1a-\uff20\U0001f000-\U0001faff]+"
)
FOLDED = f"""
    regexp_replace(
        normalize(regexp_replace(normalize(words, NFD), '{ACCENTS}', '', 'g'), NFC),
        '{SIGNS}', ' ', 'g'
    )
"""
FOLDED_BYTES = r"regexp_replace(words, '[!-/:-@\[-`{-~]+', ' ', 'g')"
PARTS = {
    "postgresql": (
        "DROP INDEX IF EXISTS chat_message_words",
        """
        CREATE INDEX CONCURRENTLY chat_message_words ON chat_message
        USING gin (to_tsvector('simple', chat_folded(body))) WITH (gin_pending_list_limit = 512)
        """,
        "ANALYZE chat_message",
    ),
    "sqlite": (
        """
        CREATE VIRTUAL TABLE IF NOT EXISTS chat_message_words USING fts5(
            body, content='chat_message', content_rowid='id', columnsize=0, prefix='2 3',
            tokenize='unicode61 remove_diacritics 2'
        )
        """,
    ),
}
UNDONE = {
    "postgresql": (
        "DROP INDEX IF EXISTS chat_message_words",
        "DROP FUNCTION IF EXISTS chat_folded(text)",
    ),
    "sqlite": (
        "DROP TRIGGER IF EXISTS chat_message_words_insert",
        "DROP TRIGGER IF EXISTS chat_message_words_update",
        "DROP TRIGGER IF EXISTS chat_message_words_delete",
        "DROP TABLE IF EXISTS chat_message_words",
    ),
}


def make(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("SHOW server_encoding")
            (encoding,) = cursor.fetchone()
        folded = FOLDED if encoding == "UTF8" else FOLDED_BYTES
        schema_editor.execute(
            "CREATE OR REPLACE FUNCTION chat_folded(words text) RETURNS text "
            f"LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN {folded}"
        )
    for statement in PARTS[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def unmake(apps, schema_editor):
    for statement in UNDONE[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('chat', '0002_message_quoted'),
    ]

    operations = [
        migrations.RunPython(make, unmake),
    ]
