# SPDX-License-Identifier: GPL-2.0-or-later
# The devices that our QEMU has: what a test machine needs, and the cards that chimney is compared with.
# QEMU is configured without its default devices, which makes the build clearly shorter.

CONFIG_Q35=y
CONFIG_MICROVM=n
CONFIG_CXL=n

# The card itself
CONFIG_CHIMNEY=y

# Cards it is compared with
CONFIG_E1000E_PCI_EXPRESS=y
CONFIG_IGB_PCI_EXPRESS=y
CONFIG_VMXNET3_PCI=y
CONFIG_VIRTIO_NET=y

# Virtio on PCI: disk, entropy, console and ports, memory balloon
CONFIG_VIRTIO_PCI=y
CONFIG_VIRTIO_BLK=y
CONFIG_VIRTIO_RNG=y
CONFIG_VIRTIO_SERIAL=y
CONFIG_VIRTIO_BALLOON=y
CONFIG_VIRTIO_IOMMU=y

# Topology and IOMMU
CONFIG_PCI_BRIDGE=y
CONFIG_PCIE_PORT=y
CONFIG_PCIE_PCI_BRIDGE=y
CONFIG_IOH3420=y
CONFIG_VTD=y

# How a test sees a guest end or panic
CONFIG_ISA_DEBUG=y
CONFIG_PVPANIC_ISA=y
CONFIG_PVPANIC_PCI=y

# A second serial port, and a known third-party device for bus tests
CONFIG_SERIAL_PCI=y
CONFIG_EDU=y
CONFIG_PCI_TESTDEV=y
