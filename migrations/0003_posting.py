"""The ledger's functions, as they stood in loyalty/ledger/posting.sql."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations import operations as ops

POSTING = Path(__file__).parent.joinpath("sql", "0003_posting.sql").read_text()


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0002_beyond_the_models")]

    operations = [ops.RunSQL(POSTING, reverse_sql=ops.RunSQL.noop)]
