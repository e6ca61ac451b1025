# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# lib.sh - what the set-up scripts share: messages, root rights, and which Debian this is.
#
# Sourced, never run. POSIX sh only, because it runs on machines that have nothing but make and git; it must
# not know any package by name.

say()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die()
{
	say "$*"
	exit 1
}

# Wrong use is one sentence and status 2.
refuse()
{
	say "$*"
	exit 2
}

# For programs without options: refuse_options "$@"
refuse_options()
{
	for word; do
		case $word in -*) refuse "unknown option: $word" ;; esac
	done
}

# Say at once that root rights are needed, instead of in the middle of the work. sudo may ask for a password
# on a terminal; without a terminal it must not wait for nobody.
need_root()
{
	[ "$(id -u)" -ne 0 ] || return 0
	command -v sudo >/dev/null 2>&1 || die "$1 needs root rights, and there is no sudo: run it as root"
	[ -t 0 ] || sudo -n true 2>/dev/null ||
		die "$1 needs root rights, and sudo wants a password but there is no terminal: run it as root"
}

# Run a command with root rights: directly as root, else through sudo.
as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif [ -t 0 ]; then
		sudo "$@"
	else
		sudo -n "$@"
	fi
}

# The codename of the running Debian ("bookworm"); other systems are refused with a sentence.
debian_codename()
{
	# shellcheck source=/dev/null
	codename=$(. /etc/os-release && [ "$ID" = debian ] && echo "$VERSION_CODENAME") ||
		die "this needs Debian 12 or 13: the packages are named as Debian names them"
	echo "$codename"
}

# The URI of the Debian archive from which apt on this machine gets a suite; empty while apt has no package
# lists for it. The answer comes from apt itself, so one-line and deb822 lists and mirrors all work.
archive_uri()
{
	# shellcheck disable=SC2016 # apt expands these, not the shell
	apt-get indextargets --format '$(ORIGIN)|$(CODENAME)|$(REPO_URI)' 'Created-By: Packages' |
		awk -F'|' -v want="$1" '$1 == "Debian" && $2 == want && $3 !~ /^cdrom:/ { print $3; exit }'
}

# apt's lists are read-only knowledge for most of what follows; fetch them only where they are missing.
apt_update()
{
	need_root "fetching apt's package lists"
	say "fetching apt's package lists (apt-get update)"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=3 update </dev/null >&2
}
