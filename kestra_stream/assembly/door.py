"""The door: what the services stand on, with a repository or with the log alone."""

from kestra_stream.assembly.equipment import Equipment
from kestra_stream.runtime.identity import new_id
from kestra_stream.webserver.evaluation import door_evaluation
from kestra_stream.webserver.files import store_input_file
from kestra_stream.webserver.flow_register import FlowRegister, LoggedFlows, StoredFlows
from kestra_stream.webserver.services import Door, KnownExecutions
from kestra_stream.worker.task_table import all_tasks


def door_of(equipment: Equipment, executions: KnownExecutions | None = None) -> Door:
    """Build a door over the repository; without one flows are saved in the log, and `executions` tells what is known of executions."""
    backend, services = equipment.backend, equipment.services
    return Door(
        log=backend.log,
        register=_register(equipment),
        executions=executions or backend.repository.executions,
        now=equipment.clock.now,
        new_id=new_id,
        flow=equipment.table.get,
        tasks=lambda flow: {task.id: task for task in all_tasks(flow)},
        evaluate=lambda flow, execution_id: door_evaluation(services, flow, execution_id),
        encrypt=services.cipher.encrypt if equipment.settings.encryption_key else None,
        store_file=lambda head, input_id, value: store_input_file(backend.storage, head, input_id, value),
    )


def _register(equipment: Equipment) -> FlowRegister:
    backend = equipment.backend
    if backend.has_repository:
        return StoredFlows(backend.repository.flows, backend.log)
    return LoggedFlows(equipment.table, backend.log, equipment.clock.now, new_id)
