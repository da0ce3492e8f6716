"""What a purchase earns, and what a return takes back.

rules.py          points for a purchase, and the pro rata of a return; pure
earnings.py       what an order earns by the programme of its time, as postings
enrolment.py      become a member, by staff, a front end or a first purchase
purchases.py      record orders: one, or up to 500
batches.py        each order of a batch checked by itself; those that stand twice in it
recording.py      one transaction that records a batch
returns.py        record that goods came back, before or after their order; cancel an order
clawbacks.py      take back what returned goods had earned
receipts.py       claim an order that belongs to nobody yet
receipt_facts.py  what the printed receipt says
quote.py          what a basket would earn
"""
