"""Every failure that a build can explain, with a code and three sentences (what, why, fix).

A class contains the sentences, with placeholders in braces; the code that raises it passes the values by name.
docs/reference/problems.md has a section for each, and test/fixtures has a fixture.
"""
