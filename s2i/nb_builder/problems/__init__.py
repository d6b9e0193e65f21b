"""Every failure that a build can explain: a code and three sentences (what, why, fix).

A class holds the words, with the facts in braces; whoever raises it passes the facts by name. The
page docs/reference/problems.md has a row for each, and each has a fixture in test/fixtures.
"""
