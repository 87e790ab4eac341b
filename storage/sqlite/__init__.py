"""A store in one SQLite file.

Every change is a row of an append-only log and the row's number is its revision, so one table
gives the latest state, the state at an old revision and the history that a watch reads. One thread
writes (`writer`), many changes to a transaction; readers have a connection of their own, which
SQLite's write-ahead log lets read while the writer writes. `log` is all the SQL there is; it is
pure but for the connection that it is given.
"""
