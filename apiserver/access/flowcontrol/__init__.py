"""API Priority and Fairness: who waits for whom when there are too many requests (KEP-1040).

A FlowSchema puts a request into a flow and a priority level. Every level has seats of its own, and
queues from which its flows are served in turn.
"""
