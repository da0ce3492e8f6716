"""The demo: one shop with a year of real purchases by invented people.

shop.py          "Harvest Grocers" and its programme (programme.json)
households.py    households, baskets and lines of the Complete Journey data, as orders
shifting.py      moving the year 2017 by whole weeks so that it ends now
people.py        the invented people who stand for the households, and what they redeem (wishes.py)
names.py         the lists they are made from
part.py          a part of the households, side by side in order of time
load.py          all parts; interruptible and repeatable
progress.py      how far it is: a bar or log lines, and the totals in words
"""
