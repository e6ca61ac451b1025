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

# For programs that build with tools which cannot write every path: plain_path "$0" "$@" goes on where $top can.
plain_path()
{
	# shellcheck disable=SC2154 # the program that sources this sets it
	case $top in
	*[!A-Za-z0-9/._+-]*) exec "$top/harness/setup/plain-path" "$@" ;;
	esac
}

# Compilers are given links to our sources, or copies: show people the sources themselves. Arguments are pairs of
# folders, the first as a compiler writes it and the second where it really is.
real_paths()
{
	script=
	while [ $# -gt 1 ]; do
		script="$script
s${sep:=$(printf '\001')}$(printf %s "$1/" | sed 's/[][\\.*^$]/\\&/g')${sep}$(printf %s "$2/" | sed 's/[\\&]/\\&/g')${sep}g"
		shift 2
	done
	LC_ALL=C sed -u "$script"
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

os_release=/etc/os-release

# The codename of the running Debian, bookworm or trixie. Other systems are refused with a sentence: their packages
# have other names, and no suite with the guest kernels is known for them.
debian_codename()
{
	# shellcheck source=/dev/null
	system=$(. "$os_release" && echo "${ID-} ${VERSION_CODENAME-} ${PRETTY_NAME-}") || system=
	case $system in
	'debian bookworm '*) echo bookworm ;;
	'debian trixie '*) echo trixie ;;
	*) die "this needs Debian 12 (bookworm) or 13 (trixie); here is: ${system#* * }" ;;
	esac
}

# The version of QEMU that is meant: CHIMNEY_QEMU in the environment, which may also be the path of a program and then
# says nothing of what to build, else the one for this host's release. harness/lib/chimney/paths.py does the same.
qemu_version()
{
	case ${CHIMNEY_QEMU-} in
	'' | */*) ;;
	*)
		echo "$CHIMNEY_QEMU"
		return
		;;
	esac
	host=$(debian_codename)
	# shellcheck disable=SC2154 # the program that sources this sets it
	awk -v host="$host" '!/^#/ { for (i = 2; i <= NF; i++) if ($i == host) print $1 }' "$top/harness/setup/qemu-versions"
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
