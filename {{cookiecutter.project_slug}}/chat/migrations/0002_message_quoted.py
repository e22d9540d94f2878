"""The message that a message quotes, as a relation: in Django alone, since both columns are there."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat", "0001_initial")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddField(
                    model_name="message",
                    name="quoted",
                    field=models.ForeignObject(
                        editable=False,
                        from_fields=["room", "reply_to"],
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="chat.message",
                        to_fields=["room", "seq"],
                    ),
                )
            ]
        )
    ]
