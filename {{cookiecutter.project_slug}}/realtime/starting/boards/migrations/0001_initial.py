import django.db.models.deletion
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Board',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('last_rev', models.PositiveBigIntegerField(default=0, editable=False)),
                ('epoch', models.UUIDField(default=uuid.uuid4, editable=False)),
                ('pruned_rev', models.PositiveBigIntegerField(default=0, editable=False)),
                ('has_outlets', models.BooleanField(default=False, editable=False)),
                ('slug', models.SlugField(unique=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Card',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('seq', models.PositiveBigIntegerField()),
                ('rev', models.PositiveBigIntegerField()),
                ('deleted_at', models.DateTimeField(blank=True, null=True)),
                ('client_id', models.CharField(max_length=64)),
                ('title', models.CharField(max_length=64)),
                ('board', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='cards', to='boards.board')),
            ],
            options={
                'ordering': ['seq'],
                'abstract': False,
                'constraints': [models.UniqueConstraint(fields=('board', 'seq'), name='boards_card_once_per_seq'), models.UniqueConstraint(fields=('board', 'rev'), name='boards_card_once_per_rev'), models.UniqueConstraint(fields=('board', 'client_id'), name='boards_card_once_per_sender')],
            },
        ),
    ]
