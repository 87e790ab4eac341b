"""A cache that serves a store from memory and is fed by one watch on that store.

Its queues, their bounds, and what happens at the bound:

=====================  =======================  ==============================================
queue                  bound                    when it is full
=====================  =======================  ==============================================
recent events          the number of records,   the oldest are dropped; a watch that starts before
                       ``WINDOW`` at most       them first reads the store's own history
one watcher's batches  ``BACKLOG`` events       that watch ends with `SlowWatcher`
=====================  =======================  ==============================================
"""
