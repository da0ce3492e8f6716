from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields
from tortoise.indexes import Index


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0003_posting")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Unit",
            fields=[
                ("code", fields.TextField(primary_key=True, unique=True, db_index=True)),
                ("opened_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "unit",
                "app": "loyalty",
                "pk_attr": "code",
                "table_description": "A unit that is collected. A programme opens its units before anybody can hold them.",
            },
            bases=["Model"],
        ),
        ops.AddIndex(
            model_name="Customer",
            index=Index(fields=["merged_into_id"], name="customer_merged_into"),
        ),
        ops.RemoveField(model_name="CustomerIdentifier", name="reversed_digits"),
    ]
