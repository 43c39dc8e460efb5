"""The systemd unit of a station."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rookery.station.options import StationOptions

STOP_S: Final = 60
"""Seconds from SIGTERM to SIGKILL: more than setup, worker and broker may take together."""

_UNIT: Final = """\
# As root: put this into /etc/systemd/system/rookery.service, then
#   systemctl daemon-reload && systemctl enable --now rookery
[Unit]
Description=Rookery station: broker and worker over {shown}
Wants=network-online.target
After=network-online.target time-sync.target
RequiresMountsFor={data}
# Started again however often it ends: nobody has to watch it.
StartLimitIntervalSec=0

[Service]
# Ready once both programs run and topics and subscription are there.
Type=notify
NotifyAccess=main
User={user}
ExecStart={command}
Restart=always
RestartSec=10
TimeoutStartSec=600
# SIGTERM reaches the supervisor alone, which drains the worker and then the broker.
KillMode=mixed
TimeoutStopSec={stop_s}
LimitNOFILE=65536
UMask=0077

NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=read-only
ReadWritePaths={data}
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictSUIDSGID=yes
LockPersonality=yes

[Install]
WantedBy=multi-user.target
"""


def systemd_unit(options: StationOptions) -> str:
    """The unit that runs `rookery up` with these options, as the user who asks for it."""
    command = [sys.executable, "-P", "-m", "rookery", "up", *options.arguments()]
    data = str(options.data)
    return _UNIT.format(
        shown=_specifiers_escaped(data),
        data=_quoted(data),
        user=getpass.getuser(),
        command=" ".join(_quoted(each, dollar="$$") for each in command),
        stop_s=STOP_S,
    )


def _quoted(word: str, *, dollar: str = "$") -> str:
    """A word as systemd reads it back, whatever is in it; a command's dollar signs are doubled (systemd.service(5))."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("$", dollar)
    quoted = _specifiers_escaped(escaped)
    return f'"{quoted}"' if set(word) & set(" \t'\"\\;") else quoted


def _specifiers_escaped(text: str) -> str:
    return text.replace("%", "%%")
