from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Notice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.SlugField(unique=True)),
                ('text', models.CharField(blank=True, max_length=64)),
                ('rev', models.PositiveBigIntegerField(default=0, editable=False)),
            ],
        ),
    ]
