#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# handover - in the guest: hand every connection over back and forth at moments that follow from a seed.
# Prints, at its end, how often it asked for each direction and how often that was refused.
seed=$1
offloads=0 uploads=0 refused=0
trap 'echo "offload $offloads upload $uploads refused $refused"; exit 0' TERM
while :; do
	for way in offload upload; do
		seed=$(((seed * 1103515245 + 12345) & 0x7fffffff))
		usleep $((1000 + (seed >> 8) % 60000))
		if chimneyctl "$way" all >/dev/null 2>&1; then
			if [ "$way" = offload ]; then
				offloads=$((offloads + 1))
			else
				uploads=$((uploads + 1))
			fi
		else
			refused=$((refused + 1))
		fi
	done
done
