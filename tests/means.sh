#!/usr/bin/env bash
# means.sh MEANS - exit 0 if this machine has what a test needs.
#
# A test that lacks its means is skipped with "needs MEANS" (need, in
# helper.bash); .ci/run asks here again, and a skip of a test whose means are
# there is a failure.
set -euo pipefail

case ${1:?which means?} in
root) [ "$(id -u)" -eq 0 ] ;;
# Someone whom modes bind (bound, in helper.bash).
bound) [ "$(id -u)" -ne 0 ] || setpriv --bounding-set=-all true 2>/dev/null ;;
# LD_PRELOAD does not go together with the sanitizers' own libraries.
plain) [ -z "${SANITIZERS:-}" ] ;;
# Under valgrind all is thirty times slower, descriptors are open that the
# caller closed, and a command that cannot be executed ends otherwise.
native) [ "${SANITIZERS:-}" != valgrind ] ;;
loop) [ "$(id -u)" -eq 0 ] && losetup -f >/dev/null 2>&1 ;;
mount) unshare -m true 2>/dev/null ;;
tmpfs) unshare -m mount -t tmpfs none /mnt 2>/dev/null ;;
fuse) [ -w /dev/fuse ] ;;
ptrace) strace -qq -o /dev/null true 2>/dev/null ;;
*) command -v "$1" >/dev/null ;;
esac
