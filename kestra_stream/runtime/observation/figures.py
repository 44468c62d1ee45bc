"""Every figure that a process shows on `/prometheus`, and what it means; docs/operations.md explains what to do about each."""

from collections.abc import Mapping

FIGURES: Mapping[str, str] = {
    "info": "Version, component, id and family of this process; always 1.",
    "clock_skew_seconds": "How far the clock of this machine is ahead of the log's (negative: behind); the process goes by the log's.",
    "lag": "Records of this member's partitions that wait to be read.",
    "records": "Records that were processed.",
    "batch_records": "Records of one batch, which is one transaction.",
    "step_seconds": "Time from having a batch to having committed it.",
    "transaction_seconds": "Time that a commit takes.",
    "retried": "Transactions that were rolled back and tried again, because the log or a service was away.",
    "fenced": "Transactions that were void, because their partitions had gone to another member.",
    "dead_letters": "Records that could not be read or processed and went to the dead letters.",
    "live_executions": "Executions that have not ended and are held in memory.",
    "timers_waiting": "Moments that live executions wait for: pauses, retries, timeouts, schedules.",
    "stale_results": "Reports of workers that changed nothing: late, doubled, or of a dispatch that is not the newest.",
    "worker_slots": "Jobs that a worker may run at a time.",
    "worker_slots_used": "Jobs that run.",
    "worker_jobs": "Jobs that were begun.",
    "worker_unsent": "Batches of records that wait to be sent, because the log is slow or away.",
}
