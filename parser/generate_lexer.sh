#!/bin/sh
# flex -> C, and a failure if the scanner would back up. Arguments: flex, lexer.l, output, a folder for the report.
set -e
mkdir -p "$4"
report=$4/lexer.backup
"$1" --backup-file="$report" -o "$3" "$2"
grep -q 'No backing up' "$report" || { cat "$report" >&2; exit 1; }
