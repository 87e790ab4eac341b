"""API Priority and Fairness: limits, queues and rejects concurrent requests (KEP-1040).

A FlowSchema puts a request into a flow and a priority level. Every level has seats of its own, and
queues from which its flows are served in turn.
"""
