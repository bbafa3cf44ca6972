"""joblog keeps every byte a training job prints, and gives any part of it back at once."""

__version__ = "0.1.0"
__all__ = ["__version__", "capture", "handler"]


def __getattr__(name: str) -> type:
    # Asked for by few: `import joblog` loads nothing else, and no module of ours loads more than it needs.
    if name in ("capture", "handler"):
        __import__("joblog.agent.attach")
        attach = vars(globals()["agent"])["attach"]
        found: type = attach.EXPORTS[name]
        return found
    raise AttributeError(f"module 'joblog' has no attribute {name!r}")
