import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('chat', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Webhook',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('rev', models.PositiveBigIntegerField(default=0, editable=False)),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('failing_since', models.DateTimeField(editable=False, null=True)),
                ('failures', models.PositiveIntegerField(default=0, editable=False)),
                ('error', models.CharField(blank=True, editable=False, max_length=500)),
                ('task', models.PositiveBigIntegerField(editable=False, null=True)),
                ('digest', models.CharField(editable=False, max_length=64, unique=True)),
                ('url', models.CharField(blank=True, max_length=500, verbose_name='address')),
                ('signing_secret', models.CharField(editable=False, max_length=64)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('bot', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='webhook', to=settings.AUTH_USER_MODEL)),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('room', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='webhooks', to='chat.room')),
            ],
            options={
                'ordering': ['created_at', 'pk'],
            },
        ),
    ]
