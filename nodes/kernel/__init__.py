"""The initiator as a real Linux kernel in a microVM: QEMU, the guest's settings and figures, the autopsy of its hangs."""
