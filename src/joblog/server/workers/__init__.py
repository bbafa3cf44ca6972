"""More processes than one on an embedded catalog: the owner writes, watches and tends, and is asked by workers that read.

All listen on the one port, and the kernel gives each new connection to one of them. A worker answers calls that read logs by
itself, from the same database file and the same objects, and has every other call answered by the owner. The owner keeps the
workers running; when it ends, however it does, so do they.
"""
