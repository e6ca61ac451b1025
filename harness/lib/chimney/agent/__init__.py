# SPDX-License-Identifier: GPL-2.0-or-later
"""Client of the guest's agent: commands, files and power-off over a virtio-serial port.

The host end of the protocol of images/PROTOCOL.md. One thread reads the port; any thread may call
in. Every wait has a deadline and a name, and looks after the guest while it waits.
"""
