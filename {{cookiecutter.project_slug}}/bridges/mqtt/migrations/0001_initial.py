import django.db.models.deletion
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='DeadLetter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('topic', models.TextField()),
                ('payload', models.BinaryField()),
                ('upstream_id', models.TextField(blank=True)),
                ('reason', models.CharField(max_length=300)),
                ('created_at', models.DateTimeField(auto_now_add=True, db_index=True)),
            ],
            options={
                'ordering': ['-pk'],
            },
        ),
        migrations.CreateModel(
            name='SensorBoard',
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
            name='Sensor',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('seq', models.PositiveBigIntegerField()),
                ('rev', models.PositiveBigIntegerField()),
                ('deleted_at', models.DateTimeField(blank=True, null=True)),
                ('name', models.SlugField()),
                ('value', models.JSONField(null=True)),
                ('wanted', models.JSONField(null=True)),
                ('reported_at', models.DateTimeField(null=True)),
                ('board', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='sensors', to='mqtt.sensorboard')),
            ],
            options={
                'ordering': ['seq'],
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='SensorOutlet',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('rev', models.PositiveBigIntegerField(default=0, editable=False)),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('failing_since', models.DateTimeField(editable=False, null=True)),
                ('failures', models.PositiveIntegerField(default=0, editable=False)),
                ('error', models.CharField(blank=True, editable=False, max_length=500)),
                ('task', models.PositiveBigIntegerField(editable=False, null=True)),
                ('board', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='outlet', to='mqtt.sensorboard')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Reading',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('upstream_id', models.CharField(max_length=64)),
                ('value', models.JSONField()),
                ('created_at', models.DateTimeField(auto_now_add=True, db_index=True)),
                ('sensor', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='readings', to='mqtt.sensor')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('sensor', 'upstream_id'), name='mqtt_reading_once')],
            },
        ),
        migrations.AddConstraint(
            model_name='sensor',
            constraint=models.UniqueConstraint(fields=('board', 'seq'), name='mqtt_sensor_once_per_seq'),
        ),
        migrations.AddConstraint(
            model_name='sensor',
            constraint=models.UniqueConstraint(fields=('board', 'rev'), name='mqtt_sensor_once_per_rev'),
        ),
        migrations.AddConstraint(
            model_name='sensor',
            constraint=models.UniqueConstraint(fields=('board', 'name'), name='mqtt_sensor_once_per_sender'),
        ),
    ]
