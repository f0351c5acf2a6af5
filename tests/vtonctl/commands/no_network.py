"""``no_network.py PROGRAM ARGUMENT...``: a program whose first internet socket ends its process.

The kernel keeps watch (seccomp), so native libraries and all processes that the program starts are
watched, too. Linux on x86-64 and ARM64.
"""

import ctypes
import os
import platform
import socket
import struct
import sys

_SOCKET = {"x86_64": 41, "aarch64": 198}
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_NUMBER, _ARCH, _FIRST = 0, 4, 16
"""Places in ``struct seccomp_data``: number of the call, architecture, first argument."""


def watch():
    """Forbid sockets of the internet's families to this process and all that it starts."""
    machine = platform.machine()
    families = (socket.AF_INET, socket.AF_INET6)
    program = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 0, 5, _AUDIT_ARCH[machine]),
        (_LOAD, 0, 0, _NUMBER),
        (_EQUAL, 0, 3, _SOCKET[machine]),
        (_LOAD, 0, 0, _FIRST),
        (_EQUAL, 2, 0, families[0]),
        (_EQUAL, 1, 0, families[1]),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _KILL),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    set_no_new_privileges, set_seccomp, filtering = 38, 22, 2
    if libc.prctl(set_no_new_privileges, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl: no new privileges")
    if libc.prctl(set_seccomp, filtering, ctypes.create_string_buffer(header), 0, 0):
        raise OSError(ctypes.get_errno(), "prctl: seccomp")


if __name__ == "__main__":
    watch()
    os.execvp(sys.argv[1], sys.argv[1:])
