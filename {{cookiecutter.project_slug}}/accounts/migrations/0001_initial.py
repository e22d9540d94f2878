import accounts.names
import django.db.models.functions.text
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('first_name', models.CharField(blank=True, max_length=150, verbose_name='first name')),
                ('last_name', models.CharField(blank=True, max_length=150, verbose_name='last name')),
                ('email', models.EmailField(blank=True, max_length=254, verbose_name='email address')),
                ('is_staff', models.BooleanField(default=False, help_text='Designates whether the user can log into this admin site.', verbose_name='staff status')),
                ('is_active', models.BooleanField(default=True, help_text='Designates whether this user should be treated as active. Unselect this instead of deleting accounts.', verbose_name='active')),
                ('date_joined', models.DateTimeField(default=django.utils.timezone.now, verbose_name='date joined')),
                ('username', models.CharField(error_messages={'unique': 'Somebody has this username already.'}, max_length=40, unique=True, validators=[accounts.names.validate_username])),
                ('display_name', models.CharField(blank=True, max_length=60, validators=[accounts.names.validate_display_name])),
                ('color', models.CharField(blank=True, choices=[('#c92a2a', 'Red'), ('#bf4310', 'Orange'), ('#8f5f00', 'Amber'), ('#55730b', 'Olive'), ('#2b7a35', 'Green'), ('#087f5b', 'Teal'), ('#0b7285', 'Cyan'), ('#1c6cb5', 'Blue'), ('#3b5bdb', 'Indigo'), ('#6741d9', 'Violet'), ('#9c36b5', 'Purple'), ('#c2255c', 'Pink')], max_length=7)),
                ('look', models.CharField(blank=True, editable=False, max_length=200)),
                ('is_bot', models.BooleanField(default=False, help_text='An account of a program: nobody can sign in to it.', verbose_name='bot')),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
            ],
            options={
                'verbose_name': 'user',
                'verbose_name_plural': 'users',
                'abstract': False,
                'constraints': [models.CheckConstraint(condition=models.Q(('username', django.db.models.functions.text.Lower('username'))), name='accounts_user_username_in_lower_case'), models.UniqueConstraint(condition=models.Q(('look', ''), _negated=True), fields=('look',), name='accounts_user_one_of_a_look')],
            },
        ),
    ]
