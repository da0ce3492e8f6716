"""The demo: one shop with a year of real purchases by invented people.

shop.py          "Harvest Grocers" and its programme (programme.json)
households.py    households, baskets and lines of the Complete Journey data, as orders
shifting.py      moving the year 2017 by whole weeks so that it ends now
people.py        the invented people who stand for the households
names.py         the lists they are made from
load.py          recording it all, in order of time, interruptible and repeatable
progress.py      how far it is: a bar or log lines, and the totals in words
"""
