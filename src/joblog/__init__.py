"""joblog keeps every byte a training job prints, and gives any part of it back at once."""

__version__ = "0.1.0"
__all__ = ["__version__", "Client", "capture", "handler"]

_HOMES = {"Client": "joblog.client", "capture": "joblog.agent.run.attach", "handler": "joblog.agent.run.attach"}


def __getattr__(name: str) -> type:
    # Asked for by few: `import joblog` loads nothing else, and no module of ours loads more than it needs.
    if name in _HOMES:
        module = __import__(_HOMES[name], fromlist=[name])
        exports = vars(module).get("EXPORTS") or vars(module)
        kind: type = exports[name]
        return kind
    raise AttributeError(f"module 'joblog' has no attribute {name!r}")
