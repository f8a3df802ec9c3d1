#!/usr/bin/env bash
# Runs every fuzz target of both modules for so long, one after the other: tools/fuzz.sh 5m. Names narrow it down:
# tools/fuzz.sh 1m FuzzScan FuzzPacked. What one finds stays in its package's testdata/fuzz, to be committed as a seed.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:?usage: tools/fuzz.sh TIME [NAME...]}
shift
wanted=" $* "
failed=()
while IFS=: read -r file name; do
  [[ -z ${wanted// /} || $wanted == *" $name "* ]] || continue
  module=$(dirname "$file") # the directory with the go.mod that it belongs to
  until [ -e "$module/go.mod" ]; do module=$(dirname "$module"); done
  package=$(dirname "$(realpath --relative-to="$module" "$file")")
  echo "== $name, $time"
  (cd "$module" && go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "./$package") || failed+=("$name")
done < <(git grep --untracked -o -e '^func Fuzz[A-Za-z0-9_]*' -- '*_test.go' | sed 's/:func /:/')
if [ ${#failed[@]} -gt 0 ]; then
  echo "failed: ${failed[*]}"
  exit 1
fi
