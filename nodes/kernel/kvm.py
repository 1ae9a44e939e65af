"""Whether /dev/kvm runs guests at hardware speed. `python -m nodes.kernel.kvm` probes; `speed()` asks it in a child.

Opening /dev/kvm, creating a machine and even booting a few instructions prove nothing where KVM itself is nested without
VMX or SVM below: guest kernel code is emulated there one instruction at a time. So this runs a loop in 64-bit ring 0
(2 000 000 rounds: about 1 ms on hardware, about 1 s emulated) and then one BMI2 instruction, which the emulator lacks and
a stock kernel's decompressor uses. A child process, so that the alarm that ends a slow loop may simply kill it.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import platform
import signal
import struct
import subprocess
import sys
from pathlib import Path

DEVICE = Path("/dev/kvm")
ROUNDS = 2_000_000
LIMIT_S = 0.3
_GET_API_VERSION, _CREATE_VM, _GET_RUN_SIZE, _CREATE_VCPU, _RUN = 0xAE00, 0xAE01, 0xAE04, 0xAE41, 0xAE80
_SET_MEMORY, _SET_TSS_ADDR, _SET_REGS = 0x4020AE46, 0xAE47, 0x4090AE82
_GET_SREGS, _SET_SREGS = 0x8138AE83, 0x4138AE84
_EXIT_IO, _EXIT_INTERNAL_ERROR = 2, 17
_DONE_PORT = 0xF4
_CODE, _PAGE_TABLES, _STACK, _MEMORY_BYTES = 0x1000, 0x2000, 0x8000, 1 << 21


def speed() -> str:
    """`hardware`, or why not, in one line. Takes less than half a second."""
    if not DEVICE.exists() or DEVICE.stat().st_rdev == Path(os.devnull).stat().st_rdev:
        return "there is no /dev/kvm"  # compose cannot leave a device out: it puts an empty one there
    if platform.machine() != "x86_64":
        return f"not examined on {platform.machine()}"
    child = subprocess.run(
        [sys.executable, "-m", "nodes.kernel.kvm"], capture_output=True, text=True, check=False,
        cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    if child.returncode == -signal.SIGALRM:
        return f"guest code is emulated ({ROUNDS} loop rounds took more than {LIMIT_S} s)"
    return child.stdout.strip() or f"the probe ended with status {child.returncode}"


def probe() -> str:
    """As `speed`, in this process; SIGALRM kills it when the loop is too slow. Raises OSError where KVM refuses."""
    kvm = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
    if fcntl.ioctl(kvm, _GET_API_VERSION) != 12:
        return "KVM speaks another API version than 12"
    machine = fcntl.ioctl(kvm, _CREATE_VM, 0)
    memory = _guest_memory(machine)
    memory[_CODE : _CODE + len(_program())] = _program()
    cpu = fcntl.ioctl(machine, _CREATE_VCPU, 0)
    run = mmap.mmap(cpu, fcntl.ioctl(kvm, _GET_RUN_SIZE))
    _enter_long_mode(cpu, memory)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    fcntl.ioctl(cpu, _RUN, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    reason = struct.unpack_from("<I", run, 8)[0]
    if reason == _EXIT_IO and struct.unpack_from("<H", run, 34)[0] == _DONE_PORT:
        return "hardware"
    return "an instruction cannot be emulated" if reason == _EXIT_INTERNAL_ERROR else f"unexpected KVM exit {reason}"


def _guest_memory(machine: int) -> mmap.mmap:
    memory = mmap.mmap(-1, _MEMORY_BYTES, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    # Three pages that Intel's KVM keeps for itself: anywhere below 4 GiB outside the guest's memory.
    ctypes.CDLL(None).ioctl(machine, ctypes.c_ulong(_SET_TSS_ADDR), ctypes.c_ulong(0xFFFBD000))
    fcntl.ioctl(machine, _SET_MEMORY, struct.pack("<IIQQQ", 0, 0, 0, _MEMORY_BYTES, address))
    return memory


def _program() -> bytes:
    loop = b"\xb9" + struct.pack("<I", ROUNDS) + b"\xff\xc9\x75\xfc"  # mov ecx,ROUNDS; again: dec ecx; jnz again
    has_bmi2 = " bmi2 " in Path("/proc/cpuinfo").read_text()
    shlx = b"\xc4\xe2\x71\xf7\xc1" if has_bmi2 else b""  # shlx eax,ecx,ecx
    return loop + shlx + b"\x66\xba\xf4\x00\xb0\x42\xee\xf4"  # mov dx,0xf4; mov al,0x42; out dx,al; hlt


def _enter_long_mode(cpu: int, memory: mmap.mmap) -> None:
    """Page tables for the first GiB (one huge page), flat segments, paging and long mode on; Intel SDM vol. 3, 10.8.5."""
    for offset, entry in ((0, 0x3003), (0x1000, 0x4003), (0x2000, 0x83)):
        memory[_PAGE_TABLES + offset : _PAGE_TABLES + offset + 8] = struct.pack("<Q", entry)
    sregs = bytearray(312)  # struct kvm_sregs: cs, ds..ss from 0, cr0 at 224, cr3 240, cr4 248, efer 264
    fcntl.ioctl(cpu, _GET_SREGS, sregs)
    sregs[0:24] = _segment(selector=8, kind=11, default32=0, long=1)
    sregs[24:144] = _segment(selector=16, kind=3, default32=1, long=0) * 5
    cr0 = struct.unpack_from("<Q", sregs, 224)[0] | 0x80000001
    for offset, value in ((224, cr0), (240, _PAGE_TABLES), (248, 0x20), (264, 0x500)):
        struct.pack_into("<Q", sregs, offset, value)
    fcntl.ioctl(cpu, _SET_SREGS, bytes(sregs))
    regs = bytearray(144)  # struct kvm_regs: rsp at 56, rip 128, rflags 136
    struct.pack_into("<Q", regs, 56, _STACK)
    struct.pack_into("<QQ", regs, 128, _CODE, 2)
    fcntl.ioctl(cpu, _SET_REGS, bytes(regs))


def _segment(*, selector: int, kind: int, default32: int, long: int) -> bytes:
    """struct kvm_segment: base 0, limit 4 GiB, present, code or data."""
    return struct.pack("<QIHBBBBBBBBBB", 0, 0xFFFFFFFF, selector, kind, 1, 0, default32, 1, long, 1, 0, 0, 0)


if __name__ == "__main__":
    try:
        print(probe())
    except OSError as error:
        print(f"/dev/kvm refuses: {error.strerror}")
