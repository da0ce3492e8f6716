"""What is promised. A programme is a document; a version has a date from which it holds.

document.py   the document and what a good one needs
reading.py    a document read, or refused with the path and a sentence
expiry.py     until when units last
versions.py   which version holds at a moment; saving and publishing one
standing.py    a shop and the version that holds in it
first.py      the programme of a fresh installation
models.py     the rows
"""
