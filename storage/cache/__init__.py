"""A store served from memory, fed by one watch on the store behind it.

What is bounded, and what happens at the bound:

=====================  =======================  ==============================================
queue                  bound                    when it is full
=====================  =======================  ==============================================
recent events          as many as records,      the oldest go; a watch from before them reads
                       ``WINDOW`` at most       the history of the store behind and joins
one watcher's batches  ``BACKLOG`` events       that watch ends with `SlowWatcher`
=====================  =======================  ==============================================
"""
