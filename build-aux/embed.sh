#!/bin/sh
# embed.sh NAME FILE: print C source that holds FILE's bytes as `NAME` and their count as `NAME_len`.
# Only od and sed, so that a build from the tarball needs nothing more.
set -eu
name=$1
file=$2
cat <<EOF
/* Made from $(basename "$file") by build-aux/embed.sh: do not edit. */
#include "core/embed.h"

const unsigned char $name[] = {
EOF
od -An -v -tx1 "$file" | sed -e 's/ \([0-9a-f][0-9a-f]\)/0x\1, /g' -e 's/ *$//' -e 's/^/	/'
cat <<EOF
};
const size_t ${name}_len = sizeof(${name});
EOF
