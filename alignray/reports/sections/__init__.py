"""The sections of a report, one per file: metrics or records in, blocks of the page out; all pure.

Each draws what is there and known, shows what is there and not known as a table, and is empty
where there is nothing.
"""
