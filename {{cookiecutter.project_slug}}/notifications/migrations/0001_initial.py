import django.core.serializers.json
import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Inbox',
            fields=[
                ('last_rev', models.PositiveBigIntegerField(default=0, editable=False)),
                ('epoch', models.UUIDField(default=uuid.uuid4, editable=False)),
                ('pruned_rev', models.PositiveBigIntegerField(default=0, editable=False)),
                ('has_outlets', models.BooleanField(default=False, editable=False)),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('unread', models.PositiveIntegerField(default=0, editable=False)),
                ('read_rev', models.PositiveBigIntegerField(default=0, editable=False)),
                ('digest', models.BooleanField(default=True)),
                ('mailed_at', models.DateTimeField(blank=True, editable=False, null=True)),
            ],
            options={
                'verbose_name_plural': 'inboxes',
            },
        ),
        migrations.CreateModel(
            name='Notification',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('seq', models.PositiveBigIntegerField()),
                ('rev', models.PositiveBigIntegerField()),
                ('deleted_at', models.DateTimeField(blank=True, null=True)),
                ('kind', models.CharField(max_length=64)),
                ('target', models.CharField(blank=True, max_length=100)),
                ('data', models.JSONField(default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder)),
                ('quiet', models.BooleanField(default=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('group', models.CharField(blank=True, max_length=100)),
                ('count', models.PositiveIntegerField(default=1)),
                ('read_at', models.DateTimeField(blank=True, null=True)),
                ('mailed_at', models.DateTimeField(blank=True, null=True)),
                ('actor', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('recipient', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-seq'],
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Happening',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=64)),
                ('target', models.CharField(blank=True, max_length=100)),
                ('data', models.JSONField(default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder)),
                ('quiet', models.BooleanField(default=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('key', models.CharField(blank=True, max_length=100)),
                ('actor', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('notification', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='happenings', to='notifications.notification')),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='TargetPreference',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('target', models.CharField(max_length=100)),
                ('level', models.CharField(choices=[('everything', 'Everything'), ('mentions', 'Mentions'), ('nothing', 'Nothing')], max_length=10)),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='KindPreference',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=64)),
                ('level', models.CharField(choices=[('everything', 'Always'), ('quiet', 'Quietly'), ('nothing', 'Never')], max_length=10)),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('user', 'kind'), name='one_preference_per_kind')],
            },
        ),
        migrations.AddIndex(
            model_name='notification',
            index=models.Index(condition=models.Q(('deleted_at', None), ('read_at', None)), fields=['recipient', 'target'], name='unread_notifications'),
        ),
        migrations.AddIndex(
            model_name='notification',
            index=models.Index(condition=models.Q(('deleted_at', None), ('read_at', None), models.Q(('mailed_at', None), ('mailed_at__lt', models.F('created_at')), _connector='OR')), fields=['created_at'], name='unmailed'),
        ),
        migrations.AddConstraint(
            model_name='notification',
            constraint=models.UniqueConstraint(condition=models.Q(('deleted_at', None), ('read_at', None), models.Q(('group', ''), _negated=True)), fields=('recipient', 'group'), name='one_unread_notification_per_group'),
        ),
        migrations.AddConstraint(
            model_name='notification',
            constraint=models.UniqueConstraint(fields=('recipient', 'seq'), name='notifications_notification_once_per_seq'),
        ),
        migrations.AddConstraint(
            model_name='notification',
            constraint=models.UniqueConstraint(fields=('recipient', 'rev'), name='notifications_notification_once_per_rev'),
        ),
        migrations.AddIndex(
            model_name='happening',
            index=models.Index(fields=['target', 'key'], name='by_target_and_key'),
        ),
        migrations.AddIndex(
            model_name='targetpreference',
            index=models.Index(fields=['target', 'level'], name='who_wants_what_of_a_target'),
        ),
        migrations.AddConstraint(
            model_name='targetpreference',
            constraint=models.UniqueConstraint(fields=('user', 'target'), name='one_preference_per_target'),
        ),
    ]
