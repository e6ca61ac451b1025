# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Completion of harness/chimney for bash. Source this file, or let `make install` put it where bash looks for it.

_chimney()
{
	local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words='' kind=() i
	local options='--help --offload --device --kernel --qemu --driver --bin --copy --disk --peer --wait-listen --net --accel
		--cpus --memory --timeout --device-opt --qemu-arg --pcap --trace --report --junit --dry-run'

	if [ "$COMP_CWORD" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W 'run --help --version' -- "$cur")
		return
	fi
	for ((i = 2; i < COMP_CWORD; i++)); do
		if [ "${COMP_WORDS[i]}" = -- ]; then	# the command in the guest
			if [ $((COMP_CWORD - i)) -eq 1 ]; then kind=(-c); else kind=(-f); fi
			mapfile -t COMPREPLY < <(compgen "${kind[@]}" -- "$cur")
			return
		fi
	done
	case $before in
	--offload) words='none auto manual random:' ;;
	--device) words='chimney virtio-net-pci e1000e igb vmxnet3' ;;
	--kernel) words='6.1 6.12 7.3 newest 6.1-generic 6.12-generic 7.3-generic newest-generic debug debug-7.3' kind=(-f) ;;
	--qemu) words='10.0 11.1' kind=(-f) ;;
	--accel) words='auto tcg kvm' ;;
	--net) words='tap user stream: dgram:' ;;
	--bin | --peer) kind=(-c) ;;
	--driver | --copy | --disk | --pcap | --trace | --report | --junit) kind=(-f) ;;
	--wait-listen | --cpus | --memory | --timeout | --device-opt | --qemu-arg) ;;
	*) words="$options --" ;;
	esac
	mapfile -t COMPREPLY < <(compgen "${kind[@]}" -W "$words" -- "$cur")
}

complete -o filenames -F _chimney chimney
