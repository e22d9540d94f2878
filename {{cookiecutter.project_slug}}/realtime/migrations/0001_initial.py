from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Ticket",
            fields=[
                (
                    "digest",
                    models.CharField(max_length=64, primary_key=True, serialize=False),
                ),
                ("session_key", models.CharField(max_length=40)),
                ("expires_at", models.DateTimeField(db_index=True)),
            ],
        ),
    ]
