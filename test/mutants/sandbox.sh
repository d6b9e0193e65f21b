#!/usr/bin/env bash
# Usage: unshare … sandbox.sh HOME ROOM MUTATED TMP COMMAND… (see __main__.py)
# Run COMMAND with MUTATED in the place of ROOM and TMP in that of /tmp, on disks that can't be written otherwise:
# where a mutant removes files or ends processes, they are none of this machine's. What tests write to our environments
# in HOME is gone at the end.
set -euo pipefail

mount --bind "${3}" "${2}"
mount --bind "${4}" /tmp
mkdir /tmp/home
mount -t tmpfs tmpfs /tmp/home
mkdir /tmp/home/{upper,work}
mount -t overlay -o "lowerdir=${1},upperdir=/tmp/home/upper,workdir=/tmp/home/work" overlay "${1}"
while read -r place; do
	case "${place}" in
		"${1}" | "${2}" | /tmp* | /proc* | /sys* | /dev*) ;;
		*) mount -o remount,bind,ro "${place}" ;;
	esac
done < <(cut -d ' ' -f 5 /proc/self/mountinfo)
exec "${@:5}"
