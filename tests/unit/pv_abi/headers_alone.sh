#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Every header of pv-abi/ compiles alone: as C11 and C++20 without a warning, pedantically, and as assembly, where it
# must leave nothing but blank lines. Prints one line a failure; the last line is the verdict.
set -u
cd "$(dirname "$0")/../../.." || exit 1
CC=${CC:-gcc}
CXX=${CXX:-g++}
warn="-Wall -Wextra -pedantic -Werror -I."
failed=0
checked=0
text=$(mktemp) || exit 1
trap 'rm -f "$text"' EXIT

# check WHAT HEADER COMMAND...: a translation unit that is only this header (and, for C, one declaration)
check() {
    what=$1
    header=$2
    shift 2
    checked=$((checked + 1))
    if ! printf '#include "%s"\n#include "%s"\n%s\n' "$header" "$header" "$declaration" | "$@"; then
        echo "FAIL $what $header"
        failed=$((failed + 1))
    fi
}

for header in pv-abi/*.h; do
    declaration='typedef int not_empty;'
    check C11 "$header" "$CC" -std=c11 $warn -fsyntax-only -x c -
    check C++20 "$header" "$CXX" -std=c++20 $warn -fsyntax-only -x c++ -
    declaration=
    check assembler "$header" "$CC" -x assembler-with-cpp -Wall -Werror -I. -c -o /dev/null -
    check preprocessed "$header" "$CC" -x assembler-with-cpp -Wall -Werror -I. -E -P -o "$text" -
    if grep -q '[^[:space:]]' "$text"; then
        echo "FAIL $header leaves text in assembly:"
        head -3 "$text"
        failed=$((failed + 1))
    fi
done
[ "$checked" -gt 0 ] || failed=1
echo "headers_alone: $checked checks, $failed failed"
[ "$failed" -eq 0 ]
