"""What PostgreSQL posts is what the model says, after every batch."""

from tests.support.ledger import Pair, World, random_draw, seeded, some_customers


async def test_postings_do_what_the_specification_says(database: str) -> None:
    with seeded() as dice:
        for _ in range(10):
            pair = Pair(World(await some_customers(4)))
            while pair.posted < 500:
                pair.world.pass_time(dice.randrange(30))
                size = dice.choice((1, 1, 1, 2, 5, 10, 20, 50))
                await pair.post([random_draw(dice) for _ in range(size)])
            pair.world.ledger.check_laws()
