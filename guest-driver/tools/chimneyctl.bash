# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Completion of chimneyctl for bash. Source this file, or let `make install` put it where bash looks for it.

_chimneyctl()
{
	local commands='status list offload upload shuttle query update invalidate disconnect policy stats watch'
	local options='--json --help --version' cur=${COMP_WORDS[COMP_CWORD]} command='' words='' i

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in -*) ;; *) command=${COMP_WORDS[i]} && break ;; esac
	done
	case $command in
	'') words=$commands ;;
	offload | upload) [ $((COMP_CWORD - i)) -ne 1 ] || words='all --port --pid' ;;
	shuttle) [ $((COMP_CWORD - i)) -ne 2 ] || words='all --port --pid' ;;
	disconnect) [ $((COMP_CWORD - i)) -ne 1 ] || words=--abort ;;
	policy) [ $((COMP_CWORD - i)) -ne 1 ] || words='none auto' ;;
	esac
	case ${COMP_WORDS[COMP_CWORD - 1]} in
	--port) return ;;
	--pid) words=$(cd /proc && echo [0-9]*) options='' ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words $options" -- "$cur")
}

complete -F _chimneyctl chimneyctl
