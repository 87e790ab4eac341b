"""A store in one SQLite file.

Every change is a row of an append-only log, and the number of the row is its revision. One table
therefore gives the latest state, the state at an old revision, and the history for watches. One
thread writes (`writer`), with many changes per transaction. Readers have their own connection;
SQLite's write-ahead log lets them read while the writer writes. `log` contains the queries and
changes of the log; its functions have no state but the connection passed to them.
"""
