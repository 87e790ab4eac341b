"""Kinds of the group batch: Jobs and CronJobs."""
