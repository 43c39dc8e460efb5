"""Compile the kernel for this processor: reads a program, tries the code on it, and writes the code.

A process of its own: LLVM takes 100 MB and half a second of CPU, which the worker has no use for afterwards, and
neither its defects nor a code that this processor cannot run end the worker.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import numpy as np
from llvmlite import binding as llvm

from rookery.worker.inference.kernel.layout import MARGIN, Header
from rookery.worker.inference.kernel.machine_code import MachineCode
from rookery.worker.inference.kernel.source import NARROW, WIDE, source
from rookery.worker.runtime.thread_priority import give_way

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LINKED: Final = frozenset({b".rela.text", b".rel.text"})
"""Sections that say what a linker would have to fill in."""


class KernelError(RuntimeError):
    """LLVM made something that cannot be used as it is; says what."""


def compiled(triple: str | None = None, cpu: str = "") -> bytes:
    """Compile the kernel for this processor, or for another one; raises KernelError where its code needs a linker."""
    if triple is None:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        target, cpu = llvm.Target.from_default_triple(), llvm.get_host_cpu_name()
        features = llvm.get_host_cpu_features().flatten()
    else:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
        target, features = llvm.Target.from_triple(triple), ""
    machine = target.create_target_machine(cpu, features, opt=2, reloc="pic", codemodel="small")
    module = llvm.parse_assembly(source())
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    sections = {
        each.name(): each.data()
        for each in llvm.object_file.ObjectFileRef.from_data(machine.emit_object(module)).sections()
    }
    if needed := sections.keys() & _LINKED:
        raise KernelError(f"its code needs a linker: {sorted(needed)}")
    return bytes(sections[b".text"])


def main() -> None:
    """Compile for a program that comes in, try the code on it, and write the code."""
    give_way()
    program = np.frombuffer(sys.stdin.buffer.read(), dtype=np.int32)
    code = compiled()
    try_out(MachineCode(code), program)
    sys.stdout.buffer.write(code)


def try_out(code: MachineCode, program: NDArray[np.int32]) -> None:
    """Let the code answer rows without any value by blocks of both widths; a wrong instruction ends the process."""
    features, outputs = int(program[Header.FEATURES]), int(program[Header.OUTPUTS])
    rows = np.full((WIDE + NARROW, features), np.nan, dtype=np.float32)
    code(rows, np.empty((len(rows), outputs), dtype=np.float32), MARGIN, program)


if __name__ == "__main__":
    main()
