"""The composition root: the only place that knows everything.

__main__.py       the commands: `python -m server --help`
settings.py       what must be configured
embedded.py       a PostgreSQL that comes with the installation
database.py       the database: opened, checked, migrated
starting.py       from nothing to a database that can be served
running.py        the processes: everything in one, or apart
listening.py      the address to serve on
app.py            the web application
auth.py           credentials into actors
headers.py        what every response carries
endpoints.py      the two GraphQL endpoints, with their surroundings
graphql/          how an endpoint answers
gate.py           what passes before it
routes/           the other routes
demo/             the demo's data and how it is loaded
demonstration.py  when it is loaded
backup.py         backup and restore
export.py         the schemas as text
doctor.py         what is configured, and is it well?
logs.py           what is logged, and how
"""
