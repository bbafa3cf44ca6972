"""What Go clients of ModelArts decode answers into: OpenI AiForge's types, another public client's; for v2, the documents'."""

from __future__ import annotations

from tests.server.modelarts.go_json import ANY, Shape

FAILED: Shape = {"error_code": str, "error_msg": str, "error_message": str, "is_success": bool}
RESULT: Shape = {"error_code": str, "error_msg": str, "is_success": bool}

_PARAMETERS: Shape = [{"label": str, "value": str}]

CREATED: Shape = RESULT | {
    **{"job_name": str, "job_id": int, "status": int, "create_time": int},
    **{"version_id": int, "resource_id": str, "version_name": str},
}
JOBS: Shape = FAILED | {
    **{"job_total_count": int, "job_count_limit": int, "quotas": int},
    "jobs": [
        {
            **{"job_name": str, "job_id": int, "version_id": int, "version_count": int, "job_desc": str},
            **{"status": int, "create_time": int, "duration": int},
        }
    ],
}
DETAIL: Shape = RESULT | {
    **{"job_name": str, "job_id": int, "job_desc": str, "status": int, "create_time": int, "duration": int, "start_time": int},
    **{"version_id": int, "resource_id": str, "version_name": str, "pre_version_id": int, "worker_server_num": int},
    **{"app_url": str, "boot_file_url": str, "parameter": _PARAMETERS, "data_url": str, "train_url": str, "log_url": str},
    **{"engine_id": int, "engine_type": int, "engine_name": str, "engine_version": str, "flavor": {"code": str}},
    **{"pool_id": str, "pool_name": str, "nas_type": str, "nas_mount_path": str, "nas_share_addr": str},
    **{"dataset_id": str, "dataset_name": str, "dataset_version_id": str, "dataset_version_name": str},
    **{"data_source": [{"type": str, "data_url": str, "dataset_id": str, "dataset_version": str}], "model_id": int},
    **{"spec_id": int, "spec_code": str, "core": str, "cpu": str, "gpu_num": int, "gpu_type": str, "user_image_url": str},
    **{
        "user_command": str,
        "model_metric_list": str,
        "system_metric_list": {"cpuUsage": [str], "interval": int},
        "volumes": ANY,
    },
}
VERSIONS: Shape = RESULT | {"job_id": int, "job_name": str, "job_desc": str, "version_count": int, "versions": [DETAIL]}
FILE_NAMES: Shape = RESULT | {"log_file_list": [str]}
LINES: Shape = RESULT | {"content": str, "lines": int, "start_line": str, "end_line": str}
BYTES: Shape = RESULT | {"log": str, "log_byte_count": int, "end_byte": int, "count": int}
SPECS: Shape = RESULT | {
    "spec_total_count": int,
    "specs": [
        {
            **{"spec_id": int, "core": str, "cpu": str, "gpu_num": int, "gpu_type": str, "spec_code": str, "unit_num": int},
            **{"max_num": int, "storage": str, "interface_type": int, "no_resource": bool},
        }
    ],
}
ENGINES: Shape = RESULT | {
    "engines": [{"engine_type": int, "engine_name": str, "engine_id": int, "engine_version": str}],
}

TRAINING_JOB: Shape = FAILED | {
    "kind": str,
    "metadata": {
        **{"id": str, "name": str, "description": str, "create_time": int, "workspace_id": str, "user_name": str},
        "annotations": ANY,
    },
    "status": {
        **{"phase": str, "secondary_phase": str, "duration": int, "start_time": int, "node_count_metrics": [[int]]},
        **{"tasks": [str], "task_statuses": [{"task": str, "exit_code": int, "message": str}]},
    },
    "algorithm": {
        **{"id": str, "name": str, "code_dir": str, "boot_file": str, "command": str},
        **{"parameters": [{"name": str, "value": str}], "engine": {"engine_id": str, "engine_name": str, "image_url": str}},
    },
    "spec": {
        "resource": {"flavor_id": str, "pool_id": str, "node_count": int},
        "log_export_path": {"obs_url": str},
        "volumes": ANY,
    },
    "endpoints": {"ssh": {"key_pair_names": [str]}},
}
TRAINING_JOBS: Shape = FAILED | {
    **{"total": int, "count": int, "limit": int, "offset": int, "sort_by": str, "order": str, "group_by": str},
    **{"workspace_id": str, "ai_project": str, "items": [TRAINING_JOB]},
}
TASKS: Shape = [{"task": str, "ip": str, "host_ip": str, "schedule_count": int}]
TASK_LINES: Shape = FAILED | {"start_line": str, "end_line": str, "lines": int, "content": str}
PREVIEW: Shape = FAILED | {"content": str, "current_size": int, "full_size": int}
LINK: Shape = FAILED | {"obs_url": str}
EVENTS: Shape = FAILED | {
    **{"total": int, "limit": int, "offset": int, "order": str},
    "events": [{"message": str, "level": str, "time": str, "source": str}],
}
