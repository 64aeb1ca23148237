"""pip, with environment markers evaluated for the component's Python instead of the one that runs pip.

`--python-version` makes pip choose wheels and releases for that version, but requirements such as
`legacy-cgi; python_version >= "3.13"` are still judged by the running interpreter. The container is
Linux, so the platform's markers say Linux.
"""

import sys

from pip._internal.cli.main import main
from pip._vendor.packaging import markers

GUEST = {
    "implementation_name": "cpython",
    "implementation_version": "3.14.0",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_release": "",
    "platform_system": "Linux",
    "platform_version": "",
    "python_full_version": "3.14.0",
    "python_version": "3.14",
    "sys_platform": "linux",
}

markers.default_environment = lambda: dict(GUEST)

if __name__ == "__main__":
    sys.exit(main())
