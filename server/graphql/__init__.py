"""GraphQL over HTTP, sockets and event streams.

answers.py    what an answer looks like: media type, status, JSON
endpoint.py   one schema at one path; `graphql_endpoint` makes its routes
persisted.py  documents by their hash
sockets.py    operations over graphql-transport-ws
explorer.py   GraphiQL, served from here, with examples to start from
examples/     the operations it opens with
static/       GraphiQL and React as their makers built them, with their licences
"""
