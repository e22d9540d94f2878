import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Presence',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='presence', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('last_seen', models.DateTimeField(blank=True, null=True)),
                ('visibility', models.PositiveIntegerField(default=0, help_text='How often the choice was changed; an odd count appears offline.')),
            ],
            options={
                'verbose_name_plural': 'presence',
            },
        ),
    ]
