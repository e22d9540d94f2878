import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Stream',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('last_rev', models.PositiveBigIntegerField(default=0, editable=False)),
                ('epoch', models.UUIDField(default=uuid.uuid4, editable=False)),
                ('pruned_rev', models.PositiveBigIntegerField(default=0, editable=False)),
                ('has_outlets', models.BooleanField(default=False, editable=False)),
                ('name', models.SlugField(max_length=100, unique=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Ticket',
            fields=[
                ('digest', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('session_key', models.CharField(max_length=40)),
                ('expires_at', models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name='TaskRow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('path', models.CharField(max_length=255, verbose_name='task')),
                ('args', models.JSONField(default=list)),
                ('kwargs', models.JSONField(default=dict)),
                ('queue_name', models.CharField(max_length=100, verbose_name='queue')),
                ('priority', models.SmallIntegerField(default=0)),
                ('status', models.CharField(choices=[('READY', 'Ready'), ('RUNNING', 'Running'), ('FAILED', 'Failed'), ('SUCCESSFUL', 'Successful')], default='READY', max_length=10)),
                ('due_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('return_value', models.JSONField(null=True)),
                ('exception', models.TextField(blank=True)),
                ('traceback', models.TextField(blank=True)),
                ('enqueued_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('started_at', models.DateTimeField(null=True)),
                ('last_attempted_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
            ],
            options={
                'verbose_name': 'task',
                'indexes': [models.Index(condition=models.Q(('status__in', ['READY', 'RUNNING'])), fields=['-priority', 'due_at', 'id'], name='tasks_to_claim'), models.Index(condition=models.Q(('status__in', ['READY', 'RUNNING']), _negated=True), fields=['status', 'finished_at'], name='tasks_that_ended')],
            },
        ),
        migrations.CreateModel(
            name='Spending',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('budget', models.CharField(max_length=64)),
                ('full_at', models.DateTimeField(db_index=True)),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('user', 'budget'), name='realtime_one_row_per_budget')],
            },
        ),
        migrations.CreateModel(
            name='StreamItem',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('seq', models.PositiveBigIntegerField()),
                ('rev', models.PositiveBigIntegerField()),
                ('deleted_at', models.DateTimeField(blank=True, null=True)),
                ('key', models.CharField(max_length=255)),
                ('data', models.TextField()),
                ('stream', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='items', to='realtime.stream')),
            ],
            options={
                'ordering': ['seq'],
                'abstract': False,
                'constraints': [models.UniqueConstraint(fields=('stream', 'seq'), name='realtime_streamitem_once_per_seq'), models.UniqueConstraint(fields=('stream', 'rev'), name='realtime_streamitem_once_per_rev'), models.UniqueConstraint(fields=('stream', 'key'), name='realtime_streamitem_once_per_sender')],
            },
        ),
    ]
