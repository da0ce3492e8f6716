"""What happens to a person's data as a whole.

merging.py   two customers who are one person
"""
